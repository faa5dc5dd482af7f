"""Runs of an experiment tracker, of settings and logged metrics, as a table of checkpoints."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from bayescale.data.aliases import ALIAS, interpret
from bayescale.data.columns import recognise
from bayescale.data.derived_readings import column_role
from bayescale.data.duplicate_columns import refuse_columns
from bayescale.data.histories import gather, named_in
from bayescale.data.limits import MAX_RUNS
from bayescale.data.number_format import listed
from bayescale.data.other_columns import is_outcome
from bayescale.data.table_files import Loaded, TableFile
from bayescale.errors import BayescaleError

TIMEOUT = 10
"""Seconds after which a server counts as not reachable."""


_TRAINING = "train_loss"
"""What a plain ``loss`` is called beside a loss of an evaluation."""


_LONGEST = 200
"""Characters of a setting that is a label, or of its name; longer ones are no columns."""


@dataclass
class TrackedRun:
    """What a tracker holds of one run."""

    name: str
    settings: Mapping[str, object]
    """What was set before it, by name; what is nested is named with dots."""
    metrics: Mapping[str, pd.Series]
    """The logged numbers, by the step at which they were logged."""
    step: str = "step"
    """What to call the steps."""


@dataclass
class UnfinishedRuns:
    """Counts runs that are left out because they did not end well, by state."""

    states: Counter[str] = field(default_factory=Counter)

    def finished(self, state: str) -> bool:
        """Whether a state means that the run ended well; counts it where it does not."""
        ended = state.lower() == "finished"
        if not ended:
            self.states[state.lower()] += 1
        return ended

    def notes(self) -> list[str]:
        """Say how many there are."""
        if not self.states.total():
            return []
        return [f"runs that have not finished are left out: {self._counts()}"]

    def refuse(self, where: str) -> BayescaleError:
        """Say that there is no other run."""
        if not self.states.total():
            return BayescaleError(f"{where} has no runs: check its name")
        return BayescaleError(f"{where} has no finished run: {self._counts()}")

    def _counts(self) -> str:
        return ", ".join(
            f"{count:,} {state}" for state, count in sorted(self.states.items()) if count
        )


def files_below(folder: Path, pattern: str) -> list[Path]:
    """List the files with such a name in a folder and those in it.

    Raises
    ------
    BayescaleError
        There are too many files of any name.
    """
    found = list(islice(folder.rglob("*"), MAX_RUNS + 1))
    if len(found) > MAX_RUNS:
        raise BayescaleError(
            f"the folder {folder.name!r} holds no table and more than {MAX_RUNS:,} files: name the "
            "folder of the logs in it"
        )
    return sorted(path for path in found if path.match(pattern) and path.is_file())


def distinct_run_names(names: list[str], keys: list[str]) -> list[str]:
    """Add the tracker's own key to the names that several runs share."""
    times = Counter(names)
    return [
        f"{name} ({key})" if times[name] > 1 or not name else name
        for name, key in zip(names, keys, strict=True)
    ]


