"""Runs made from a law: for trying a design, for tests, and for studies without public data."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bayescale.data import derive
from bayescale.data.limits import OutOfRange, check_positive
from bayescale.data.units import (
    FLOPS_PER_PARAM_TOKEN,
    Quantities,
    parse_quantities,
    parse_quantity,
)
from bayescale.errors import BayescaleError, closest
from bayescale.laws.base import Law
from bayescale.laws.registry import get_law
from bayescale.model.noise.base import Noise
from bayescale.model.noise.registry import get_noise
from bayescale.model.observed_columns import Observable, observables

DEFAULT_NOISE = {
    "sigma": 0.005,
    "nu": 5.0,
    "rho": 0.02,
    "tail": 0.3,
    "inefficiency": 0.3,
    "reach": 0.3,
    "sigma_exponent": 0.1,
}


TYPICAL_TRIALS = 500.0
"""Trials of a run in a typical design, where the law's noise counts them."""


def simulate(
    law: str | type[Law],
    table: pd.DataFrame | Mapping[str, Any],
    parameters: Mapping[str, float],
    *,
    references: Mapping[str, float] | None = None,
    noise: str | Noise | None = None,
    columns: Mapping[str, str] | None = None,
    random_seed: int | None = None,
) -> pd.DataFrame:
    """Simulate what runs of a design would have observed: a law's target, and its steps.

    Parameters
    ----------
    law : str or Law class
        The truth.
    table : DataFrame or mapping
        The design: the law's inputs as columns (``params``, ``tokens``, ...), one row per run.
    parameters : mapping
        The law's parameters. Noise parameters may be among them; the default is a scatter of
        sigma = 0.005 in log loss (and nu = 5 for the Student-t), for a step as for the target.
    references : mapping, optional
        Input or step to reference point, one where not given: the amplitudes are then the
        literature's raw constants (Chinchilla's ``a`` is A).
    noise : str or Noise, optional
        The target's scatter; the law's default when None.
    columns : mapping, optional
        Input or step of the law, or its target, to column of the table, where not the law's own.
    random_seed : int, optional
        Makes the noise reproducible.

    Returns
    -------
    pandas.DataFrame
        The design with the law's target (``loss``), its steps and, where it follows, ``flops`` =
        6 N D.

    Raises
    ------
    BayescaleError
        For a missing column or parameter, or an unknown parameter.

    See Also
    --------
    isoflop_design : Runs at fixed budgets.
    typical_design : Runs over a law's typical range.
    fit : Recover the parameters.

    References
    ----------
    Hoffmann et al. (2022), arXiv:2203.15556 (the constants of the example)

    Examples
    --------
    >>> design = bs.isoflop_design(flops=[1e19, 1e21], ratios=[5, 20, 80])
    >>> truth = {"E": 1.69, "a": 406.4, "alpha": 0.34, "b": 410.7, "beta": 0.28}
    >>> table = bs.simulate("chinchilla", design, truth, random_seed=1)
    >>> list(table), table["loss"].round(2).tolist()
    (['params', 'tokens', 'flops', 'loss'], [3.04, 2.97, 2.99, 2.37, 2.33, 2.34])
    """
    law, columns = get_law(law), columns or {}
    predicted = observables(law, get_noise(noise or law.noise), columns)
    scatter = {k: p for seen in predicted for k, p in seen.parameters.items()}
    usual = {f"{s.prefix}{k}": DEFAULT_NOISE[k] for s in predicted for k in s.noise.parameters}
    values = {**usual, **parameters}
    known = {**law.parameters, **scatter}
    for name in values:
        if name not in known:
            raise BayescaleError(
                f"{law.name} has no parameter {name!r}{closest(name, known)}; "
                f"it has {', '.join(known)}"
            )
    missing = [name for name in known if name not in values]
    if missing:
        raise BayescaleError(f"simulating {law.name} needs a value of {', '.join(missing)}")
    frame = pd.DataFrame(table).copy()
    inputs = {}
    for name, declared in law.inputs.items():
        column = columns.get(name, declared.column)
        for part in declared.columns(column):
            if part not in frame:
                raise BayescaleError(f"the design has no column {part!r}, which {law.name} takes")
            frame[part] = [parse_quantity(v) for v in frame[part]]
        inputs[name] = declared.take(frame, column)
    at = {name: (references or {}).get(name, 1.0) for name in (*law.inputs, *law.steps)}
    rng = np.random.default_rng(random_seed)
    if {"params", "tokens"} <= set(frame) and "flops" not in frame:
        frame["flops"] = derive.flops(frame["params"], frame["tokens"])
    for seen in predicted:
        curve = law.curve(inputs, at, values, seen.step)
        frame[seen.column] = _draw(seen, frame, curve, values, rng)
    return frame


