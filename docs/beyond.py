"""The page of extrapolation, from what the benchmarks saved: ``docs/extrapolation.md``."""

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
from markdown_tables import bullets, table_of

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import discrepancies
import extrapolation
import inside_class
import one_input
from bars import RESULTS, Bar
from kept import rows_of
from sets import BESIDE, SETS

INTRO = """# How far can bands be trusted?

Written by `make docs` from what `make bars ONLY="extrapolation discrepancies inside_class optimum_beyond one_input"`
saved. Each public data set is cut at the 50, 70 and 85 % quantile of compute; laws are fitted below
and scored above the cut, with equal weight a cut and a set. Errors, widths and CRPS are of log loss:
0.01 is one per cent. *Believed* is the textbook posterior; without that word the law may be off by
the [discrepancy](../bayescale/discrepancy.py). *Average* stacks the laws by leave-one-out. *Point
fit* is the literature's: Huber loss, L-BFGS from many starts, bootstrap over runs.

Chose the discrepancy: {chose}. Report only: {others}; and beside the means, {beside}, whose runs
have one ratio of tokens to parameters.
"""
CHOICE = """## How the discrepancy was chosen

Its size (1.5 %) and reach (one decade of N or D) were chosen on {chose} alone, with the skaling
law; {others} were scored afterwards. One rule came later and after a look at muennighoff2023: an
average leaves out fits whose diagnostics failed.

**Not reproducible from this repository:** the next table comes from an exploration whose script was
not kept. It is on the choosing sets, in the order of its evidence (mean CRPS of log loss; the law
believed has .0069). The table after it is measured anew for the sizes and reaches, by
`benchmarks/discrepancies.py`; other kernels, drifts and splines were not.

| what the law's error is taken to be | CRPS | cover of 50 % and 90 % |
|---|---|---|
| a Matérn-5/2 surface over (log N, log D), 1.5 %, 1 decade, given the residuals (the default) | .0058 | .59, .90 |
| the same, 2 % | .0058 | .63, .91 |
| the same, 1 % | .0061 | .51, .86 |
| the same with a reach of 2 decades, 2 % | .0061 | .48, .85 |
| the same with a reach of half a decade, 2 % | .0063 | .78, .96 |
| rougher: Matérn-3/2, 2 % | .0059 | .67, .93 |
| smoother: squared exponential, 3 % | .0056 | .60, .90 |
| additive cubic splines in log N and log D, best scale | .0064 | .47, .84 |
| additive Brownian paths in log N and log D, best scale | .0065 | .49, .83 |
| quadratic in (log N, log D), best scale | .0067 | .36, .76 |
| one drift in compute, 1 % a decade | .0068 | .52, .87 |
| independent drifts in N and D, beyond the largest run, .7 % a decade | .0069 | .43, .79 |
| the default's surface, its size learnt from the fit's own residuals | .0064 | .39, .80 |

The last line is why the size is not learnt from residuals: a law absorbs in the fit what it will
miss later, so residuals promise too much.
"""
LEFT_OUT = """## Leave a data set out

The default was chosen on four sets. Here every set is scored with the size and reach that have the
best mean CRPS on the *other* sets (a grid of six sizes and three reaches, the same fits, every
fourth draw). {beside} has no say, and is in the table where it was measured. The kernel stays the
one that was chosen on the four.
"""
LEARNT = """## Is a size learnt from one's own backtests worth having?

The runs below each cut were cut once more (at their 50 and 70 % quantile of compute). The size's
log-normal prior (around the default, sd {spread} of the logarithm) was weighed with the log score
that each size had on the inner held-out runs; *strength* is how many independent runs an inner cut
counts as, none being the default. Its posterior mean then scored the outer held-out runs. On the
sets that choose it changes the mean CRPS by a thousandth, so the package has no function for it.
"""
INSIDE = """## Where the law is true

Forty studies a law, simulated from the law's own default priors (noise too), cut in turn at the 50,
70 and 85 % quantile of compute: what the default costs when nothing is wrong. No public set is
used. Widths are compared in two ways: means over means, and the mean of each study's ratio, which
studies with a scatter far below the discrepancy's size dominate.
"""
OPTIMUM = """## The compute-optimal size beyond the budgets

The lower 40 and 60 % of the runs of nine isoFLOP tables are fitted, and N* at each higher budget is
held against the minimum of a parabola through that budget's own runs. porian2024_isoflop's tables and
hoffmann2022_apple_isoflop are among those the discrepancy was chosen on: this reports no new set.
"""
ONE_INPUT = """## One input: the curves of the literature

Each curve's published split is fitted and scored; `benchmarks/one_input.py` has the protocol.
{measured}. `fit_average` fits M2 to M4 to all points and to those below one half and one quarter of
the largest, and weighs laws and discrepancies by what each fit had not seen. These curves are
mostly one run's own course, where a law misses more, and sooner, than it does of finished runs, and
how much differs from curve to curve. That was chosen on {chose}, beside what is shown there, before
{reported} were scored by it; one discrepancy for all curves, 6 % over half a decade, and weights by
leave-one-out were tried before, and missed the bars of translation and the language model. On
images they had been the more honest: stacking takes the points of a curve for independent, and is
surer of a small discrepancy than it should be.
"""
CHECKPOINTS = """## Rows that share a run

Thirty simulated data sets of twelve runs with fifteen checkpoints each, whose residuals follow from
one another or do not, fitted with noise that takes rows for independent (`student_t`) and with the
default where rows share a run (`checkpoints`); then whole loss curves under other schedules than
those fitted, and public checkpoints. `benchmarks/checkpoints.py` has the protocol. The default
raises the error of whole curves by about half and widens their bands, and does not sample
gemstones2025_cooldown.
"""
COLUMNS = ["cover_50", "cover_90", "crps", "abs_error", "mean_error", "log_score", "width_90"]


