"""The runs of a model file: read from its file, loaded by name, or simulated."""

from dataclasses import replace
from itertools import product
from typing import Any

import pandas as pd

from bayescale.datasets import load_dataset
from bayescale.errors import BayescaleError
from bayescale.laws import get_law
from bayescale.runs import Runs, read_runs
from bayescale.simulation import simulate
from bayescale.study import Study


def study_runs(study: Study) -> Runs:
    """Get the run table of a study.

    Parameters
    ----------
    study : Study
        A model file, as :func:`bayescale.load_model` returns it.

    Returns
    -------
    Runs

    Raises
    ------
    BayescaleError
        When the data set is not there, or the table cannot be used.
    """
    data = study.data
    if data.simulate is not None:
        source, name = _simulated(study), f"runs simulated from {study.law}"
    elif data.dataset is not None:
        source, name = load_dataset(data.dataset), data.dataset
    else:
        source, name = str(data.file), str(data.file)
    runs = read_runs(
        source,
        columns=data.columns,
        where=data.where,
        params_convention=data.params_convention,
        loss_unit=data.loss_unit,
    )
    return replace(runs, source=name)


def _simulated(study: Study) -> pd.DataFrame:
    plan = study.data.simulate
    assert plan is not None
    law = get_law(study.law)
    columns = {name: study.inputs.get(name, i.column) for name, i in law.inputs.items()}
    rows = list(product(*(plan.design[name] for name in law.inputs)))
    table = pd.DataFrame(rows, columns=list(columns.values()))
    return simulate(
        law,
        table,
        {**plan.parameters, "sigma": plan.noise},
        references=plan.references,
        noise=law.noise.replace("student_t", "normal"),
        columns={**columns, **study.inputs},
        random_seed=plan.seed,
    )


def runs_and_law(runs: Any, law: Any) -> tuple[Runs, Any]:
    """Read the runs; a study given in their place brings its own, and the law."""
    if isinstance(runs, Study):
        return study_runs(runs), runs if law is None else law
    if law is None:
        raise BayescaleError("which law? name one (bayescale.laws() lists them) or pass a class")
    return read_runs(runs), law
