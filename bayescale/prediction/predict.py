"""Bands for runs that were not done: the law, and the loss that would be observed."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from bayescale.data.units import Quantities
from bayescale.inference.argument_checks import check_posterior
from bayescale.inference.groups import group_fit
from bayescale.inference.models import Model
from bayescale.inference.posterior_like import PosteriorLike
from bayescale.inference.result import Fit
from bayescale.inference.sampling import seed_of
from bayescale.prediction.discrepancy import DISCREPANCY, Discrepancy, DiscrepancyLike
from bayescale.prediction.points import (
    PointsLike,
    as_read,
    drop_node_columns,
    inputs_at,
    make_points,
    points_for_law,
    split_groups,
    used,
)
from bayescale.prediction.run_ahead import last_row
from bayescale.prediction.runs_by_compute import known_at


def predict(
    fit: PosteriorLike | Model,
    at: PointsLike | None = None,
    *,
    params: Quantities | None = None,
    tokens: Quantities | None = None,
    flops: Quantities | None = None,
    grid: bool = False,
    discrepancy: DiscrepancyLike = DISCREPANCY,
    random_seed: int | None = None,
) -> xr.Dataset:
    """Predict the target at new points.

    Parameters
    ----------
    fit : Fit, Average or Model
        A fitted law, or several; a model file's (:func:`bayescale.load_model`), fitted if needed.
    at : DataFrame or mapping, optional
        Points as columns, for laws with other inputs than params, tokens and flops. Of a DataFrame
        the columns that the law does not take are left out, and those that it takes may have the
        names of the fitted runs' own table. Of a pooled fit it has the column of
        the groups: ``{"family": "pythia"}``.
    params, tokens, flops : number, str or 1-d array, optional
        Points: ``params="70B", tokens="1.4T"``. Of the three, two make the third by C = 6 N D.
        Arrays go together, element by element.
    grid : bool
        Take every combination of the values instead.
    discrepancy : Discrepancy, number, pair or bool, optional
        How wrong the law may be away from the runs; None assumes that the law holds.
    random_seed : int, optional
        Seed of the discrepancy and of the noise in ``new_run``; the fit's own when None.

    Returns
    -------
    xarray.Dataset, dims (chain, draw, point), of a model of several targets (target, ...)
        ``law``, the expected value under the law; ``outcome``, that with its discrepancy: the mean
        of a run, without scatter; and ``new_run``, the posterior predictive of an observed value
        (the outcome with one run's scatter), all in the target's unit. The points' columns are
        coordinates; :func:`bayescale.credible_intervals` makes a table of bands. Draws go together
        over the points, so differences between points have posteriors too.

    Raises
    ------
    BayescaleError
        When a point lacks an input of the law, or arrays do not go together.

    See Also
    --------
    credible_intervals : A table of the bands.
    optimum : The best allocation of a budget.
    plot_bands : A figure of the bands.
    Discrepancy : How wrong the law may be.

    References
    ----------
    Kennedy and O'Hagan (2001), doi:10.1111/1467-9868.00294 (model discrepancy)

    Examples
    --------
    >>> answer = bs.predict(fit, params="70B", tokens="1.4T")
    >>> list(answer), answer["law"].dims
    (['law', 'outcome', 'new_run'], ('chain', 'draw', 'point'))
    >>> table = bs.credible_intervals(answer).set_index("quantity")
    >>> table.loc[["law"], ["median", "lower", "upper"]].round(2)
              median  lower  upper
    quantity
    law         1.94   1.92   1.96
    """
    if isinstance(fit, Model):
        asked = {
            "params": params,
            "tokens": tokens,
            "flops": flops,
            "grid": grid,
            "discrepancy": discrepancy,
            "random_seed": random_seed,
        }
        answers = [predict(one, at, **asked) for one in fit.fits.values()]
        return answers[0] if len(answers) == 1 else _by_target(fit, answers)
    check_posterior("predict", fit)
    discrepancy, seed = Discrepancy.of(discrepancy), seed_of(random_seed, fit.seed)
    given = {"params": params, "tokens": tokens, "flops": flops}
    several = list(fit.members().values())

    def ask(one: Fit, wrong: Discrepancy | None) -> xr.Dataset:
        return _of_fit(one, points_for_law(one, several, at), given, grid, wrong, seed)

    return fit.mix(ask, discrepancy)


def _by_target(model: Model, answers: list[xr.Dataset]) -> xr.Dataset:
    """Put the answers for each target side by side."""
    names = xr.DataArray(list(model.targets), dims="target", name="target")
    return xr.concat(answers, dim=names, combine_attrs="drop_conflicts")


def _of_fit(
    fit: Fit,
    table: PointsLike | None,
    given: Mapping[str, Any],
    grid: bool,
    discrepancy: Discrepancy | None,
    seed: int,
) -> xr.Dataset:
    """Predict by one fit; ``given`` has params, tokens and flops."""
    table = as_read(fit, table)
    if fit.spec.pool is not None:
        table, names = split_groups(fit, table)
        points = make_points({**given, **names}, table, grid, fit)
        return _by_group(fit, points, discrepancy, seed)
    points = make_points(given, used(fit, table), grid, fit)
    inputs = inputs_at(fit, points)
    points = drop_node_columns(fit, points)
    rng = np.random.default_rng(seed)
    found = forecast(fit, inputs, known_at(fit, inputs), discrepancy=discrepancy, rng=rng)
    return points.assign(
        {name: values.assign_attrs(units=fit.unit) for name, values in found.items()}
    ).assign_attrs(law=fit.law.name, target=fit.target)


def _by_group(
    fit: Fit, points: xr.Dataset, discrepancy: Discrepancy | None, seed: int
) -> xr.Dataset:
    """Ask each point's own group, of a pooled fit, and put the answers in the points' order.

    Each group has a discrepancy of its own: what its runs say of one law's error they do not say of
    another's.
    """
    (by,) = fit.spec.grouping
    rng = np.random.default_rng(seed)
    numbers = points.coords[by].values.astype(int)
    answers, order = [], []
    for number in np.unique(numbers):
        name, own = fit.groups[number], np.flatnonzero(numbers == number)
        table = {str(k): v.values[own] for k, v in points.coords.items() if k != by}
        answer = predict(
            group_fit(fit, name),
            table,
            discrepancy=discrepancy,
            random_seed=int(rng.integers(2**32)),
        )
        answers.append(answer.assign_coords({by: ("point", [name] * len(own))}))
        order.append(own)
    whole: Any = xr.concat(answers, dim="point", combine_attrs="drop_conflicts")
    return whole.isel(point=np.argsort(np.concatenate(order)))


def forecast(
    fit: Fit,
    inputs: Mapping[str, xr.DataArray],
    known: Mapping[str, Any],
    *,
    discrepancy: Discrepancy | None,
    rng: np.random.Generator,
) -> dict[str, xr.DataArray]:
    """Draw ``law``, ``outcome`` and ``new_run`` at inputs in their own units, dim point.

    Parameters
    ----------
    fit : Fit
        A fitted law.
    inputs : mapping of str to DataArray, dim point
        By the law's names.
    known : mapping
        What the noise uses of each point besides.
    discrepancy, rng
        How wrong the law may be, and where chance comes from.

    Returns
    -------
    dict of str to DataArray, dims (chain, draw, point)
    """
    curve, outcome, parameters = expected(fit, inputs, discrepancy=discrepancy, rng=rng)
    new_run = fit.spec.noise.draw(outcome, parameters, known, rng=rng)
    return {"law": curve, "outcome": outcome, "new_run": new_run}


def expected(
    fit: Fit,
    inputs: Mapping[str, xr.DataArray],
    *,
    discrepancy: Discrepancy | None,
    rng: np.random.Generator,
) -> tuple[xr.DataArray, xr.DataArray, xr.Dataset]:
    """Return the law at inputs, where a run there is expected, and how such a run scatters.

    Parameters
    ----------
    fit, inputs, discrepancy, rng
        As for :func:`forecast`.

    Returns
    -------
    law, outcome : DataArray, dims (chain, draw, point)
        The second follows the run that was fitted (:mod:`bayescale.prediction.run_ahead`).
    parameters : Dataset
        Of the law and the noise, around the outcome.
    """
    noise, last = fit.spec.noise, last_row(fit)
    at = inputs if last is None else last.inputs_with(fit, inputs)
    curve = fit.curve(at).transpose("chain", "draw", "point")
    outcome = curve
    if discrepancy is not None:
        outcome = noise.displace(curve, discrepancy.surface(fit).draw(at, rng), fit.scale)
    if last is None:
        return curve, outcome, fit.parameters
    moved, parameters = last.carried(fit, outcome, inputs)
    return curve.isel(point=slice(-1)), moved, parameters