def league_rows() -> pd.DataFrame:
    """Return the rows of the league, or none."""
    return pd.DataFrame(rows_of(extrapolation.SAVED, extrapolation.PLAN))


def page() -> str:
    """Return the page; a part that was not measured says so."""
    chose = ", ".join(name for name, chosen in SETS.items() if chosen.chose)
    others = ", ".join(n for n, s in SETS.items() if not s.chose and n not in BESIDE)
    names = {"chose": chose, "others": others, "beside": ", ".join(BESIDE)}
    league = league_rows()
    parts = [
        INTRO.format(**names),
        *_league(league),
        CHOICE.format(**names),
        *_discrepancies(names["beside"]),
        *_inside(),
        OPTIMUM,
        bars_of("optimum_beyond"),
        *_one_input(),
        CHECKPOINTS,
        bars_of("checkpoints"),
        *_sets(league),
    ]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def _missing(name: str) -> str:
    return f"Nothing measured yet: run `make bars ONLY={name}`."


def _league(rows: pd.DataFrame) -> list[str]:
    if rows.empty:
        return [_missing("extrapolation")]
    league = extrapolation.league(rows)
    picture = "![coverage and error by decades beyond the data](images/extrapolation.png)"
    return [bullets(extrapolation.bars(rows, league)), picture, table_of(league[COLUMNS])]


def _sets(rows: pd.DataFrame) -> list[str]:
    if rows.empty:
        return []
    table = rows.sort_values(["set", "crps"]).set_index(["set", "rival"])
    return ["## Set by set", table_of(table[COLUMNS[:5]])]


def _discrepancies(beside: str) -> list[str]:
    rows = pd.DataFrame(rows_of(discrepancies.SAVED, discrepancies.PLAN))
    if rows.empty:
        return [_missing("discrepancies")]
    left, rules = discrepancies.left_out(rows), discrepancies.by_rule(rows)
    return [
        table_of(discrepancies.by_group(rows)),
        LEFT_OUT.format(beside=beside),
        bullets(discrepancies.bars(left, rules)),
        table_of(left.rename_axis("left out")),
        LEARNT.format(spread=discrepancies.SPREAD),
        table_of(rules),
    ]


def _inside() -> list[str]:
    rows = pd.DataFrame(rows_of(inside_class.SAVED, inside_class.PLAN))
    return [INSIDE, _missing("inside_class") if rows.empty else bullets(inside_class.bars(rows))]


def _one_input() -> list[str]:
    rows = pd.DataFrame(rows_of(one_input.SAVED, one_input.PLAN))
    if rows.empty:
        return ["## One input", _missing("one_input")]
    league = one_input.league(rows)
    counts = rows.groupby("domain")["curve"].nunique()
    intro = ONE_INPUT.format(
        chose=", ".join(one_input.CHOSE),
        reported=", ".join(one_input.REPORTED),
        measured=f"Curves measured: {', '.join(f'{n} of {d}' for d, n in counts.items())}",
    )
    return [intro, bullets(one_input.bars(league)), table_of(league)]


def bars_of(name: str) -> str:
    """List the bars that ``make bars`` saved of a measurement."""
    path = RESULTS / f"{name}.json"
    if not path.exists():
        return _missing(name)
    saved: list[dict[str, Any]] = json.loads(path.read_text())["bars"]
    return bullets(Bar(**{k: v for k, v in bar.items() if k != "met"}) for bar in saved)
