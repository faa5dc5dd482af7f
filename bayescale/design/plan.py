"""Which runs to do next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayescale.data.display_tables import html_block, rows_shown
from bayescale.data.limits import check_range
from bayescale.data.number_format import format_quantity, number_of, percent
from bayescale.data.units import Quantity, parse_quantity
from bayescale.design.candidates import candidate_runs, inputs_of
from bayescale.design.discrimination import model_discrimination
from bayescale.design.gaussian_update import posterior_uncertainty
from bayescale.design.quantities_of_interest import About, quantity_text, read_about
from bayescale.design.search import Uncertainty, choose, fewest_sizes
from bayescale.errors import BayescaleError
from bayescale.inference.argument_checks import check_posterior
from bayescale.inference.fitted_runs import fitted_runs
from bayescale.inference.posterior_like import PosteriorLike
from bayescale.inference.result import Fit
from bayescale.inference.sampling import seed_of
from bayescale.prediction.averaging import Average
from bayescale.prediction.discrepancy import DISCREPANCY, Discrepancy, DiscrepancyLike
from bayescale.prediction.points import PointsLike

LAW = "law"
"""The value of ``about`` for model discrimination: which of several laws is right."""


LITTLE = 0.02
"""A plan that lowers the standard deviation by less than this share proposes no run."""


@dataclass(frozen=True, eq=False)
class Plan:
    """The next runs, and how much uncertainty they remove.

    Attributes
    ----------
    runs : DataFrame
        One row per run, the most informative for its cost first: the law's inputs by column,
        ``cost``, ``sd_after`` (the standard deviation after it and those above) and ``share`` of
        the plan's variance reduction. They are the best of the candidates, also where
        ``do_nothing`` says that they are not worth it; none where the budget buys none.
    candidates : DataFrame
        All candidate runs, with ``sd_after`` of each alone.
    done : DataFrame
        The fitted runs, as :func:`bayescale.fitted_runs` gives them.
    quantity : mapping
        The quantity of interest: the columns of a point, or parameters; empty for which law is
        right.
    about : str
        The same as text.
    sd_now, sd_after : float
        Its posterior standard deviation now, and the expected one after the runs. For which law is
        right: the upper bound on the probability of choosing the wrong one.
    unit : str
        The unit of ``cost``: FLOP, params or tokens; "" where the candidates state it.

    See Also
    --------
    plan : Make one.
    plot_plan : A figure of it.

    Examples
    --------
    >>> candidates = pd.DataFrame({"params": [1e9, 4e9], "tokens": [8e10, 8e10]})
    >>> planned = bs.plan(fit, candidates, about="alpha", runs=1)
    >>> planned.runs[["params", "tokens", "cost"]]
             params        tokens          cost
    0  4.000000e+09  8.000000e+10  1.920000e+21
    """

    runs: pd.DataFrame
    candidates: pd.DataFrame
    done: pd.DataFrame
    quantity: Mapping[str, float]
    about: str
    sd_now: float
    sd_after: float
    unit: str

    @property
    def gain(self) -> float:
        """By which share the runs lower the standard deviation."""
        return 1 - self.sd_after / self.sd_now

    @property
    def do_nothing(self) -> bool:
        """Whether the runs are not worth it: they lower the standard deviation by under 2 %."""
        return self.gain < LITTLE

    def __str__(self) -> str:
        if not len(self.runs):
            return "Do nothing: the budget buys no run of a tenth of the smallest fitted one."
        many = number_of(len(self.runs), "run")
        kind = "count" if self.unit in ("params", "tokens") else "flops"
        total = format_quantity(self.runs["cost"].to_numpy(float).sum(), kind=kind)
        cost = f"{total} {self.unit}".strip()
        ends = f"from {self.sd_now:.3g} to {self.sd_after:.3g}"
        what = f"the standard deviation of {self.about}"
        if not self.quantity:
            what = f"the error probability (upper bound) of {self.about}"
        lowered = f"{what} by {percent(self.gain, 2)}, {ends}"
        if self.do_nothing:
            return (
                f"Do nothing: the best {many.removeprefix('1 ')} of {cost} in total would lower "
                f"{lowered}, less than the {percent(LITTLE, 2)} from which runs are proposed. "
                "Decide with the present uncertainty, or run closer to the target, with a larger "
                "budget."
            )
        return f"{many} of {cost} in total would lower {lowered}."

    def __repr__(self) -> str:
        return f"<bayescale.Plan {self}>"

    def _repr_html_(self) -> str:
        rows = [] if self.do_nothing else rows_shown(self.runs)
        return html_block(f"a plan for {self.about}", str(self), rows=rows)


def _several(fit: PosteriorLike | Mapping[str, Fit]) -> PosteriorLike:
    """Return what is planned for, fits by name as an average in which all count the same."""
    if isinstance(fit, Mapping):
        return Average(fit, dict.fromkeys(fit, 1.0))
    check_posterior("plan", fit)
    return fit


def plan(
    fit: PosteriorLike | Mapping[str, Fit],
    candidates: PointsLike | None = None,
    *,
    budget: Quantity | None = None,
    about: About | None = None,
    runs: int = 6,
    limits: Mapping[str, Quantity] | None = None,
    discrepancy: DiscrepancyLike = DISCREPANCY,
    random_seed: int | None = None,
) -> Plan:
    """Choose the next runs: the most informative ones for a budget and a quantity of interest.

    The expected variance reduction of a run is computed from the posterior draws, without
    refitting, in a linear Gaussian approximation (:mod:`bayescale.design.gaussian_update`). With a
    discrepancy the quantity of interest includes it, so only runs near the target are informative.
    The part of a best size that is not linear in the outcomes is assumed to remain, so ``sd_after``
    is conservative where the best size is very uncertain.

    Without ``candidates`` the runs are ones that people would launch. Their sizes and tokens have
    two digits; their tokens per parameter are those of the middle 95 % of the fitted runs (of a
    ladder of one ratio from a tenth to ten times it; and as far as a point asked about); no two
    differ by less than a fifth in both; none has less than a tenth of the params or tokens of
    every fitted run, as how wrong the law is there is unknown; and of plans within a twentieth of
    the best gain, it has the fewest sizes. Runs that lower the standard deviation by less than 2 %
    are not proposed, and a budget may buy no run of such a size: ``do_nothing``.

    Parameters
    ----------
    fit : Fit, Average or mapping of str to Fit
        A fitted law, or several of the same runs.
    candidates : DataFrame or mapping, optional
        The runs to choose from: the law's inputs by column, and ``cost`` where that is neither 6 N
        D nor, for a law without compute, the params or tokens; any of them may be chosen. When
        None, a grid of runs that spend the budget or a part of it; for a law of further inputs,
        runs near the fitted ones.
    budget : number or str, optional
        The largest total cost of the runs, in FLOP or the unit of ``cost``; unlimited when None.
    about : str or mapping, optional
        ``"flops=1e24"``: the best size at a budget (its log). ``"params=70B,tokens=1.4T"``: the
        loss of a run. ``"alpha"`` or ``"alpha-beta"``: parameters. ``"law"``: which of several laws
        is right. When None, ten times the largest fitted run, for a law of compute or of one input
        (of a loss, a tenth below the lowest fitted one); ``"law"`` for a mapping of fits. It is not
        ``at``, which names points elsewhere: most of these are none.
    runs : int
        The most runs to choose, 1 to 100.
    limits : mapping, optional
        The largest feasible run: ``{"params": "20B", "tokens": "1T"}``.
    discrepancy : Discrepancy, number, pair or bool, optional
        How wrong the law may be away from the runs; None assumes that the law holds.
    random_seed : int, optional
        Seed of the discrepancy; the fit's own when None.

    Returns
    -------
    Plan

    Raises
    ------
    BayescaleError
        When there are no candidates, or the quantity of interest is unknown.

    See Also
    --------
    least_useful : Rank the fitted runs in the same way.
    identify : Runs that would identify a parameter.
    plot_plan : A figure of the plan.

    Examples
    --------
    >>> planned = bs.plan(fit, budget="1e21", about="flops=1e23", runs=2)
    >>> len(planned.runs), planned.about
    (2, 'the log of the best size at 1e+23 FLOP')
    >>> planned.sd_after < planned.sd_now
    True
    >>> bool(planned.runs["cost"].sum() <= 1e21)
    True
    """
    discrepancy = Discrepancy.of(discrepancy)
    check_range("runs", runs)
    several = _several(fit)
    first, discrepancy = several.representative, several.typical(discrepancy)
    spend = np.inf if budget is None else parse_quantity(budget, "flops")
    which = about == LAW or (about is None and several is not fit)
    quantity = {} if which else read_about(about, first)
    most = None if budget is None else spend
    choice = candidate_runs(first, candidates, most, limits, quantity)
    table = choice.table.assign(cost=choice.cost)
    known = fitted_runs(first) if table.empty else table  # the uncertainty now needs some runs
    places = {name: inputs_of(one, known) for name, one in several.members().items()}
    if which:
        if len(several.weights) == 1:
            raise BayescaleError(
                "about='law' compares several fits and one is given: pass "
                "plan({'a': fit_a, 'b': fit_b}, ...)"
            )
        words = f"which of {', '.join(several.members())} is right"
        now, show = model_discrimination(several, places, discrepancy), np.asarray
    else:
        words = quantity_text(quantity, first)
        rng = np.random.default_rng(seed_of(random_seed, several.seed))
        now, show = posterior_uncertainty(several, quantity, places, discrepancy, rng), np.sqrt
    chosen = [] if table.empty else choose(now, choice.cost, spend, runs)
    if not chosen and not table.empty:
        raise BayescaleError(f"no candidate run is informative about {words}")
    if candidates is None and chosen:
        chosen = fewest_sizes(now, chosen, choice.cost, spend, _sizes(choice.table))
    remaining = _uncertainties(now, chosen)
    lost, sd = -np.diff(remaining), show(remaining)
    outcome = {"sd_after": sd[1:], "share": lost / lost.sum()}
    return Plan(
        runs=table.iloc[chosen].reset_index(drop=True).assign(**outcome),
        candidates=table.assign(sd_after=show(now.uncertainty_after())[: len(table)]),
        done=fitted_runs(first),
        quantity=quantity,
        about=words,
        sd_now=float(sd[0]),
        sd_after=float(sd[-1]),
        unit=choice.unit,
    )


def _sizes(table: pd.DataFrame) -> np.ndarray:
    """Return what a new size of model means building: params, or a run's first input."""
    return table["params" if "params" in table else str(table.columns[0])].to_numpy()


def _uncertainties(now: Uncertainty, chosen: Sequence[int]) -> np.ndarray:
    """Return the uncertainty before, between and after the chosen runs."""
    remaining = [now.uncertainty]
    for run in chosen:
        now = now.condition_on(run)
        remaining.append(now.uncertainty)
    return np.array(remaining)
