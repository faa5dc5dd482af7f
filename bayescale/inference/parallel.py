"""Many fits at once: tables, groups of rows and laws, on any executor, each kept as it finishes.

A process pool is the default; any :class:`concurrent.futures.Executor` will do, such as Dask's
``Client(...).get_executor()``. With a folder every finished fit is kept at once, and an interrupted
call is resumed by the same call. Draws depend on the seed and on the names of table and law, not on
who drew them. A law travels by its name, one of a user's own as what its class declares.
"""

import os
import pickle
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, fields, replace
from functools import cache
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import xarray as xr

from bayescale.data.read import read_runs
from bayescale.data.runs import Runs
from bayescale.errors import BayescaleError, BayescaleWarning
from bayescale.inference.attempts import samplers_of
from bayescale.inference.fit import fit, prepare
from bayescale.inference.io import load_fit, save
from bayescale.inference.pointwise import stored, with_pointwise
from bayescale.inference.result import Fit
from bayescale.inference.sampling import Sampler
from bayescale.inference.saved_tree import checks_of
from bayescale.laws.base import Law
from bayescale.laws.registry import get_law
from bayescale.model.spec import Spec, make_spec
from bayescale.studies.study import Study

SAMPLER = Sampler(cores=1)
"""One core a fit: fits, not chains, run side by side."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """One of many fits.

    Attributes
    ----------
    table, law : str
        Names of the table, or group of its rows, and of the law.
    fit : Fit or None
        None where there is none.
    problem : str
        Why there is none, why its draws cannot be trusted or were not kept; empty if all is well.
    kept : bool
        Whether it was in the folder already.

    See Also
    --------
    fit_many : Yields one for each fit.
    """

    table: str
    law: str
    fit: Fit | None
    problem: str = ""
    kept: bool = False

    def row(self) -> dict[str, Any]:
        """Return a row of a table: names, diagnostics, and what is wrong."""
        found = self.fit.diagnostics if self.fit else None
        return {
            "table": self.table,
            "law": self.law,
            "ok": not self.problem,
            "runs": self.fit.observed.size if self.fit else 0,
            "rhat": found.rhat if found else float("nan"),
            "ess": found.ess if found else float("nan"),
            "divergences": found.divergences if found else 0,
            "seconds": sum(self.fit.record["seconds"].values()) if self.fit else float("nan"),
            "kept": self.kept,
            "problem": self.problem,
        }

    def __str__(self) -> str:
        said = self.problem or (str(self.fit.diagnostics) if self.fit else "")
        return f"{self.table}, {self.law}: {said}{' (kept)' if self.kept else ''}"


@dataclass(frozen=True, eq=False)
class _Job:
    table: str
    law: str
    runs: Runs
    spec: Spec
    digest: str
    sampler: Sampler
    seed: int
    path: Path | None


def fit_many(
    tables: Any,
    laws: Any,
    *,
    group: str | None = None,
    folder: str | Path | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    sampler: Sampler = SAMPLER,
    random_seed: int | None = None,
) -> Iterator[Fitted]:
    """Fit every law to every table, several at once, and give each fit as it finishes.

    Parameters
    ----------
    tables : mapping, sequence of paths, or one table
        Name to anything :func:`bayescale.read_runs` takes; or files, named by their stems.
    laws : str, Law class, Study, Spec, a sequence of them, or a mapping of name to one
        What to fit, as for :func:`bayescale.fit`; :func:`bayescale.make_spec` says priors, noise
        and columns besides.
    group : str, optional
        Column by which the rows of each table are split: one fit per value.
    folder : str or Path, optional
        Where fits are kept, as ``TABLE.LAW.nc``; it is made. A fit that is there already, of the
        same runs, law, priors, noise, sampler and seed (any seed when none is given), is taken.
    executor : concurrent.futures.Executor, optional
        Where to fit; it is not shut down. A pool of processes of this machine when None, which a
        script must start under ``if __name__ == "__main__":``. Give Dask's workers one thread each:
        fits that share a process warn past one another.
    workers : int, optional
        Processes of that pool; as many as cores when None.
    sampler, random_seed
        As for :func:`bayescale.fit`; one core per fit.

    Returns
    -------
    iterator of Fitted
        As they finish, those that were kept first; leaving the loop cancels what has not begun.
        ``pandas.DataFrame(f.row() for f in ...)`` makes a table.

    Raises
    ------
    BayescaleError
        Before anything is fitted: for an unknown law, or two jobs of one name. What a single table
        or fit runs into, a missing column ``group`` too, is its ``problem``.

    Warns
    -----
    BayescaleWarning
        When rows of a table were excluded, or its rows share runs and count as independent.

    See Also
    --------
    fit : One law and one table.
    compare : Compare laws fitted to one table.

    Examples
    --------
    >>> jobs = bs.fit_many({"mine": runs}, ["chinchilla", "skaling"], folder="fits")
    >>> fits = {found.law: found.fit for found in jobs}  # doctest: +SKIP
    >>> sorted(fits)
    ['chinchilla', 'skaling']
    """
    jobs, failed = _jobs(tables, _specs(laws), group, sampler, random_seed, folder)
    if folder is not None:
        Path(folder).mkdir(parents=True, exist_ok=True)
    return _run(jobs, failed, executor, workers, any_seed=random_seed is None)


def _specs(laws: Any) -> dict[str, Spec]:
    if isinstance(laws, str | type | Study | Spec):
        laws = [laws]
    if isinstance(laws, Mapping):
        return {str(name): make_spec(law) for name, law in laws.items()}
    specs = [make_spec(law) for law in laws]
    names = [spec.law.name for spec in specs]
    if len(set(names)) < len(names):
        raise BayescaleError("two laws of one name: give them names, {'wide': ..., 'narrow': ...}")
    return dict(zip(names, specs, strict=True))


def _named(tables: Any) -> dict[str, Any]:
    if isinstance(tables, Mapping):
        return {str(name): table for name, table in tables.items()}
    if isinstance(tables, str | Path):
        return {Path(tables).stem: tables}
    if isinstance(tables, pd.DataFrame | Runs):
        return {"runs": tables}
    if isinstance(tables, Sequence) and all(isinstance(t, str | Path) for t in tables):
        names = [Path(table).stem for table in tables]
        if len(set(names)) == len(names):
            return dict(zip(names, tables, strict=True))
    raise BayescaleError("name the tables: {'pythia': 'pythia.csv', ...}")


def _jobs(
    tables: Any,
    specs: Mapping[str, Spec],
    group: str | None,
    sampler: Sampler,
    random_seed: int | None,
    folder: str | Path | None,
) -> tuple[list[_Job], list[Fitted]]:
    """Return what is to be fitted, and what cannot be read."""
    base = np.random.SeedSequence().entropy if random_seed is None else random_seed
    jobs, failed = [], []
    for name, given in _named(tables).items():
        try:
            parts = _split(name, read_runs(given), group)
        except BayescaleError as error:
            failed += [Fitted(name, law, None, str(error)) for law in specs]
            continue
        for part, runs in parts.items():
            for law, declared in specs.items():
                try:
                    spec, data = prepare(runs, declared)
                except BayescaleError as error:
                    failed.append(Fitted(part, law, None, str(error)))
                    continue
                path = Path(folder) / f"{_safe(part)}.{_safe(law)}.nc" if folder else None
                seed = _seed(base, part, law)
                jobs.append(_Job(part, law, runs, spec, data.digest(), sampler, seed, path))
    paths = [job.path for job in jobs if job.path]
    if twice := {path.name for path in paths if paths.count(path) > 1}:
        raise BayescaleError(f"two fits would be called {', '.join(sorted(twice))}: rename tables")
    jobs.sort(key=lambda job: list(specs).index(job.law))  # a worker compiles few laws
    return jobs, failed


def _split(name: str, runs: Runs, group: str | None) -> dict[str, Runs]:
    if group is None:
        return {name: runs}
    if group not in runs.table:
        raise BayescaleError(f"{name} has no column {group!r} to split by")
    column = runs.table[group]
    values = column.dropna().unique()
    return {f"{value}": runs.take((column == value).to_numpy(bool)) for value in values}


def _safe(name: str) -> str:
    return re.sub(r"[^\w+-]+", "_", name)


def _seed(base: Any, table: str, law: str) -> int:
    words = np.frombuffer(sha256(f"{table}\n{law}".encode()).digest(), dtype=np.uint32)
    return int(np.random.SeedSequence([base, *words.tolist()]).generate_state(1)[0])


def _run(
    jobs: list[_Job],
    failed: list[Fitted],
    executor: Executor | None,
    workers: int | None,
    any_seed: bool,
) -> Iterator[Fitted]:
    yield from failed
    left = []
    for job in jobs:
        found = _kept(job, any_seed)
        if found is None:
            left.append(job)
        else:
            yield Fitted(job.table, job.law, found, _problem(found), kept=True)
    if not left:
        return
    pool = executor or ProcessPoolExecutor(
        min(len(left), workers or os.cpu_count() or 1), mp_context=get_context("spawn")
    )
    futures: dict[Future[bytes], _Job] = {}
    try:
        futures |= {
            pool.submit(_work, pack(job.runs, job.spec, job.sampler, job.seed)): job for job in left
        }
        for done in as_completed(futures):
            yield _finished(futures[done], done)
    finally:
        for future in futures:
            future.cancel()
        if executor is None:
            pool.shutdown(cancel_futures=True)


def _work(packed: bytes) -> bytes:
    """Fit one job, in a worker."""
    runs, spec, sampler, seed = unpack(packed)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", BayescaleWarning)  # told by the caller, fit by fit
            made = fit(runs, spec, sampler=sampler, random_seed=seed, progressbar=False)
        return pickle.dumps((stored(made.tree), made.record, checks_of(made)))
    except BayescaleError as error:
        return pickle.dumps(str(error))


def _finished(job: _Job, done: "Future[bytes]") -> Fitted:
    """Take a worker's answer, and keep it."""
    error = done.exception()
    if isinstance(error, BrokenExecutor):
        problem = (
            "its worker died: out of memory, or a script that lacks "
            '`if __name__ == "__main__":` around fit_many'
        )
        return Fitted(job.table, job.law, None, problem)
    if error is not None:
        return Fitted(job.table, job.law, None, f"{type(error).__name__}: {error}")
    answer = _unpack_answer(done.result(), job.spec)
    if isinstance(answer, str):
        return Fitted(job.table, job.law, None, answer)
    problems = [_problem(answer)]
    if job.path is not None:
        try:
            save(answer, job.path)
        except BayescaleError as failure:
            problems.append(f"not kept: {failure}")
    return Fitted(job.table, job.law, answer, "; ".join(filter(None, problems)))


