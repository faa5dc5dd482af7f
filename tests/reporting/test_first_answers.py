"""The benchmark of first answers: what is given, what is kept back, and that its bars can fail."""

import first_answers
import pandas as pd
import pytest
from public_data import each_or_one


@pytest.mark.parametrize("name", each_or_one(list(first_answers.CASES)))
def test_what_is_kept_back_is_larger_than_all_that_is_given(name: str, data_dir) -> None:
    case = first_answers.CASES[name]
    given, later = case.tables()
    spent = 6 * given["params"] * given["tokens"]
    assert len(given) >= 15 and len(later) >= 1
    assert spent.max() < later["flops"].min()
    assert set(case.columns) <= set(given) and given["loss"].notna().all()


def test_what_is_not_said_or_not_true_is_counted() -> None:
    right = {"said": True, "refused": False, "inside": 0.9, "best_sizes": [{"inside": True}]}
    names = ["hoffmann2022", "porian2024, recipes merged"]
    good = pd.DataFrame([{"case": name, **right} for name in names])
    assert all(bar.met for bar in first_answers.bars(good))
    wrong = good.assign(said=False, inside=0.5, best_sizes=[[{"inside": False}], []])
    missed = {bar.name for bar in first_answers.bars(wrong) if not bar.met}
    assert len(missed) == 3
