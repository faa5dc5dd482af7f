"""The constants of the compute-optimal frontier, in words: for the command line and the report."""

import xarray as xr

from bayescale.data.number_format import Estimate, format_value
from bayescale.inference.posterior_like import PosteriorLike
from bayescale.laws.frontier import limit_of
from bayescale.prediction.intervals import estimate

FRONTIER_HEADER = ("the best, with C in FLOP", "power law", "coefficient", "exponent")


def frontier_rows(
    fit: PosteriorLike, constants: xr.Dataset, ci_prob: float | None
) -> list[tuple[str, str, Estimate, Estimate]]:
    """Return what grows, its power law, the coefficient and the exponent, one row each.

    Parameters
    ----------
    fit : Fit or Average
        What the constants are of.
    constants : Dataset
        What :func:`bayescale.frontier_constants` returned, of one group.
    ci_prob : float, optional
        Probability inside the intervals.
    """
    floored = all(
        not isinstance(limit_of(one.law, one.parameters), float) for one in fit.members().values()
    )
    loss = "E + c C^-g" if floored else "c C^-g"
    said = {"N": ("params", "k C^a"), "D": ("tokens", "k' C^b"), "L": (fit.target, loss)}
    return [
        (
            name,
            law,
            estimate(constants[f"{key}_opt_coefficient"], ci_prob),
            estimate(constants[f"{key}_opt_exponent"], ci_prob),
        )
        for key, (name, law) in said.items()
    ]


def frontier_note(constants: xr.Dataset) -> str:
    """Say where the power laws of a frontier hold."""
    if not constants.attrs["local"]:
        return "By the law alone, with C = 6 N D; these power laws hold at every compute."
    low, high = (format_value(constants.attrs[end], "flops") for end in ("lowest", "highest"))
    return (
        "By the law alone, with C = 6 N D. The optimum is no power law of compute: these are "
        f"local, of {low} to {high}."
    )
