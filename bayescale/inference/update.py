"""Adding runs to a fit."""

from collections.abc import Mapping

import pandas as pd

from bayescale.data.read import RunsLike, read_runs
from bayescale.data.runs import Runs
from bayescale.errors import BayescaleError
from bayescale.inference.argument_checks import of_one_law
from bayescale.inference.fit import fit
from bayescale.inference.fitted_runs import fitted_runs, read_as_fitted, runs_again
from bayescale.inference.result import Fit
from bayescale.inference.sampling import Sampler, seed_of
from bayescale.model.spec import Prior, make_spec


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
    check_conventions(fitted, new)
    known = fitted.record["runs"]
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
    joined = read_as_fitted(fitted, table, list(old), units)
    sampler = Sampler(**fitted.record["sampler"])
    seed = seed_of(random_seed, fitted.seed)
    return fit(joined, fitted.spec, sampler=sampler, random_seed=seed, progressbar=progressbar)


def check_conventions(fitted: Fit, new: Runs) -> None:
    """Raise where other runs count parameters, or measure the loss, in another way than a fit's.

    Raises
    ------
    BayescaleError
        When they do; names the two conventions.
    """
    for what in ("params_convention", "loss_unit"):
        before, now = fitted.record["runs"][what], getattr(new, what)
        if "unknown" not in (before, now) and before != now:
            raise BayescaleError(
                f"{what} is {before!r} in the fit and {now!r} in {new.source}: convert one of them"
            )


def fit_again(fitted: Fit, priors: Mapping[str, Prior], seed: int) -> Fit:
    """Fit the same runs again with other priors of some parameters, at the same reference points.

    A number fixes a parameter.
    """
    inputs = fitted.law.inputs
    references = {
        name: value
        for name, value in fitted.references.items()
        if name not in inputs or inputs[name].relative
    }
    spec = make_spec(fitted.spec, priors=priors, references=references)
    sampler = Sampler(**fitted.record["sampler"])
    return fit(runs_again(fitted), spec, sampler=sampler, random_seed=seed, progressbar=False)
