"""Model files: a law, its noise and priors, the runs, and what was published about them.

>>> from bayescale.studies.study import load_study
>>> study = load_study("hoffmann2022")
>>> study.law, study.data.dataset
('chinchilla', 'hoffmann2022')
>>> study.published[0].values["alpha"]
0.34

A model file is TOML, explained key by key in ``models/README.md``. A study is plain data: it says
what to fit, and fitting it is the business of :func:`bayescale.fit`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from bayescale.errors import BayescaleError
from bayescale.laws.registry import get_law
from bayescale.model.pooling import Pooling, make_pool
from bayescale.model.spec import Spec, make_spec
from bayescale.studies.origins import Schedule, Simulation
from bayescale.studies.schema import Table, find, packaged, plain, read_toml

if TYPE_CHECKING:
    import pandas as pd


Interval = tuple[float, float]


@dataclass(frozen=True)
class StudyData:
    """Where a study's runs come from; one of ``dataset``, ``file`` and ``simulate`` is given.

    Attributes
    ----------
    dataset : str or None
        Name of a public data set, see :func:`bayescale.load_dataset`.
    file : str or None
        Path of a table; in a model file, relative to the folder of that file.
    simulate : Simulation or None
        Runs made from the law.
    where : str or None
        Row filter, a condition over the columns.
    params_convention, loss_unit : str or None
        What ``params`` counts (``"total"``, ``"non-embedding"``, ``"active"``) and what the loss is
        in (``"nats/token"``, ...).
    schedule : Schedule or None
        How to make the columns of a learning-rate schedule, where rows are points of loss curves.
    columns : mapping of str to str
        Canonical column to column of the table, where recognition by name would go wrong.
    derive : mapping of str to str
        New column to an expression of the others.
    average : str or None
        Column whose rows of equal value become one, their mean.
    """

    dataset: str | None = None
    file: str | None = None
    simulate: Simulation | None = None
    where: str | None = None
    params_convention: str | None = None
    loss_unit: str | None = None
    schedule: Schedule | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    derive: Mapping[str, str] = field(default_factory=dict)
    average: str | None = None


@dataclass(frozen=True)
class Published:
    """Values from the literature, to show beside a posterior.

    Attributes
    ----------
    source : str
        Paper, and the table or method the values are from.
    values : mapping of str to float
        By parameter or derived constant, in the unit of the study's data.
    intervals : mapping of str to (float, float)
        Published intervals, by the same names.
    level : float or None
        Probability of those intervals, between 0 and 1.
    url, note : str
        Where to read it, and what to know about it.
    """

    source: str
    values: Mapping[str, float]
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    level: float | None = None
    url: str = ""
    note: str = ""


@dataclass(frozen=True)
class Study:
    """What a model file says.

    Attributes
    ----------
    name, title, about : str
        Short name, headline, and what to learn from the study.
    law : str
        Name of the law.
    data : StudyData
        The runs.
    noise : str or None
        Name of the noise; None for the law's own.
    inputs : mapping of str to str
        Input of the law to canonical column, where not the law's own.
    references : mapping of str to float
        Input to fixed reference point; the others are taken from the runs.
    priors : mapping of str to (float, float) or float, or "literature"
        Parameter to 90 % interval, or to a fixed value, in the parameter's own unit; or the name
        of a set of priors.
    group : str or None
        Column that names groups of runs, such as families.
    pool : str, mapping or None
        What the groups share, see :func:`bayescale.fit`.
    targets : tuple of str
        Columns that the law predicts, each by a fit of its own; none for the law's own target.
    discrepancy : float or None
        Size of the law's error away from the runs, in place of the default.
    published : tuple of Published
        Values from the literature.

    See Also
    --------
    load_study : Read one.
    load_model : One that is fitted when it is asked.
    fit : Fit it.
    check_published : Its published values beside a posterior.

    Examples
    --------
    >>> study = bs.load_study("besiroglu2024")
    >>> study.title
    'Chinchilla replicated: 240 runs'
    >>> study.to_spec().law.name
    'chinchilla'
    """

    name: str
    law: str
    data: StudyData
    title: str = ""
    about: str = ""
    noise: str | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    references: Mapping[str, float] = field(default_factory=dict)
    priors: Mapping[str, Interval | float] | str = field(default_factory=dict)
    group: str | None = None
    pool: Pooling | None = None
    targets: tuple[str, ...] = ()
    discrepancy: float | None = None
    published: tuple[Published, ...] = ()

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], source: str = "study") -> Self:
        """Check and read what a model file holds.

        Parameters
        ----------
        values : mapping
            The tables of a model file.
        source : str
            What to call it in messages.

        Raises
        ------
        BayescaleError
            For an unknown or missing key, a wrong type, or an impossible interval.
        """
        table = Table(values, source)
        study = cls(
            name=table.text("name"),
            law=table.text("law"),
            data=_read_data(table.table("data")),
            title=table.get("title", Table.text, ""),
            about=table.get("about", Table.text, ""),
            noise=table.get("noise", Table.text, None),
            inputs=table.mapping("inputs", Table.text),
            references=table.mapping("references", Table.positive),
            priors=table.get("priors", _read_priors, {}),
            group=table.get("group", Table.text, None),
            pool=table.get("pool", _read_pool, None),
            targets=table.get("targets", Table.texts, ()),
            discrepancy=table.get("discrepancy", Table.positive, None),
            published=tuple(_read_published(t) for t in table.tables("published")),
        )
        table.finish()
        return study

    def of_targets(self) -> "dict[str, Study]":
        """Return the study of each target by its column; of a study that names none, itself."""
        own = get_law(self.law).target
        if not self.targets:
            return {self.inputs.get(own, own): self}
        return {
            column: replace(self, inputs={**self.inputs, own: column}, targets=())
            for column in self.targets
        }

    def to_spec(self) -> Spec:
        """Return what to fit, without the runs: of several targets, the first.

        Raises
        ------
        BayescaleError
            For an unknown law, noise, parameter or input.
        """
        return make_spec(
            self.law,
            noise=self.noise,
            priors=self.priors,
            columns=next(iter(self.of_targets().values())).inputs,
            references=self.references,
            pool=self.pool,
            group=self.group,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return what :meth:`from_dict` reads, in TOML's and JSON's types."""
        return plain(self)


