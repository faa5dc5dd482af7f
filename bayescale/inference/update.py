"""Adding runs to a fit, and the runs that it holds, with rows of one run kept together."""

from collections.abc import Sequence
from typing import cast

import numpy as np
import pandas as pd
import xarray as xr

from bayescale.data.aliases import RENAMED
from bayescale.data.read import RunsLike, read_runs
from bayescale.data.runs import Runs
from bayescale.errors import BayescaleError
from bayescale.inference.fit import fit
from bayescale.inference.posterior import of_one_law
from bayescale.inference.result import Fit
from bayescale.inference.sampling import Sampler, seed_of
from bayescale.model.response import Observable


@of_one_law
def fitted_runs(fit: Fit) -> pd.DataFrame:
    """Return the fitted runs.

    Parameters
    ----------
    fit : Fit
        A fitted law.

    Returns
    -------
    pandas.DataFrame
        One row per run: ``run`` (its name), the law's inputs by column, the target and the law's
        steps, and the known quantities of each (its standard error or trials, its place along the
        run). A run in which one
        of them was not observed has NaN there.

    Raises
    ------
    BayescaleError
        For an average, which has several laws: ask one of its fits.

    See Also
    --------
    add_runs : Fit again with more.
    residuals : How far each lies off the law.

    Examples
    --------
    >>> bs.fitted_runs(fit)[["params", "tokens", "loss"]].head(2).round(3)
             params        tokens   loss
    0  2.886751e+08  5.773503e+08  3.506
    1  2.077554e+08  8.022256e+08  3.438
    """
    target, *steps = (_runs_of(fit, seen) for seen in fit.spec.observables)
    for step in steps:
        together = target.combine_first(step)
        rows = [*target.index, *step.index.difference(target.index, sort=False)]
        names = dict.fromkeys([*target, *step])
        target = together.loc[rows, list(names)]
    table = target.rename_axis("run").reset_index()
    if fit.spec.noise.serial:
        labels = table["run"].tolist()
        table["run"] = names_of_runs(labels)
    return table


def _runs_of(fit: Fit, seen: Observable) -> pd.DataFrame:
    """Return inputs and observed values of the runs in which a column was observed, by name."""
    observed = fit.tree_group("observed_data")[seen.column]
    columns = {
        column: values
        for name, found in fit.inputs_of(seen).items()
        for column, values in zip(
            fit.spec.columns_of(name), np.atleast_2d(found.values), strict=True
        )
    }
    columns |= {name: found.values for name, found in fit.groups_of(seen).items()}
    known = {
        f"{seen.column}{seen.noise.known[name][0]}": values.values
        for name, values in fit.known_of(seen).items()
        if name != "series"  # follows from the names
    }
    index = pd.Index(observed[seen.dim].values)
    return pd.DataFrame({**columns, seen.column: observed.values, **known}, index=index)


