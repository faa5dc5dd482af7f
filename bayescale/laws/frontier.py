"""The compute-optimal frontier in numbers: N_opt = k C^a, D_opt = k' C^b and L_opt = E + c C^-g.

>>> coefficient, exponent = power_law_through((2.0, 8.0), (1.0, 2.0))
>>> float(coefficient.round(6)), float(exponent.round(6))
(0.707107, 0.5)

C is compute in FLOP, and C = 6 N D.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from bayescale.data import derive
from bayescale.data.number_format import format_quantity
from bayescale.laws.base import Law
from bayescale.laws.functions import log
from bayescale.laws.parameters import Positive, Real

FRONTIER_CONSTANTS = {
    "N_opt_coefficient": "k of the best parameters, N_opt = k C^a, with C in FLOP",
    "N_opt_exponent": "a of the best parameters, N_opt = k C^a",
    "D_opt_coefficient": "k' of the best tokens, D_opt = k' C^b, with C in FLOP",
    "D_opt_exponent": "b of the best tokens, D_opt = k' C^b",
    "L_opt_coefficient": "c of the best target, L_opt = E + c C^-g, with C in FLOP",
    "L_opt_exponent": "g of the best target, L_opt = E + c C^-g",
}
"""What the numbers of a frontier are called, and what they are."""

NOT_6ND = {
    "kaplan": "kaplan is a law of runs that were stopped early, over several epochs: their compute "
    "is not C = 6 N D, and this is not Kaplan's optimum, for which fit kaplan_steps and pass "
    "critical_batch. It holds as it stands if your runs took each token once."
}
"""Laws of which the optimum on C = 6 N D is not their paper's, and why."""

ONE_RATIO = 0.05
"""Standard deviation, in decades of tokens, within which runs lie on a line of tokens and params.

An eighth more or less tokens moves a loss by some one per cent, the scatter of one run.
"""


def split_unknown(columns: Mapping[str, np.ndarray]) -> str:
    """Say why runs cannot tell how a budget is best split, "" where they can.

    Runs of one ratio of tokens to params show what both do together; so do runs of one size, of one
    number of tokens, or whose tokens are a rising power of their params. Runs of one budget, whose
    tokens fall as their params rise, show the best split there.

    Parameters
    ----------
    columns : mapping of str to array, shape (run,)
        What the runs had, by column: params, and tokens or flops.
    """
    params, tokens = columns.get("params"), columns.get("tokens")
    if params is not None and tokens is None and "flops" in columns:
        tokens = derive.tokens(columns["flops"], params)
    if params is None or tokens is None or params.size < 3:
        return ""
    size, data = np.log10(params), np.log10(tokens)
    why = _common(size, data)
    advice = "how a budget is best split between params and tokens rests on the prior"
    return f"{why}: {advice}; add runs at other ratios of tokens to params" if why else ""


def _common(size: np.ndarray, data: np.ndarray) -> str:
    """Say what runs have in common, of the logarithms of their params and tokens."""
    if (data - size).std() < ONE_RATIO:
        return f"all runs have about {10 ** np.median(data - size):.3g} tokens per parameter"
    for name, values in (("params", size), ("tokens", data)):
        if values.std() < ONE_RATIO:
            return f"all runs have about {format_quantity(10 ** float(np.median(values)))} {name}"
    slope, start = np.polyfit(size, data, 1)
    freedom = size.size - 2
    off = ((data - start - slope * size) ** 2).sum() / freedom
    if freedom < 2 or slope <= 0 or off >= ONE_RATIO**2:
        return ""
    return f"all runs have tokens of about {10**start:.3g} * params^{slope:.2g}"


def power_law_through(x: tuple[Any, Any], y: tuple[Any, Any]) -> tuple[Any, Any]:
    """Return k and a of the power law y = k x^a through two points."""
    exponent = log(y[1] / y[0]) / log(x[1] / x[0])
    return y[0] * x[0] ** -exponent, exponent


def frontier_constants_of(
    budgets: tuple[Any, Any], params: tuple[Any, Any], excess: tuple[Any, Any]
) -> dict[str, Any]:
    """Return the constants of the frontier through the optima of two budgets.

    Parameters
    ----------
    budgets : pair
        In FLOP.
    params : pair
        The best size at each.
    excess : pair
        How far the target at the best size is from what unlimited compute would reach.

    Returns
    -------
    dict
        By the names of :data:`FRONTIER_CONSTANTS`.
    """
    tokens = tuple(derive.tokens(c, n) for c, n in zip(budgets, params, strict=True))
    (size, a), (data, b) = (
        power_law_through(budgets, grown) for grown in (params, (tokens[0], tokens[1]))
    )
    loss, g = power_law_through(budgets, excess)
    return dict(zip(FRONTIER_CONSTANTS, (size, a, data, b, loss, -g), strict=True))


def limit_of(law: type[Law], parameters: Mapping[Any, Any]) -> Any:
    """Return what the target comes to with unlimited compute: E, or zero where there is none."""
    declared = law.parameters.get("E")
    floor = isinstance(declared, Positive | Real) and declared.of == "target"
    return parameters["E"] if floor else 0.0


def closed_frontier(
    law: type[Law], references: Mapping[Any, Any], parameters: Mapping[Any, Any]
) -> dict[str, Any]:
    """Return the constants of the frontier of a law with a closed-form optimum.

    They are taken at the reference point, and hold everywhere for all laws of the literature.

    Parameters
    ----------
    law : Law class
        A law.
    references : mapping
        Its reference point.
    parameters : mapping
        Its parameters, as numbers or draws.

    Returns
    -------
    dict
        By the names of :data:`FRONTIER_CONSTANTS`; empty where the law has no closed form, or
        where C = 6 N D is not the compute of the runs that it describes.
    """
    size, data = law.input_of("params"), law.input_of("tokens")
    if not (hasattr(law, "optimal_size") and size and data) or law.name in NOT_6ND:
        return {}
    own = {name: parameters[name] for name in law.parameters}
    scale = derive.flops(references[size], references[data])
    budgets = (scale, math.e * scale)
    params = [references[size] * law.optimal_size(c / scale, **own) for c in budgets]
    losses = [
        law.curve({size: n, data: derive.tokens(c, n)}, references, own)
        for c, n in zip(budgets, params, strict=True)
    ]
    excess = [loss - limit_of(law, own) for loss in losses]
    return frontier_constants_of(budgets, (params[0], params[1]), (excess[0], excess[1]))