def _problem(found: Fit) -> str:
    return "; ".join(found.diagnostics.problems())


def _kept(job: _Job, any_seed: bool) -> Fit | None:
    """Return the fit in the folder, if it is the one that is wanted."""
    if job.path is None or not job.path.exists():
        return None
    law: type[Law] = job.spec.law
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", BayescaleWarning)
            found = load_fit(job.path, law)
    except BayescaleError:
        return None  # fitted again, and said then
    same = (
        found.record["data"] == job.digest
        and found.record["law"] == law.fingerprint()
        and found.spec == job.spec
        and (any_seed or found.record["seed"] == job.seed)
        and _drawn_by(found.record["sampler"], job.sampler)
    )
    return found if same else None


def _drawn_by(recorded: Mapping[str, Any], sampler: Sampler) -> bool:
    """Whether a record is of this sampler, or of a further try; cores do not matter."""
    then = replace(Sampler(**recorded), cores=None)
    now = replace(sampler, cores=None)
    return then in samplers_of(now)


_MADE = ("__dict__", "__weakref__", "inputs", "steps", "parameters")
"""Attributes of a law that its class makes itself."""


def pack(runs: Runs, spec: Spec, sampler: Sampler, seed: int) -> bytes:
    """Pack what is to be fitted in parallel."""
    rest = {part.name: getattr(spec, part.name) for part in fields(spec) if part.name != "law"}
    return cloudpickle.dumps((runs, _declared(spec.law), rest, sampler, seed))


