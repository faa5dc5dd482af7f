"""Which laws a run table allows: by its columns, and by the number of its runs."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bayescale.data.number_format import listed, number_of
from bayescale.data.runs import Runs
from bayescale.errors import BayescaleError
from bayescale.inference.link_scale_draws import link_table
from bayescale.inference.result import Fit
from bayescale.laws.registry import get_law
from bayescale.model.literature_priors import LITERATURE, literature_priors, literature_sources
from bayescale.model.spec import LawLike, Spec, make_spec

OF_SIZE_AND_DATA = ("skaling", "chinchilla")
"""Laws of params and tokens; on public data sets the first predicts larger runs best."""

OF_FEWER_RUNS = ("kaplan",)
"""Tried where runs are too few for those. It has no floor: beside them it makes forecasts worse."""

OF_ONE_INPUT = ("power_law_floor", "power_law_saturating")
"""Laws of one input, whichever column the table has."""

NOISE_OF_SIZE_AND_DATA = "heteroscedastic"
"""Their noise: with a scatter that may fall with compute both predict larger runs better."""

PRIORS_OF_SIZE_AND_DATA = LITERATURE
"""Their priors: what public families say of exponents and floor predicts larger runs better."""

CONTRADICTED = 2.5
"""Prior standard deviations from its prior at which a parameter's posterior contradicts it."""

RUNS_PER_PARAMETER = 2.0
"""Runs for each parameter of a law and its default noise, at least, for the law to be tried."""


def specs_for(runs: Runs, laws: Sequence[LawLike] | None, notes: list[str]) -> dict[str, Spec]:
    """Return what to fit to a run table, by the laws' names.

    Parameters
    ----------
    runs : Runs
        The run table.
    laws : sequence, optional
        What to fit; what the table's columns and the number of its runs allow when None.
    notes : list of str
        Is added what was decided, one sentence each.

    Raises
    ------
    BayescaleError
        When nothing that a law takes varies, or no loss does, or the runs are too few for any law.
    """
    if laws is not None:
        specs = [make_spec(law) for law in ([laws] if isinstance(laws, str) else laws)]
        return {spec.law.name: spec for spec in specs}
    if "loss" in runs.table and len(runs) > 1 and len(set(runs.table["loss"])) == 1:
        raise BayescaleError(
            f"{runs.source} has one loss in all of its runs, {runs.table['loss'].iloc[0]:.6g}: "
            "nothing to fit"
        )
    varies = [
        name
        for name in ("params", "tokens", "flops")
        if name in runs.table and np.unique(runs.table[name].dropna()).size > 2
    ]
    smaller: list[Spec] = []
    if {"params", "tokens"} <= set(varies):
        declared = [make_spec(name) for name in OF_SIZE_AND_DATA]
        smaller = [make_spec(name) for name in OF_FEWER_RUNS]
    elif varies:
        declared = [make_spec(name, columns=_reading(name, varies[-1])) for name in OF_ONE_INPUT]
        notes.append(f"The laws take {varies[-1]}, the only input that varies.")
    else:
        raise BayescaleError(
            f"{runs.source} has no params, tokens or flops that vary: nothing scales"
        )
    fitting = _of_few_enough(declared, runs)
    if smaller and fitting:
        fitting = {name: _informed(spec) for name, spec in fitting.items()}
        families = len(literature_sources(next(iter(fitting))))
        notes.append(
            f"Priors of exponents and floor are from {families} public families "
            f"(priors={PRIORS_OF_SIZE_AND_DATA!r})."
        )
    fitting = fitting or _of_few_enough(smaller, runs)
    if not fitting:
        fewest = min(len(one.free) for one in [*declared, *smaller])
        raise BayescaleError(
            f"{number_of(len(runs), 'run')} are too few: the smallest law tried has {fewest} "
            f"parameters; add runs, or fit one by name: {_by_name(smaller)}power_law of one input"
        )
    large = [one.law.name for one in declared if one.law.name not in fitting]
    if large:
        notes.append(f"{number_of(len(runs), 'run')} are too few for {listed(large)}: not tried.")
    return fitting


def _by_name(smaller: Sequence[Spec]) -> str:
    """Say which law other families help to fit to a few runs, where these vary in size and data."""
    if not smaller:
        return ""
    law = OF_SIZE_AND_DATA[-1]
    return f"{law} from {len(make_spec(law).free)} runs on, with priors='literature', or "


def _of_few_enough(specs: Sequence[Spec], runs: Runs) -> dict[str, Spec]:
    """Return the laws, by name, that have few enough parameters for the runs."""
    most = len(runs) / RUNS_PER_PARAMETER
    return {one.law.name: one for one in specs if len(one.free) <= most}


def _informed(spec: Spec) -> Spec:
    """Let the scatter fall with compute, and other families speak of exponents and floor.

    Where rows share runs the noise gives way as a default does.
    """
    given = make_spec(spec, noise=NOISE_OF_SIZE_AND_DATA, priors=PRIORS_OF_SIZE_AND_DATA)
    return replace(given, default_noise=True)


def _reading(law: str, column: str) -> dict[str, str]:
    """Return the input of a law of one input, as read from a column."""
    (name,) = get_law(law).inputs
    return {name: column}


def contradicted(fit: Fit) -> list[str]:
    """Name the parameters that the runs put far from what public families say of them.

    Their population does not hold for the table then. None where the law has other priors.
    """
    law = fit.law.name
    if law not in OF_SIZE_AND_DATA or fit.spec.priors != literature_priors(law):
        return []
    names = list(fit.spec.priors)
    mean, sd = fit.spec.normal_priors(names, fit.scales)
    away = link_table(fit)[names].mean().to_numpy() - mean
    return [name for name, far in zip(names, np.abs(away) / sd, strict=True) if far > CONTRADICTED]
