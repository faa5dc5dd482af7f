"""A scenario and the decision in it, in words: for the command line and for the report."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayescale.data.number_format import format_quantity, format_value, plain, relative
from bayescale.decisions.scenario import Scenario


def terms(scenario: Scenario) -> str:
    """Say in one sentence of the report what a budget pays for, and what limits the choice."""
    said = ["the budget pays for training"]
    if scenario.inference_tokens:
        said[0] += f" and for {count_text(scenario.inference_tokens)} tokens of inference"
        if scenario.inference_cost != 1:
            said.append(f"a FLOP of inference costs {scenario.inference_cost:.3g} of training")
    if scenario.max_params is not None:
        said.append(f"at most {count_text(scenario.max_params)} parameters")
    if scenario.max_tokens is not None:
        said.append(f"at most {count_text(scenario.max_tokens)} training tokens")
    for name, values in scenario.at.items():
        said.append(f"{name.replace('_', ' ')} {' or '.join(map(count_text, values))}")
    if scenario.full_bits is not None:
        said.append(f"training in fewer bits than {scenario.full_bits:g} costs as much less")
    text = "; ".join(said)
    return f"{text[0].upper()}{text[1:]}."


def verdict(
    decided: Mapping[Any, Any], tolerance: float, probability: float, unit: str = ""
) -> str:
    """Say in the report which size to choose at one budget, and which are as good.

    Parameters
    ----------
    decided : mapping
        A row of what :func:`bayescale.regret_summary` returned.
    tolerance, probability : float
        Of the flat set.
    unit : str
        Of the target.
    """
    known = {"params", "tokens", "regret", "wasted", "within", "flops", "price", "days"}
    ends = ("near_lower", "near_upper", "flat_lower", "flat_upper")
    opened = [f"{k} = {decided[k]:g}" for k in decided if k not in {*known, *ends}]
    said = [
        f"the least mean regret has the model of {count_text(decided['params'])} parameters and "
        f"{count_text(decided['tokens'])} tokens{''.join(f', {o}' for o in opened)}: "
        f"{regret_text(decided['regret'], unit)}, a mean compute overhead of "
        f"{relative(decided['wasted'])} of the budget relative to the best model under each draw."
    ]
    if decided["near_lower"] < decided["near_upper"]:
        near = " to ".join(count_text(decided[end]) for end in ends[:2])
        said.append(
            f"Sizes from {near} are expected to have at most {relative(tolerance)} of the budget "
            "more overhead."
        )
    if np.isfinite(decided["flat_lower"]):
        flat = " to ".join(count_text(decided[end]) for end in ends[2:])
        said.append(
            f"From {flat}, the overhead is at most {relative(tolerance)} with a probability of "
            f"{relative(probability)}."
        )
    else:
        said.append(
            f"No size has an overhead below {relative(tolerance)} with a probability of "
            f"{relative(probability)}: the best size is too uncertain."
        )
    return " ".join(said)


def budget_labels(scenario: Scenario) -> list[str]:
    """Write the budgets of a decision as they were given: FLOP, money or days."""
    if scenario.price:
        return [f"a price of {count_text(price)}" for price in scenario.price]
    if scenario.days:
        return [f"{days:,.4g} days of training" for days in scenario.days]
    return [format_value(flops, "flops") for flops in scenario.flops]


def regret_text(value: float, unit: str) -> str:
    """Write a regret with the unit of the target."""
    return f"{plain(value, value)} {unit}".rstrip()


def count_text(value: float) -> str:
    """Write a number of parameters or tokens."""
    return format_quantity(float(value))