def unpack(packed: bytes) -> tuple[Runs, Spec, Sampler, int]:
    """Invert :func:`pack`."""
    runs, law, rest, sampler, seed = pickle.loads(packed)
    return runs, Spec(_law(law), **rest), sampler, seed


def _unpack_answer(packed: bytes, spec: Spec) -> Fit | str:
    """Return what :func:`_work` packed, a fit or why there is none, given what was fitted."""
    answer: str | tuple[xr.DataTree, dict[str, Any], dict[str, Any]] = pickle.loads(packed)
    if isinstance(answer, str):
        return answer
    tree, record, checks = answer
    record = {**record, "law": spec.law.fingerprint()}
    return Fit(spec, with_pointwise(spec, tree, record["seed"]), record, checks)


def _declared(law: type[Law]) -> bytes:
    try:
        if get_law(law.name) is law:
            return pickle.dumps(law.name)
    except BayescaleError:  # one of the user's own
        pass
    declared = {name: value for name, value in vars(law).items() if name not in _MADE}
    return cloudpickle.dumps((law.__name__, declared))


@cache
def _law(declared: bytes) -> type[Law]:
    found = pickle.loads(declared)
    if isinstance(found, str):
        return get_law(found)
    name, attributes = found
    return type(name, (Law,), attributes)
