"""The page that compares with other tools, from what the benchmarks saved: ``docs/comparison.md``."""

import json

import beyond
import extrapolation
from bars import RESULTS
from markdown_tables import table

INTRO = """# Comparison with other tools

Written by `make docs` from `benchmarks/results`. The same data are given to each; what bayescale does not do
better is here too.
"""
POINT_FIT = """## Point fits with a bootstrap

What most papers do: minimise a Huber loss of log loss by L-BFGS from many starts, resample the runs for intervals.
Seven public data sets, cut at three quantiles of compute; fitted below, scored on the larger runs above
([details](extrapolation.md)). Errors and widths are of log loss: 0.01 is one per cent.
"""
POINT_FIT_SAID = """A bootstrap shows how a point fit moves with the runs, not how far the law may be off: its 90 % bands
cover about half of the larger runs. bayescale has this fit too, `bs.backtest_point_fit`, to compare with on your runs.
"""
SAMPLERS = """## Other samplers, other implementations

Nine laws, sampled by PyMC's and numpyro's NUTS on the model that `bs.build_model` gives, and by Stan programs whose
equations, transformations and likelihoods were written by hand. Means and standard deviations of every parameter,
{compared}: root mean square difference {rms:.2f} in units of its Monte Carlo error (1 is expected of
equal posteriors), the largest {largest:.1f}.

On the 245 runs of Hoffmann et al. (2022) with Chinchilla's law, bayescale's coordinates and nutpie give {ours:,.0f}
effective draws (of the worst parameter) per second, `pm.sample` with PyMC's own sampler on the same model {pymc:,.0f}: {ratio:.0f} times as many. A fit
of other runs with the same law takes {refit:.1f} s, since the law is not compiled again.
"""
CURVES = """## A neural network for learning curves

NSL-PFN is trained on synthetic curves of one input. Its paper reports a mean RMSLE of .028 on 72 curves of image
classifiers, with a log score of 3.33; on the 35 that were measured here `bs.fit_average` has {images:.3f} and {score:.2f}: the network is better
there. On double descent it reports .034 and 2.57; `bs.fit_average` has {descent:.3f} and {descent_score:.2f} on four of those curves, which chose among
its rules. On three curves of translation and one of a language model
bayescale's error is {translation:.4f} and {language:.4f} ([details](extrapolation.md#one-input-the-curves-of-the-literature)).
"""
CHOICE = """## When to take something else

| you want | take |
| --- | --- |
| the constants of a law, no intervals, in a second | `scipy.optimize.curve_fit`, or the Huber fit above |
| a regression of another kind | PyMC or Bambi; a fit here is a PyMC model, too (`fit.model`) |
| thousands of curves of one input, in milliseconds each | a neural process such as NSL-PFN: a fit here takes seconds to a minute |
| scores of models that you did not train | `bs.fit_capabilities`, or the paper's own code for point estimates |
| plots and diagnostics of a posterior | ArviZ: `fit.tree` is its data structure |
"""
RIVALS = ["average", "skaling", "skaling, point fit", "chinchilla", "chinchilla, point fit"]
SHOWN = {"cover_90": "in the 90 % band", "abs_error": "mean error", "width_90": "width of the band"}


def page() -> str:
    """Return the page; without results it says so."""
    names = ("speed", "samplers", "one_input")
    if missing := [name for name in names if not (RESULTS / f"{name}.json").exists()]:
        return f"{INTRO}\nNo results yet: run `make bars ONLY='{' '.join(missing)}'`.\n"
    speed, samplers, one_input = map(_values, names)
    parts = [INTRO, POINT_FIT, _league(), POINT_FIT_SAID]
    parts.append(
        SAMPLERS.format(
            compared=_note("samplers", "root mean square of z"),
            rms=samplers["root mean square of z"],
            largest=samplers["largest |z| of a mean or sd"],
            ours=speed["min ESS per second"],
            pymc=speed["min ESS per second, pm.sample(nuts_sampler='pymc')"],
            ratio=speed["ratio"],
            refit=speed["refit of other runs without compiling, s"],
        )
    )
    curves = {"images": "ic", "descent": "double_descent", "translation": "nmt", "language": "lm"}
    errors = {name: one_input[f"{domain}: mean RMSLE"] for name, domain in curves.items()}
    score, descent_score = (one_input[f"{curves[k]}: log score"] for k in ("images", "descent"))
    parts.append(CURVES.format(**errors, score=score, descent_score=descent_score))
    return "\n\n".join(part.rstrip() for part in [*parts, CHOICE]) + "\n"


def _league() -> str:
    """Lay out how bands and point fits did beyond the runs."""
    league = extrapolation.league(beyond.league_rows())
    rows = [
        [name, f"{row['cover_90']:.0%}", f"{row['abs_error']:.2%}", f"{row['width_90']:.1%}"]
        for name, row in league.loc[RIVALS].iterrows()
    ]
    return table(["", *SHOWN.values()], rows)


def _values(name: str) -> dict[str, float]:
    return {bar["name"]: bar["value"] for bar in _bars(name)}


def _note(name: str, bar: str) -> str:
    return next(one["note"] for one in _bars(name) if one["name"] == bar)


def _bars(name: str) -> list[dict]:
    return json.loads((RESULTS / f"{name}.json").read_text())["bars"]