def _draw(
    seen: Observable,
    frame: pd.DataFrame,
    curve: Any,
    values: Mapping[str, float],
    rng: np.random.Generator,
) -> Any:
    for column in seen.needed:
        if column not in frame:
            raise BayescaleError(f"the design has no column {column!r}, which the noise takes")
    known = seen.noise.take(frame, seen.column)
    return seen.noise.draw(curve, seen.of_noise(values), known, rng=rng)


def typical_design(law: str | type[Law], runs: int, random_seed: int | None = None) -> pd.DataFrame:
    """Make a table of runs that spread over the typical range of a law's inputs.

    Parameters
    ----------
    law : str or Law class
        The law.
    runs : int
        Number of runs.
    random_seed : int, optional
        Makes the design reproducible.

    Returns
    -------
    pandas.DataFrame
        The law's inputs by column, log-uniform over their spans (uniform where a span reaches zero
        or below), stratified so that each input covers its whole range; shares of a whole are
        uniform over the simplex; and the number of trials of each run where the law's noise takes
        it.

    Raises
    ------
    BayescaleError
        When no law has the name, or for less than one run.

    See Also
    --------
    isoflop_design : Runs at fixed budgets.
    simulate : Simulate what the runs would have observed.

    Examples
    --------
    >>> design = bs.typical_design("chinchilla", runs=20, random_seed=1)
    >>> list(design), len(design)
    (['params', 'tokens'], 20)
    """
    found = get_law(law)
    if runs < 1:
        raise OutOfRange(f"runs = {runs}: it must be 1 or more")
    spans = {name: i.range() for i in found.inputs.values() for name in i.columns()}
    from scipy.stats import qmc

    places = qmc.LatinHypercube(len(spans), rng=random_seed).random(runs)
    table = {}
    for place, (column, (low, high)) in zip(places.T, spans.items(), strict=True):
        linear = low + (high - low) * place
        table[column] = linear if low <= 0 else low * (high / low) ** place
    for given in (i for i in found.inputs.values() if i.simplex):
        drawn = {column: -np.log1p(-table[column]) for column in given.columns()}
        whole = sum(drawn.values())
        table |= {column: part / whole for column, part in drawn.items()}
    for seen in observables(found, get_noise(found.noise), {}):
        table |= dict.fromkeys(seen.needed, TYPICAL_TRIALS)
    return pd.DataFrame(table)


def isoflop_design(flops: Quantities, ratios: Quantities) -> pd.DataFrame:
    """Make the usual isoFLOP grid: at each budget, models around D = 20 N.

    Parameters
    ----------
    flops : number, text or several
        Budgets, in FLOP.
    ratios : number or several
        Tokens per parameter to train at each budget.

    Returns
    -------
    pandas.DataFrame
        ``params`` and ``tokens`` (counts) and ``flops`` (FLOP), one row per run.

    Raises
    ------
    BayescaleError
        For a budget or ratio that is no positive number.

    See Also
    --------
    typical_design : Runs over a law's typical range.
    simulate : Simulate what the runs would have observed.
    plot_isoflop : A figure of the loss over size at each budget.

    References
    ----------
    Hoffmann et al. (2022), arXiv:2203.15556, sec. 3.2

    Examples
    --------
    >>> bs.isoflop_design(flops=[6e20], ratios=[5, 20, 80]).round(-6)
             params        tokens         flops
    0  4.472000e+09  2.236100e+10  6.000000e+20
    1  2.236000e+09  4.472100e+10  6.000000e+20
    2  1.118000e+09  8.944300e+10  6.000000e+20
    """
    given = parse_quantities("flops", flops, "flops"), parse_quantities("ratios", ratios, "number")
    for name, values in zip(("flops", "ratios"), given, strict=True):
        for value in values:
            check_positive(name, value)
    budget, ratio = (a.ravel() for a in np.meshgrid(*given, indexing="ij"))
    params = np.sqrt(budget / (FLOPS_PER_PARAM_TOKEN * ratio))
    return pd.DataFrame({"params": params, "tokens": ratio * params, "flops": budget})