def load_study(name_or_path: str | Path) -> Study:
    """Read a model file.

    Parameters
    ----------
    name_or_path : str or Path
        The name of a model that comes with bayescale (:func:`list_studies`), or the path of a
        ``.toml`` file.

    Returns
    -------
    Study
        What to fit. A ``file`` of runs is looked for beside the model file.

    Raises
    ------
    BayescaleError
        When there is no such model, or the file is not a valid model file.

    See Also
    --------
    list_studies : The studies that come with bayescale.
    study_runs : The run table of a study.
    fit : Fit a study.

    Examples
    --------
    >>> study = bs.load_study("hoffmann2022")
    >>> study.law, study.data.dataset
    ('chinchilla', 'hoffmann2022')
    >>> study.published[0].values["alpha"]
    0.34
    """
    path = find(name_or_path, packaged(), "model")
    values = read_toml(path, "model")
    data = values.get("data")
    if isinstance(data, dict) and isinstance(data.get("file"), str):
        values["data"] = {**data, "file": str(path.parent / data["file"])}
    return Study.from_dict({"name": path.stem, **values}, str(path))


def list_studies() -> "pd.DataFrame":
    """List the models that come with bayescale.

    Returns
    -------
    DataFrame
        Indexed by name: ``title``, ``law``, ``data`` and ``about``.

    See Also
    --------
    load_study : Read one of them.
    list_laws : The laws they fit.

    Examples
    --------
    >>> bs.list_studies().loc["hoffmann2022", ["law", "data"]].tolist()
    ['chinchilla', 'hoffmann2022']
    """
    import pandas as pd

    studies = [load_study(path) for path in packaged().values()]
    rows = [(s.title, s.law, s.data.dataset or "simulated", s.about) for s in studies]
    index = pd.Index([s.name for s in studies], name="name")
    return pd.DataFrame(rows, index=index, columns=["title", "law", "data", "about"])


def model_names() -> list[str]:
    """Return the names of the models that come with bayescale."""
    return list(packaged())


def _read_priors(table: Table, key: str) -> Mapping[str, Interval | float] | str:
    """Read the name of a set, or a table of priors by parameter."""
    word = isinstance(table.take(key), str)
    return table.text(key) if word else table.mapping(key, Table.prior)


def _read_pool(table: Table, key: str) -> Pooling:
    """Read one word, or a table of words by parameter."""
    found = table.text(key) if isinstance(table.take(key), str) else table.mapping(key, Table.text)
    try:
        make_pool(cast(Pooling, found), table.get("group", Table.text, None))
    except BayescaleError as error:
        raise table.error(key, f"cannot be used: {error}") from error
    return cast(Pooling, found)


def _read_data(table: Table) -> StudyData:
    simulate = table.get("simulate", Table.table, None)
    schedule = table.get("schedule", Table.table, None)
    data = StudyData(
        dataset=table.get("dataset", Table.text, None),
        file=table.get("file", Table.text, None),
        simulate=_read_simulation(simulate) if simulate else None,
        where=table.get("where", Table.text, None),
        params_convention=table.get("params_convention", Table.text, None),
        loss_unit=table.get("loss_unit", Table.text, None),
        schedule=_read_schedule(schedule) if schedule else None,
        columns=table.mapping("columns", Table.text),
        derive=table.mapping("derive", Table.text),
        average=table.get("average", Table.text, None),
    )
    table.finish()
    given = [key for key in ("dataset", "file", "simulate") if getattr(data, key) is not None]
    if len(given) != 1:
        found = " and ".join(given) or "none"
        raise table.error("", f"needs one of dataset, file and simulate (found: {found})")
    return data


def _read_schedule(table: Table) -> Schedule:
    schedule = Schedule(table.text("run"), table.get("warmup_steps", Table.whole, 0))
    table.finish()
    return schedule


def _read_simulation(table: Table) -> Simulation:
    simulation = Simulation(
        parameters=table.mapping("parameters", Table.number, required=True),
        references=table.mapping("references", Table.positive),
        design=table.mapping("design", Table.levels, required=True),
        noise=table.get("noise", Table.positive, None),
        seed=table.whole("seed"),
    )
    table.finish()
    return simulation


def _read_published(table: Table) -> Published:
    published = Published(
        source=table.text("source"),
        values=table.mapping("values", Table.number, required=True),
        intervals=table.mapping("intervals", Table.interval),
        level=table.get("level", Table.probability, None),
        url=table.get("url", Table.text, ""),
        note=table.get("note", Table.text, ""),
    )
    table.finish()
    if published.intervals and published.level is None:
        raise table.error("level", "is missing: it says how probable the intervals are, as 0.95")
    return published
