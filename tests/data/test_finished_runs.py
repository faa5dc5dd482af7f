"""Which rows of a table are finished runs."""

import numpy as np
import pandas as pd
import pytest

import bayescale as bs
from bayescale.data.checkpoints import FinishedRuns, finished_runs


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
        trajectories(evenly=False),
        trajectories().drop(columns="step"),
        trajectories().assign(run=[f"run {i}" for i in range(24)]),
        pd.concat([trajectories().iloc[7::8].assign(run="abc"[i]) for i in range(3)]).drop(
            columns=["step", "run"]
        ),
    ],
    ids=[
        "all of one step",
        "steps of runs of their own",
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
        "; where cooldowns of several lengths share a name (long), flag their ends in a column "
        "is_final"
    )
    few = pd.concat([trajectories().iloc[[3, 7]].assign(run="a"), plain], ignore_index=True)
    assert "share a name (a)" in kept(few)[1]
    assert "share a name" not in kept(pd.concat([plain, plain.assign(run="b", params=1)]))[1]
