"""How a budget may be spent: which N and D it pays for, and what a law says of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from bayescale.data import derive
from bayescale.data.limits import check_positive
from bayescale.data.number_format import format_quantity
from bayescale.data.units import FLOPS_PER_PARAM_TOKEN
from bayescale.decisions.scenario import Scenario
from bayescale.errors import BayescaleError, closest
from bayescale.inference.groups import refuse_pooled
from bayescale.inference.result import Fit
from bayescale.model.observed_columns import inputs_text

INFERENCE_FLOPS = 2
"""Inference takes two FLOP a parameter and token."""


Option = Mapping[str, Any]
"""Further inputs by column: numbers, or arrays that broadcast with N and D."""


@dataclass(frozen=True, eq=False)
class Spending:
    """The choices that a scenario leaves to a law of params and tokens.

    A choice is a log ratio of tokens to parameters: along what a budget pays for,
    6 N D + 2 N I = C with I inference tokens, N and D are smooth in it, and exact.

    Parameters
    ----------
    fit : Fit
        A fitted law.
    scenario : Scenario
        What the budget pays for.

    Raises
    ------
    BayescaleError
        When the law has no params or no tokens, or the scenario lacks an input of the law, or has
        one that the law does not take.
    """

    fit: Fit
    scenario: Scenario

    def __post_init__(self) -> None:
        fit, given = self.fit, set(self.scenario.at)
        refuse_pooled(fit, "a choice of size")
        columns = [fit.spec.column(name) for name in fit.law.inputs]
        sized = "params" in columns and {"tokens", "flops"} & set(columns)
        if not sized or any(declared.nodes for declared in fit.law.inputs.values()):
            other = (
                "; its own optimum is optimum(fit, flops, critical_batch=...)"
                if "steps_min" in columns
                else ""
            )
            raise BayescaleError(
                f"{fit.law.name} takes {inputs_text(fit.spec)}: an optimum needs a law of params "
                f"and tokens, such as chinchilla or skaling{other}"
            )
        needed = {c for c in columns if c not in ("params", "tokens", "flops")}
        if missing := sorted(needed - given - ({"epochs"} if "unique_tokens" in given else set())):
            asked = ["unique_tokens" if name == "epochs" else name for name in missing]
            values = ", ".join(f"{name} = ..." for name in asked)
            raise BayescaleError(
                f"{fit.law.name} takes {', '.join(columns)}: a budget of params and tokens leaves "
                f"{', '.join(missing)} open; say at = {{ {values} }} in a scenario"
            )
        allowed = needed | ({"unique_tokens"} if "epochs" in needed else set())
        for name in given - allowed:
            known = f"it takes {', '.join(columns)}" + (
                "; for data that repeats take the law `repeated`, or set max_tokens"
                if name == "unique_tokens"
                else ""
            )
            raise BayescaleError(
                f"{fit.law.name} has no input {name!r} to fix{closest(name, sorted(allowed))}; "
                f"{known}"
            )

    @property
    def sign(self) -> int:
        """What to multiply the target by so that less is better."""
        return -1 if self.fit.law.rises else 1

    @property
    def options(self) -> list[dict[str, float]]:
        """Every combination of the further inputs."""
        return self.scenario.options

    @property
    def serving(self) -> float:
        """What inference costs a parameter, in FLOP of training."""
        lifetime = INFERENCE_FLOPS * self.scenario.inference_tokens
        return lifetime * self.scenario.inference_cost

    def training(self, option: Option) -> Any:
        """Return what training costs a parameter and token, in FLOP."""
        full = self.scenario.full_bits
        return FLOPS_PER_PARAM_TOKEN * (1.0 if full is None else option["bits"] / full)

    def cost(self, params: Any, tokens: Any, option: Option) -> Any:
        """Return what a model costs, in FLOP of training."""
        return (self.training(option) * tokens + self.serving) * params

    def split(self, budget: Any, ratio: Any, option: Option) -> tuple[Any, Any]:
        """Return the N and D that spend a budget at a log ratio of D to N, limits aside."""
        half = self.serving / 2
        params = budget / (half + np.sqrt(half**2 + self.training(option) * np.exp(ratio) * budget))
        return params, params * np.exp(ratio)

    def within(self, params: Any, tokens: Any) -> tuple[Any, Any]:
        """Return N and D cut to the limits: where both bind, a budget is not spent in full."""
        most, longest = self.scenario.max_params, self.scenario.max_tokens
        params = params if most is None else np.minimum(params, most)
        return params, tokens if longest is None else np.minimum(tokens, longest)

    def tokens(self, budget: Any, params: Any, option: Option) -> Any:
        """Return the training tokens that are left for a size; zero or less where none are."""
        left = (budget / params - self.serving) / self.training(option)
        return self.within(params, left)[1]

    def limits(self, budget: np.ndarray, option: Option) -> tuple[np.ndarray, np.ndarray]:
        """Return the least and the largest log ratio of D to N that the limits allow a budget."""
        low, high = np.full(budget.shape, -np.inf), np.full(budget.shape, np.inf)
        most, longest = self.scenario.max_params, self.scenario.max_tokens
        if most is not None:
            left = (budget / most - self.serving) / self.training(option) / most
            low = np.log(left, where=left > 0, out=low)
        if longest is not None:
            high = np.log(longest * (self.training(option) * longest + self.serving) / budget)
        return np.minimum(low, high), high

    def inputs(self, params: Any, tokens: Any, option: Option) -> dict[str, Any]:
        """Return the law's inputs, by its names, as arrays of one shape."""
        columns = {"params": params, "tokens": tokens, **option}
        columns["flops"] = derive.flops(params, tokens)
        if "unique_tokens" in option:
            columns.setdefault("epochs", np.maximum(tokens / option["unique_tokens"], 1.0))
        return {
            name: columns[self.fit.spec.column(name)] + 0 * params for name in self.fit.law.inputs
        }

    def loss(self, budget: Any, ratio: Any, option: Option) -> Any:
        """Return the law where the budget is split so."""
        found = self.within(*self.split(budget, ratio, option))
        return self.fit.curve(self.inputs(*found, option))

    def budgets(self) -> xr.DataArray:
        """Return the scenario's budgets, dim budget, with their price or days as coordinates.

        Raises
        ------
        BayescaleError
            When it has none.
        """
        if not self.scenario.budgets:
            raise BayescaleError(
                "the scenario has no budget: give it flops, price or days, as in "
                "Scenario(flops='1e24', ...)"
            )
        coords = {
            name: ("budget", list(values))
            for name in ("price", "days")
            if (values := getattr(self.scenario, name))
        }
        return xr.DataArray(list(self.scenario.budgets), dims="budget", coords=coords)

    def affords(self, budget: float, params: Any) -> Any:
        """Return whether inference of a size leaves something to train with."""
        return params * self.serving < budget

    def check(self, budget: float, params: np.ndarray) -> None:
        """Raise unless every size is allowed, and leaves something to train with."""
        most = self.scenario.max_params
        for size in params:
            check_positive("params", size)
            if most is not None and size > most:
                raise BayescaleError(
                    f"{format_quantity(size)} parameters are more than max_params, "
                    f"{format_quantity(most)}"
                )
            if not self.affords(budget, size):
                raise BayescaleError(
                    f"inference of {format_quantity(size)} parameters on "
                    f"{format_quantity(self.scenario.inference_tokens)} tokens takes all of "
                    f"{budget:.3g} FLOP: nothing is left to train with"
                )
