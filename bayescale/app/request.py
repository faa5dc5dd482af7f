"""What a user of the app asks for, and the Python code that does the same."""

import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bayescale.data.checkpoints import finished_runs
from bayescale.data.limits import check_positive
from bayescale.data.read import read_runs
from bayescale.data.runs import Runs
from bayescale.data.units import parse_quantity
from bayescale.errors import BayescaleError
from bayescale.evaluation.law_choice import specs_for
from bayescale.laws.registry import law_names
from bayescale.model.observed_columns import input_columns
from bayescale.model.spec import make_spec

_UNWANTED = re.compile(r"[^\w .()+-]+")
"""What the name of an uploaded file may not hold."""

_LONGEST = 100
"""Characters of an uploaded file's name that are kept, the last ones."""


def safe_name(name: str) -> str:
    r"""Return a name for an uploaded file that stays in its folder, and keeps its suffixes.

    Examples
    --------
    >>> safe_name("../../etc/runs.csv.gz"), safe_name("C:\\a\\b.csv"), safe_name("-")
    ('runs.csv.gz', 'b.csv', 'table')
    """
    last = re.split(r"[/\\]", name)[-1]
    return _UNWANTED.sub("_", last)[-_LONGEST:].strip(" .-") or "table"


@dataclass(frozen=True)
class Request:
    """A table, how it is read, and what is asked of it.

    Attributes
    ----------
    file : str
        The name of the table's file.
    reading : dict
        Arguments of :func:`bayescale.read_runs`.
    laws : tuple of str
        Laws to fit; what the table allows when empty.
    flops : tuple of str
        Budgets to decide on; 10 and 100 times the largest run when empty.
    seed : int
        Seed of the draws.
    """

    file: str
    reading: dict[str, Any] = field(default_factory=dict)
    laws: tuple[str, ...] = ()
    flops: tuple[str, ...] = ()
    seed: int = 1

    def read(self, folder: Path) -> Runs:
        """Read the table from a folder.

        Raises
        ------
        BayescaleError
            When it cannot be used.
        """
        return read_runs(folder / self.file, **self.reading)

    def asked(self) -> dict[str, Any]:
        """Return the arguments of :func:`bayescale.analyze` besides the runs and the seed."""
        laws, flops = list(self.laws), list(self.flops)
        return ({"laws": laws} if laws else {}) | ({"flops": flops} if flops else {})

    def check(self) -> None:
        """Refuse budgets that are none, before anything is fitted.

        Raises
        ------
        BayescaleError
            Says which, and why.
        """
        for text in self.flops:
            check_positive("a budget", parse_quantity(text, "flops"), "FLOP")

    def record(self) -> dict[str, Any]:
        """Return all of it as JSON holds it."""
        return asdict(self)

    def code(self) -> str:
        """Return a Python script that reads, fits and reports the same; texts are literals."""
        read = "".join(f", {name}={value!r}" for name, value in self.reading.items())
        asked = "".join(f", {name}={value!r}" for name, value in self.asked().items())
        return f"""import bayescale as bs

runs = bs.read_runs({self.file!r}{read})
print(runs)  # how each column was read, and which rows were set aside
analysis = bs.analyze(runs{asked}, random_seed={self.seed!r})
print(analysis)  # what to train, and what that rests on
analysis.report("report.html")
bs.save(analysis.posterior, "fits.nc")  # bs.load("fits.nc") can be asked more
"""


def request_of(record: dict[str, Any]) -> Request:
    """Return the request of a :meth:`Request.record` that was written as JSON."""
    lists = {name: tuple(record[name]) for name in ("laws", "flops")}
    return Request(**{**record, **lists})


def allowed_laws(runs: Runs) -> list[str]:
    """Name the laws whose inputs and target a table has."""
    specs = map(make_spec, law_names())
    columns = set(map(str, runs.table.columns))
    return [spec.law.name for spec in specs if {spec.target, *input_columns(spec)} <= columns]


def chosen_laws(runs: Runs) -> list[str]:
    """Name the laws that :func:`bayescale.analyze` fits when it is told none.

    Raises
    ------
    BayescaleError
        When nothing that a law takes varies, the runs are too few, or no column is the loss.
    """
    specs = specs_for(finished_runs(runs).runs, None, [])
    for target in {spec.target for spec in specs.values()} - set(map(str, runs.table.columns)):
        raise BayescaleError(f"no column was taken for the {target}: name it above")
    return list(specs)
