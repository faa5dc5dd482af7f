"""What the benchmarks of extrapolation make of their rows, on rows made up by hand."""

from itertools import product

import discrepancies
import inside_class
import kept
import numpy as np
import pandas as pd
import pytest
from discrepancies import DISCREPANCY, INNER, REACHES, SCORES, SIZES

SETS = ("hoffmann2022", "porian2024", "bhagia2024", "gadre2024_grid")


def rows(best: dict[str, float]) -> pd.DataFrame:
    """Make up scores that are best at one size a set, at the default's reach."""
    found = [(name, inner, 0.0, 0.0) for name in SETS for inner in range(-1, len(INNER))]
    found += product(SETS, [-1], SIZES, REACHES)
    found += product(SETS, range(len(INNER)), SIZES, [DISCREPANCY.reach])
    table = pd.DataFrame(found, columns=["set", "inner", "size", "reach"]).assign(cut=0)
    sizes = table["size"].clip(lower=1e-3)
    off = np.log(sizes / table["set"].map(best)) ** 2 + (table["reach"] - DISCREPANCY.reach) ** 2
    scores = dict.fromkeys(SCORES, 0.5) | {"crps": 0.01 * (1 + off), "log_score": -off}
    return table.assign(**scores)


def test_a_left_out_set_has_no_say_in_its_size() -> None:
    best = dict.fromkeys(SETS, 0.01) | {"porian2024": 0.03, "gadre2024_grid": 0.005}
    left = discrepancies.left_out(rows(best))
    assert left.loc["porian2024", "size"] == 0.01
    assert left.loc["gadre2024_grid", "size"] == 0.015  # the three others', on the average
    assert set(left["reach"]) == {DISCREPANCY.reach}


def test_a_learnt_size_lies_between_the_default_and_the_inner_cuts() -> None:
    table = rows(dict.fromkeys(SETS, 0.03))
    nothing, little, much = (
        discrepancies.learnt(table, strength)["size"].iloc[0] for strength in (0.0, 0.5, 50.0)
    )
    assert nothing == pytest.approx(DISCREPANCY.size)
    assert DISCREPANCY.size < little < much < 0.0301


def test_bands_inside_the_class_are_compared_study_by_study() -> None:
    study = {"law": "chinchilla", "failed": False, "crps": 0.01, "cover_90": 0.9}
    made = [
        study | {"study": i, "believed": b, "sigma": sigma, "width_90": width}
        for i, sigma, widths in [(0, 0.001, (0.04, 0.01)), (1, 0.02, (0.10, 0.10))]
        for b, width in zip((False, True), widths, strict=True)
    ]
    table = pd.DataFrame(made + [row | {"law": "skaling"} for row in made])
    found = {bar.name: bar for bar in inside_class.bars(table)}
    each = found["chinchilla: width over the exact posterior's, mean of studies"]
    assert each.value == pytest.approx(2.5) and not each.met
    assert found["chinchilla: mean width over mean exact width"].value == pytest.approx(14 / 11)
    assert found["chinchilla: width, scatter below .5 %"].value == pytest.approx(4)


def test_rows_of_another_plan_are_measured_anew(tmp_path) -> None:
    path = tmp_path / "rows.json"
    assert kept.rows_of(path, {"seed": 1}) == []
    kept.save_rows(path, {"seed": 1, "cuts": (0.5,)}, [{"a": 1}, {"a": 2}])
    assert kept.rows_of(path, {"seed": 1, "cuts": (0.5,)}) == [{"a": 1}, {"a": 2}]
    assert kept.rows_of(path, {"seed": 2, "cuts": (0.5,)}) == []
