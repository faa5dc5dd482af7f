"""Adding runs to a fit: the runs it holds, together with new ones, fitted again."""

from typing import Any, cast

import numpy as np
import pandas as pd

from bayescale.errors import BayescaleError
from bayescale.fitting import Fit, fit
from bayescale.runs import Runs, read_runs
from bayescale.sampling import Sampler


def fitted_runs(fit: Fit) -> pd.DataFrame:
    """Return the runs that a fit was made of.

    Parameters
    ----------
    fit : Fit
        A fitted law.

    Returns
    -------
    pandas.DataFrame
        One row a run: ``run`` (its name), the law's inputs by column, the target, and what the
        noise knows of it (its standard error or trials).
    """
    target, known = fit.target, fit.spec.noise.known
    columns = {
        column: values
        for name, found in fit.inputs.items()
        for column, values in zip(
            fit.spec.columns_of(name), np.atleast_2d(found.values), strict=True
        )
    }
    return pd.DataFrame(
        {
            "run": fit.observed["run"].values,
            **columns,
            target: fit.observed.values,
            **{f"{target}{known[name][0]}": values.values for name, values in fit.known.items()},
        }
    )


def add_runs(
    fitted: Fit, runs: Any, *, random_seed: int | None = None, progressbar: bool = True
) -> Fit:
    """Fit again with more runs, keeping the law, noise, priors and sampler of a fit.

    Parameters
    ----------
    fitted : Fit
        What there is.
    runs : Runs, DataFrame or path
        The new runs only.
    random_seed, progressbar
        As for :func:`bayescale.fit`.

    Returns
    -------
    Fit
        A fit of the old runs and the new.

    Raises
    ------
    BayescaleError
        When the new runs count parameters, or measure the loss, in another way.
    """
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
    suffixes = fitted.spec.noise.known.values()
    optional = {f"{fitted.target}{s}" for s, absent in suffixes if absent is not None}
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
    joined = cast(Runs, read_runs(_typed(table), columns={k: k for k in old}, **units))
    sampler = Sampler(**fitted.record["sampler"])
    return fit(
        joined, fitted.spec, sampler=sampler, random_seed=random_seed, progressbar=progressbar
    )


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    numbers = [name for name in table if name != "run"]
    return table.assign(
        run=table["run"].map(str), **{n: table[n].astype(np.float64) for n in numbers}
    )