def flat_settings(settings: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Name nested settings with dots; lists, long texts and what is nested deeply are left out."""
    flat: dict[str, object] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            deep = len(prefix) > _LONGEST
            flat |= {} if deep else flat_settings(value, f"{prefix}{name}.")
        elif isinstance(value, bool | int | float) or (
            isinstance(value, str) and len(value) <= _LONGEST
        ):
            flat[f"{prefix}{name}"] = value
    return flat


def tracked_table(runs: Iterable[TrackedRun], file: TableFile) -> Loaded:
    """Make a table of the runs: a row per logged loss.

    Other metrics are those at that step, or the last ones before it; tokens and FLOP are
    interpolated. Tokens, FLOP and epochs that are settings, or were logged without a step, are
    those of a run's end.

    Parameters
    ----------
    runs
        The runs, one by one.
    file
        What they come from, and what the user said of its columns.

    Raises
    ------
    BayescaleError
        No run has logged a number, or several metrics could be the loss.
    """
    notes: dict[str, None] = {}
    loaded = gather(_frames(runs, file, notes), file)
    if loaded.frame.empty:
        raise BayescaleError(f"{file.name!r}: no finished run has logged a metric")
    refuse_columns(map(str, loaded.frame.columns), repr(file.name))
    if "loss" in loaded.frame and _TRAINING in loaded.frame and "loss" not in file.columns:
        training = loaded.frame.pop("loss")  # of the runs that logged no evaluation
        loaded.frame[_TRAINING] = loaded.frame[_TRAINING].fillna(training)
    loaded.notes = [*notes, *loaded.notes]
    return loaded


def _frames(
    runs: Iterable[TrackedRun], file: TableFile, notes: dict[str, None]
) -> Iterator[pd.DataFrame]:
    """Turn each run into rows that are numbered."""
    start, without = 1, 0
    for run in runs:
        frame = _run_frame(run, file.columns, notes)
        without += frame.empty
        if not frame.empty:
            frame.index = pd.RangeIndex(start, start + len(frame), name="row")
            start += len(frame)
            yield frame
    if without:
        notes[f"runs that logged no loss are left out: {without:,}"] = None


def _run_frame(
    run: TrackedRun, columns: Mapping[str, str | None], notes: dict[str, None]
) -> pd.DataFrame:
    """Make the rows of one run."""
    metrics = {name: _by_step(one) for name, one in run.metrics.items() if len(one)}
    settings = _settings_beside(run.settings, metrics)
    loss = _loss_of(list(metrics), columns)
    axes = [metrics[loss]] if loss in metrics else list(metrics.values())
    steps = sorted(set().union(*(one.index for one in axes)))
    if not steps:
        return pd.DataFrame()
    last = max(float(np.max(one.index)) for one in metrics.values())
    places = np.array([last] if steps == [0] else steps, dtype=float)
    totals = [name for name in settings if is_total(name)] if len(places) > 1 else []
    if totals:
        notes[
            f"{listed(map(repr, totals))} of the settings belongs to the last row of each run: "
            "log tokens to use the rows before"
        ] = None
    counted = next((name for name in metrics if is_step(name)), None)
    table: dict[str, object] = {"run": [run.name] * len(places)}
    table |= {name: _setting_at(name, value, len(places)) for name, value in settings.items()}
    table |= {n: _metric_at(n, one, places, last) for n, one in metrics.items() if n != counted}
    table["step" if counted else run.step] = (
        _metric_at(counted, metrics[counted], places, last) if counted else places
    )
    if loss not in (None, "loss") and "loss" in table and _is_loss(str(loss)):
        table[_TRAINING] = table.pop("loss")
        notes[f"'loss' beside {loss!r} is that of training: it is kept as {_TRAINING!r}"] = None
    return pd.DataFrame(table)


def _by_step(one: pd.Series) -> pd.Series:
    """Sort a metric by its steps; of several values at one step keep the last."""
    return pd.Series(dict(zip(one.index, one, strict=True)), dtype=float).sort_index()


def _settings_beside(
    settings: Mapping[str, object], metrics: Mapping[str, pd.Series]
) -> dict[str, object]:
    """Rename the settings that a metric measures: planned tokens beside those seen."""
    measured = {_quantity(name) for name in metrics} - {"params", ""} | {"run", "step"}
    return {
        f"setting {name}" if name in metrics or _quantity(name) in measured else name: value
        for name, value in settings.items()
    }


def _loss_of(metrics: list[str], columns: Mapping[str, str | None]) -> str | None:
    """Name the metric that is the loss; beside one of an evaluation, ``loss`` is of training.

    Raises
    ------
    BayescaleError
        Several could be it.
    """
    if said := columns.get("loss"):
        return said if said in metrics else named_in(said, pd.DataFrame(columns=metrics))
    evaluated = any(_is_loss(name) for name in metrics if name != "loss")
    names = [name for name in metrics if not (evaluated and name == "loss")]
    numbers = pd.DataFrame(np.zeros((1, len(names))), columns=pd.Index(names))
    others = {name: None for name in ("step", "params", "tokens", "flops", "loss_se")}
    return recognise(numbers, others).column("loss")


def _metric_at(name: str, one: pd.Series, places: np.ndarray, last: float) -> np.ndarray:
    """Return a metric at each row's step."""
    steps, values = one.index.to_numpy(float), one.to_numpy()
    if _quantity(name) == "params":
        return np.full(len(places), values[-1])
    grows = is_total(name) or is_step(name)
    if last > 0 and steps.tolist() == [0] and (grows or is_outcome(name)):
        return np.where(places == last, values[-1], np.nan)
    if grows:
        return _interpolated(steps, values, places)
    return one.reindex(places, method="ffill").to_numpy()


def _interpolated(steps: np.ndarray, values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Interpolate what grows with the steps; of what lies beyond by more than a gap say nothing."""
    found = np.interp(places, steps, values, left=np.nan, right=np.nan)
    if len(steps) > 1:
        for beyond, edge, inner in ((places > steps[-1], -1, -2), (places < steps[0], 0, 1)):
            gap = steps[edge] - steps[inner]
            near = beyond & (np.abs(places - steps[edge]) <= abs(gap))
            slope = (values[edge] - values[inner]) / gap
            found[near] = values[edge] + slope * (places[near] - steps[edge])
    return found


def _setting_at(name: str, value: object, rows: int) -> list[object]:
    """Return a setting at each row; what grows along a run only at its end."""
    return [*[None if is_total(name) else value] * (rows - 1), value]


def is_total(name: str) -> bool:
    """Whether a quantity grows along a run: tokens, FLOP or epochs.

    >>> is_total("tokens_seen"), is_total("epoch"), is_total("n_params")
    (True, True, False)
    """
    return _quantity(name) in ("tokens", "flops") or column_role(name) in ("epochs", "ratio")


def is_step(name: str) -> bool:
    """Whether a metric counts the steps of training.

    >>> is_step("train/global_step"), is_step("trainer/global_step"), is_step("max_steps")
    (True, True, False)
    """
    return "step" in (_quantity(name), _quantity(name.rpartition("/")[-1]))


def _quantity(name: str) -> str:
    meaning = interpret(name)
    return meaning.name if meaning else ""


def _is_loss(name: str) -> bool:
    meaning = interpret(name)
    return meaning is not None and meaning.name == "loss" and meaning.rank <= ALIAS
