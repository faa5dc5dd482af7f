"""The runs of a model file: read from its file, loaded by name, or simulated."""

import math
from dataclasses import replace
from itertools import product

import pandas as pd

from bayescale.data.datasets.load import load_dataset
from bayescale.data.derive import with_derived
from bayescale.data.limits import MAX_ROWS, refuse_large
from bayescale.data.read import read_runs
from bayescale.data.runs import Runs
from bayescale.data.schedule import with_schedule
from bayescale.errors import BayescaleError
from bayescale.laws.registry import get_law
from bayescale.model.noise.registry import get_noise
from bayescale.model.simulate import simulate
from bayescale.studies.study import Study


def study_runs(study: Study) -> Runs:
    """Get the run table of a study.

    Parameters
    ----------
    study : Study
        A model file, as :func:`bayescale.load_study` returns it.

    Returns
    -------
    Runs

    Raises
    ------
    BayescaleError
        When the data set is not there, or the table cannot be used.

    See Also
    --------
    load_study : Read a study.
    load_dataset : The whole data set.
    read_runs : Read any table of runs.

    Examples
    --------
    >>> table = pd.DataFrame({"params": [1e9, 7e9], "tokens": [2e10, 1.4e11], "loss": [2.7, 2.2]})
    >>> table.to_csv("runs.csv", index=False)
    >>> with open("mine.toml", "w") as file:
    ...     print('law = "chinchilla"', file=file)
    ...     print('data = {file = "runs.csv"}', file=file)
    >>> len(bs.study_runs(bs.load_study("mine.toml")))
    2
    """
    data = study.data
    if data.simulate is not None:
        source, name = _simulated(study), f"runs simulated from {study.law}"
    elif data.dataset is not None:
        source, name = load_dataset(data.dataset), data.dataset
    else:
        source, name = str(data.file), str(data.file)
    if data.schedule is not None:
        plan, curves = data.schedule, read_runs(source).original
        source = with_schedule(curves, run=plan.run, warmup_steps=plan.warmup_steps)
    runs = read_runs(
        source,
        columns=data.columns,
        where=data.where,
        params_convention=data.params_convention,
        loss_unit=data.loss_unit,
    )
    if data.simulate is None:
        runs = runs.derive(data.derive)
    if data.average is not None:
        runs = runs.average(data.average)
    return replace(runs, source=name)


def _simulated(study: Study) -> pd.DataFrame:
    plan = study.data.simulate
    assert plan is not None
    law = get_law(study.law)
    columns = {name: study.inputs.get(name, i.column) for name, i in law.inputs.items()}
    planned = [name for name in law.inputs if name in plan.design]
    count = math.prod(len(plan.design[name]) for name in planned)
    if count > MAX_ROWS:
        raise refuse_large(f"{study.name}: data.simulate.design", count)
    rows = list(product(*(plan.design[name] for name in planned)))
    table = pd.DataFrame(rows, columns=[columns[name] for name in planned])
    noise = get_noise(law.noise.replace("student_t", "normal"))
    scatters = "sigma" in noise.parameters
    if scatters != (plan.noise is not None):
        raise BayescaleError(
            f"{study.name}: data.simulate.noise {'is missing' if scatters else 'is given'}, and "
            f"runs of {law.name} have {noise.name} noise, {'with' if scatters else 'without'} a "
            "standard deviation"
        )
    return simulate(
        law,
        with_derived(table, study.data.derive),
        {**plan.parameters, **({} if plan.noise is None else {"sigma": plan.noise})},
        references=plan.references,
        noise=noise,
        columns={**columns, **study.inputs},
        random_seed=plan.seed,
    )