@of_one_law
def add_runs(
    fitted: Fit, runs: RunsLike, *, random_seed: int | None = None, progressbar: bool = True
) -> Fit:
    """Fit again with more runs, keeping the law, noise, priors and sampler of a fit.

    Parameters
    ----------
    fitted : Fit
        The fit to extend.
    runs : Runs, DataFrame or path
        The new runs only.
    random_seed : int, optional
        Seed of the new draws; that of ``fitted`` when None.
    progressbar : bool
        Show the sampler's progress.

    Returns
    -------
    Fit
        A fit of the old runs and the new.

    Raises
    ------
    BayescaleError
        When the new runs count parameters, or measure the loss, in another way; for one group of
        a pooled fit.

    See Also
    --------
    fit : Fit the first time.
    fitted_runs : The runs that were fitted.
    plan : Choose the next runs.

    Examples
    --------
    >>> more = pd.DataFrame({"params": ["3B"], "tokens": ["120B"], "loss": [2.18]})
    >>> larger = bs.add_runs(fit, more, random_seed=2)  # doctest: +SKIP
    >>> len(bs.fitted_runs(fit)) + len(more)
    41
    """
    if origin := fitted.record.get("pooled"):
        raise BayescaleError(
            f"this is {origin['member'] or 'a new one'} of {origin['of']} groups that were pooled "
            f"by {origin['by']}: add the runs to the pooled fit"
        )
    new = read_runs(runs)
    known = fitted.record["runs"]
    for what in ("params_convention", "loss_unit"):
        before, now = known[what], getattr(new, what)
        if "unknown" not in (before, now) and before != now:
            raise BayescaleError(
                f"{what} is {before!r} in the fit and {now!r} in {new.source}: convert one of them"
            )
    old = fitted_runs(fitted)
    columns = [name for name in old if name in new.table]
    added = new.table[columns].assign(run=new.labels())
    for seen in fitted.spec.observables:
        if seen.noise.serial:
            added[f"{seen.column}_place"] = seen.noise.take(new.table, seen.column)["place"]
    optional = {
        f"{seen.column}{suffix}"
        for seen in fitted.spec.observables
        for suffix, absent in seen.noise.known.values()
        if absent is not None
    }
    missing = [name for name in old if name not in added and name not in optional]
    if missing:
        raise BayescaleError(
            f"{new.source} has no column {', '.join(missing)}, which {fitted.law.name} takes"
        )
    table = pd.concat([old, added], ignore_index=True)
    units = {
        what: next((v for v in (known[what], getattr(new, what)) if v != "unknown"), None)
        for what in ("params_convention", "loss_unit")
    }
    joined = _read(fitted, table, list(old), units)
    sampler = Sampler(**fitted.record["sampler"])
    seed = seed_of(random_seed, fitted.seed)
    return fit(joined, fitted.spec, sampler=sampler, random_seed=seed, progressbar=progressbar)


def runs_again(fitted: Fit, *others: Fit) -> Runs:
    """Return the runs that a fit was made of as a run table, with the units it was told.

    Others of the same runs add the columns that they use besides.
    """
    known = fitted.record["runs"]
    words = ("params_convention", "loss_unit")
    units = {what: known[what] if known[what] != "unknown" else None for what in words}
    table = fitted_runs(fitted)
    for other in others:
        more = fitted_runs(other)
        table = table.assign(**{k: more[k].to_numpy() for k in more if k not in table})
    return _read(fitted, table, list(table), units)


def _read(
    fitted: Fit, table: pd.DataFrame, columns: list[str], units: dict[str, str | None]
) -> Runs:
    names = ["run", *fitted.spec.grouping]
    numbers = {name: table[name].astype(np.float64) for name in table if name not in names}
    typed = table.assign(**{name: table[name].map(str) for name in names}, **numbers)
    return cast(
        Runs, read_runs(typed, columns={name: name for name in columns if name in RENAMED}, **units)
    )


def runs_shared(fit: Fit) -> np.ndarray | None:
    """Return which run each fitted row belongs to, None where every row is a run of its own.

    Rows that carry one name in the table's ``run`` column, such as checkpoints, are one run.

    Returns
    -------
    array of str, shape (run,), or None
    """
    names = names_of_runs([str(label) for label in fit.observed["run"].values])
    return np.array(names) if len(set(names)) < len(names) else None


def names_of_runs(labels: Sequence[str]) -> list[str]:
    """Undo the numbering of repeats: the second row of ``a`` is called ``a (2)``."""
    known = set(labels)
    parts = [(label, *label.rpartition(" (")[::2]) for label in labels]
    return [
        stem if number.removesuffix(")").isdigit() and stem in known else label
        for label, stem, number in parts
    ]


def log_likelihood_by_run(fit: Fit) -> xr.DataArray:
    """Return the log likelihood of each run: of rows that share one, the sum.

    Returns
    -------
    DataArray, dims (chain, draw, run)
    """
    by_row = fit.tree_group("log_likelihood")[fit.target]
    names = runs_shared(fit)
    if names is None:
        return by_row
    return by_row.assign_coords(run=names).groupby("run").sum().transpose("chain", "draw", "run")


def tree_by_run(fit: Fit) -> xr.DataTree:
    """Return the posterior and the log likelihood by run, as ArviZ's LOO takes them."""
    likelihood = log_likelihood_by_run(fit).to_dataset(name=fit.target)
    return xr.DataTree.from_dict({"posterior": fit.posterior, "log_likelihood": likelihood})
