"""Which rows of a table are finished runs."""

import re

import numpy as np
import pandas as pd
import pytest

import bayescale as bs
from bayescale.data.checkpoints import FinishedRuns, finished_runs, with_run_names


def trajectories(evenly: bool = True) -> pd.DataFrame:
    """Three runs of eight checkpoints, the last of each at 8,000 steps."""
    steps = np.arange(1, 9) * 1000 if evenly else np.unique(np.geomspace(10, 8000, 8).astype(int))
    rows = [
        {"params": size, "tokens": step * 1e6, "step": step, "loss": 3 + 10 / step**0.5}
        for size in (1e8, 2e8, 4e8)
        for step in steps
    ]
    return pd.DataFrame(rows)


def kept(table: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Return the rows that are kept, and what is said."""
    found = finished_runs(bs.read_runs(table))
    return found.runs.table, found.taken()


@pytest.mark.parametrize("name", ["is_final", "final", "last_step", "at_end"])
@pytest.mark.parametrize("values", [(True, False), (1, 0), ("yes", "no")])
def test_a_column_that_says_so(name: str, values: tuple) -> None:
    table = trajectories(evenly=False)
    final = (table["step"] == table["step"].max()).map({True: values[0], False: values[1]})
    rows, said = kept(table.assign(**{name: final}))
    assert rows["params"].tolist() == [1e8, 2e8, 4e8]
    assert said == (
        f"24 rows are checkpoints of 3 runs (column {name}): fitted the last row of each"
    )


def test_rows_of_one_name() -> None:
    table = trajectories(evenly=False).drop(columns="step")
    named = table.assign(run=np.repeat(["a", "b", None], 8)).sample(frac=1, random_state=1)
    rows, said = kept(named)
    assert "column run" in said
    # A row without a name is a run of its own.
    assert sorted(rows["params"]) == [1e8, 2e8, *[4e8] * 8]
    assert rows.loc[rows["run"] == "a", "tokens"].tolist() == [8e9]


def decayed(table: pd.DataFrame, ends: list[float], name: str = "lr") -> pd.DataFrame:
    """Add a rate that is constant but for the last row of each run, which has a share of it."""
    last = table["step"] == table["step"].max()
    rate = pd.Series(1e-3, index=table.index)
    rate[last] = 1e-3 * np.array(ends)
    return table.assign(**{name: rate})


@pytest.mark.parametrize("name", ["lr", "learning_rate", "train/lr"])
@pytest.mark.parametrize("named", [True, False])
def test_a_run_whose_rate_has_not_come_down_is_left_out(name: str, named: bool) -> None:
    table = decayed(trajectories(), [0.0, 0.1, 1.0], name)
    table = table.assign(run=np.repeat(["a", "b", "c"], 8)) if named else table
    found = finished_runs(bs.read_runs(table))
    assert found.runs.table["params"].tolist() == [1e8, 2e8]
    assert found.going == (("c",) if named else ("run 3",))
    assert "24 rows are checkpoints of 3 runs" in found.taken()
    assert f"but {found.going[0]}, left out: the learning rate has not come" in found.taken()


@pytest.mark.parametrize("ends", [[1.0, 1.0, 1.0], [0.0, 1.0, 1.0], [0.0, 0.1, 0.4]])
def test_a_rate_that_says_nothing_leaves_no_run_out(ends: list[float]) -> None:
    rows, said = kept(decayed(trajectories(), ends))
    assert len(rows) == 3 and "left out" not in said


def test_a_run_of_one_row_has_no_rate_that_came_down() -> None:
    table = decayed(trajectories(), [0.0, 0.0, 1.0]).assign(run=np.repeat(["a", "b", "c"], 8))
    rows, said = kept(table.drop(index=range(16, 23)))
    assert len(rows) == 3 and "left out" not in said


def test_steps_in_equal_distances() -> None:
    rows, said = kept(trajectories())
    assert rows["tokens"].tolist() == [8e9] * 3 and "steps in equal distances" in said


def test_rows_that_are_all_final_stay_whatever_their_names() -> None:
    """Cooldowns of several lengths share a name, and so do the rows that analyze hands on."""
    runs = bs.read_runs(trajectories().assign(is_final=True, run=np.repeat(["a", "b", "c"], 8)))
    assert finished_runs(runs) == FinishedRuns(runs, len(runs))


def test_settings_tell_runs_apart_and_epochs_do_not() -> None:
    table = trajectories()
    both = pd.concat([table.assign(lr=lr) for lr in (1e-3, 3e-3)], ignore_index=True)
    rows, _ = kept(both.assign(epoch=both["step"] // 3000))
    assert rows["tokens"].tolist() == [8e9] * 6 and sorted(rows["lr"]) == [1e-3] * 3 + [3e-3] * 3


@pytest.mark.parametrize(
    "table",
    [
        pd.concat([trajectories().iloc[7::8].assign(experts=2**i) for i in range(6)]),
        trajectories().drop(columns="step"),
        trajectories().assign(run=[f"run {i}" for i in range(24)]),
        pd.concat([trajectories().iloc[7::8].assign(run="abc"[i]) for i in range(3)]).drop(
            columns=["step", "run"]
        ),
    ],
    ids=[
        "all of one step",
        "no steps",
        "names of their own",
        "replicates",
    ],
)
def test_a_table_of_finished_runs_stays(table: pd.DataFrame) -> None:
    runs = bs.read_runs(table.reset_index(drop=True))
    assert finished_runs(runs) == FinishedRuns(runs, len(runs))


def test_replicates_of_one_name_stay() -> None:
    table = pd.concat([trajectories().iloc[7::8].assign(run=list("abc"))] * 2, ignore_index=True)
    runs = bs.read_runs(table.drop(columns="step"))
    assert finished_runs(runs) == FinishedRuns(runs, len(runs))


def test_cooldowns_that_share_a_name_are_said() -> None:
    """Which rows are ends is not known without a flag: the longest is fitted, and that is said."""
    trunk, branch = trajectories().iloc[:8], trajectories().iloc[4:6]
    mixed = pd.concat([trunk, branch], ignore_index=True).assign(run="long")
    plain = trajectories().iloc[8:16].assign(run="plain")
    rows, said = kept(pd.concat([mixed, plain], ignore_index=True))
    assert rows["tokens"].tolist() == [8e9, 8e9]
    assert said.endswith(
        "; where runs or cooldowns of several lengths share a name (long), give each one of its "
        "own, or flag their ends in a column is_final"
    )
    few = pd.concat([trajectories().iloc[[3, 7]].assign(run="a"), plain], ignore_index=True)
    assert "share a name (a)" in kept(few)[1]
    assert "share a name" not in kept(pd.concat([plain, plain.assign(run="b", params=1)]))[1]


SIZES, RATIOS, BATCH = (5e7, 1.5e8, 4e8, 1e9), (10, 20, 40), 5e5


def budgets(shares: np.ndarray, batch: float = 1.0) -> pd.DataFrame:
    """Runs of three lengths per size, with rows at these shares of each, and no column run."""
    rows = [
        {
            "step": round(size * ratio * share / BATCH / batch**i),
            "params": size,
            "tokens": round(size * ratio * share / BATCH / batch**i) * BATCH * batch**i,
            "loss": 2 + 400 / size**0.34 + 1200 / (size * ratio * share) ** 0.3,
        }
        for size in SIZES
        for i, ratio in enumerate(RATIOS)
        for share in shares
    ]
    return pd.DataFrame(rows)


EVENLY, BY_TWOS = np.arange(1, 9) / 8, 2.0 ** np.arange(-7, 1)
ENDS = [size * ratio for size in SIZES for ratio in RATIOS]


@pytest.mark.parametrize("shares", [EVENLY, BY_TWOS, np.append(np.arange(1, 8) / 7.5, 1)])
@pytest.mark.parametrize("order", [1, -1])
def test_several_runs_of_one_size_are_told_apart_by_steps_that_start_again(
    shares: np.ndarray, order: int
) -> None:
    table = budgets(shares)[::order].reset_index(drop=True)
    rows, said = kept(table)
    assert rows["tokens"].tolist() == pytest.approx(ENDS[::order])
    assert said.startswith("96 rows are checkpoints of 12 runs (steps that start again)")


def test_rates_that_decay_along_runs_are_no_settings() -> None:
    table = budgets(BY_TWOS)
    rows, _ = kept(table.assign(lr=np.tile(1e-3 * (1 - 0.9 * BY_TWOS), 12)))
    assert rows["tokens"].tolist() == pytest.approx(ENDS)


def test_runs_in_any_order_are_told_apart_by_their_batch() -> None:
    table = budgets(EVENLY, batch=1.5).sample(frac=1, random_state=1).reset_index(drop=True)
    rows, said = kept(table)
    assert len(rows) == 12 and "steps in equal distances" in said


@pytest.mark.parametrize("name", ["fraction", "train progress", "percent_done"])
def test_a_column_that_says_which_part_of_a_run_is_done(name: str) -> None:
    table = budgets(EVENLY).drop(columns="step")
    end = 100 if name.startswith("percent") else 1
    shares = table.assign(**{name: np.tile(end * EVENLY, 12)}).sample(frac=1, random_state=1)
    found = finished_runs(bs.read_runs(shares))
    assert sorted(found.runs.table["tokens"]) == pytest.approx(sorted(ENDS))
    assert found.how == f"column {name}" and len(set(found.names)) == 12
    whole = with_run_names(bs.read_runs(shares), found).table
    totals = (whole["tokens"] * end / whole[name]).groupby(whole["run"])
    assert totals.std().max() < 1 and totals.size().tolist() == [8] * 12


def test_runs_on_parts_of_one_data_set_stay() -> None:
    rows = [{"params": n, "fraction": f, "tokens": 1e10 * f} for n in SIZES for f in EVENLY]
    runs = bs.read_runs(pd.DataFrame(rows).assign(loss=3.0 - np.arange(32) / 100))
    found = finished_runs(runs)
    assert len(found.runs) == 32 and "column fraction, no column run" in found.doubt


ASKED = r"column step, no column run: are these rows checkpoints\? Name the run of each"


@pytest.mark.parametrize(
    "table",
    [
        trajectories(evenly=False),
        budgets(EVENLY).sample(frac=1, random_state=1).reset_index(drop=True),
        budgets(np.linspace(0.9, 1, 8)),
        pd.concat([trajectories(evenly=False)] * 2).sort_values("params", kind="stable"),
    ],
    ids=["one run per size or many", "in no order", "steps that jump", "twice the same steps"],
)
def test_where_it_cannot_be_told_it_is_asked(table: pd.DataFrame) -> None:
    runs = bs.read_runs(table.reset_index(drop=True))
    found = finished_runs(runs)
    assert found.runs is runs and re.match(ASKED, found.doubt)
    named = bs.read_runs(table.assign(run=[f"r{i}" for i in range(len(table))]))
    assert not finished_runs(named).doubt


@pytest.mark.parametrize(
    "table",
    [
        trajectories(evenly=False).drop(columns="params"),
        trajectories(evenly=False).groupby("params").tail(4),
        trajectories(evenly=False).assign(step=8000),
        trajectories(evenly=False).assign(dataset=[f"mix {i}" for i in range(24)]),
    ],
    ids=["one curve", "few rows per size", "one step", "other data in each"],
)
def test_what_does_not_look_like_checkpoints_is_not_asked(table: pd.DataFrame) -> None:
    found = finished_runs(bs.read_runs(table.reset_index(drop=True)))
    assert not found.how and not found.doubt
