"""The page of speed, from what the benchmark saved: ``docs/speed.md``."""

from beyond import bars_of

INTRO = """# Speed

Written by `make docs` from what `make bars ONLY=speed` saved on an idle machine of two cores: 245 runs (Hoffmann et al.
2022), Chinchilla's law. Commands are whole processes, imports and files included, with programs kept from an
earlier process unless said; seconds are of CPU time, medians of five where a command is short.
"""
TRIED = """What was tried where a bar is missed. Ratios are of CPU time, measured in turns with the version before; what
is marked with a star was taken.

| what | tried | gave |
| --- | --- | --- |
| all fits * | `target_accept` .9 for .95, chosen on ten tables of five public sets, three laws each | .75 of the gradients, 2 to 26 % more independent draws, 28 of 30 first tries sound for 26 |
| all fits | `target_accept` .8; 600 draws of warm-up | 24 and 25 of 29 sound, with divergences at .8 |
| four laws with Farseer's * | twice as many draws at .95 before four times as many at .99 | second tries in .4 of the time, most of them sound; the whole command .68 |
| the same | Farseer's coordinates with its mixed slope; with the curvature of its total, too; with that of its excess loss, too | 1.0; 0.4 to 1.5; and 0.3 to 2 times the draws per gradient: two thirds of the variance along the stiffest direction is quadratic in the others, which such shifts leave |
| the same | strides in the place of a grid in the search for the optimum | slower: arrays of one stride are too small |
| the same * | leave-one-out once per fit | four for seven |
| a refit * | smaller `target_accept`, and the law's median at the runs from 667 of 4,000 draws | .84 |
| a refit | climbs that look for other modes end at a coarser tolerance | .8 of the evaluations, and modes are lost |
| first prediction * | what draws miss at 245 runs from what they miss at seven | .34 of the discrepancy's part, .72 of all |
| first prediction | Student draws by Bailey's polar method; powers as exponentials of logarithms | 1.1 and .84 of these parts |
"""


def page() -> str:
    """Return the page."""
    return "\n\n".join([INTRO.rstrip(), bars_of("speed"), TRIED.rstrip()]) + "\n"
