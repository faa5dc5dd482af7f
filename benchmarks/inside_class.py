"""What the discrepancy costs where the law is true: cover and width of bands beyond the runs.

    python benchmarks/inside_class.py   # eighty fits, some five minutes; goes on where it stopped

Forty studies a law, simulated from the law itself: parameters and noise are drawn from its default
priors, runs fill the typical range of N and D (``calibrate.problem``). Each study is cut at the 50,
70 or 85 % quantile of compute in turn, fitted below, and scored above, with the default discrepancy
and with none: the exact posterior. Every study counts alike, whatever its diagnostics. One row a
study is saved in ``benchmarks/results/inside_class_rows.json``.
"""

import warnings
from typing import Any

import pandas as pd
from bars import RESULTS, Bar
from calibrate import problem
from kept import STRUCTURE, fitted, rows_of, save_rows

import bayescale as bs
from bayescale.evaluation.backtest import CUTS, score_split
from bayescale.evaluation.scores import summarise
from bayescale.evaluation.splits import cuts_of
from bayescale.laws.registry import get_law
from bayescale.model.observations import extract
from bayescale.model.spec import make_spec
from bayescale.prediction.discrepancy import DISCREPANCY

LAWS = ("chinchilla", "skaling")
STUDIES = 40
QUIET = 0.005
"""Scatter below which a band is mostly the law's, not the runs'."""
SCORES = ("cover_50", "cover_90", "crps", "log_score", "width_90")
SAVED = RESULTS / "inside_class_rows.json"
PLAN = {"cuts": CUTS, "discrepancy": str(DISCREPANCY), "error": STRUCTURE}


def score(law: str, study: int) -> list[dict[str, Any]]:
    """Simulate, fit and score one study, with the discrepancy and with the law believed."""
    table, truth = problem(get_law(law), study)
    runs = bs.read_runs(table)
    (split,) = cuts_of(runs, "flops", [CUTS[study % len(CUTS)]])
    small = runs.take(~split.held_out)
    fit, data = fitted(small, law), {law: extract(make_spec(law), runs)}
    about = {"law": law, "study": study, "sigma": truth["sigma"], "failed": not fit.diagnostics.ok}
    rows = []
    for believed in (False, True):
        scored = score_split(fit, data, split, None if believed else DISCREPANCY, study)
        summed = summarise(scored, len(small), fit.diagnostics.ok)
        means = {name: float(summed[name]) for name in SCORES}
        rows.append(about | {"cut": split.name, "believed": believed} | means)
    return rows


def measure() -> list[Bar]:
    """Score the studies that are not saved yet, and hold the bands against their bars."""
    rows = rows_of(SAVED, PLAN)
    done = {(row["law"], row["study"]) for row in rows}
    for study in range(STUDIES):
        for law in LAWS:
            if (law, study) in done:
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", bs.BayescaleWarning)  # `failed` counts them
                rows += score(law, study)
            save_rows(SAVED, PLAN, rows)
    return bars(pd.DataFrame(rows))


def bars(rows: pd.DataFrame) -> list[Bar]:
    """Hold cover and width against their bars, law by law, and say them where noise is small."""
    found = []
    for law in LAWS:
        ours, exact = (
            rows[(rows["law"] == law) & (rows["believed"] == b)].set_index("study")
            for b in (False, True)
        )
        wider = ours["width_90"] / exact["width_90"]
        quiet = ours["sigma"] < QUIET
        few = f"{quiet.sum()} of {len(ours)} studies"
        found += [
            Bar(f"{law}: cover of the 90 % band", ours["cover_90"].mean(), 0.86, 0.995),
            Bar(f"{law}: the same, law believed", exact["cover_90"].mean()),
            Bar(f"{law}: width over the exact posterior's, mean of studies", wider.mean(), high=2),
            Bar(f"{law}: mean width over mean exact width", _ratio(ours, exact), high=2),
            Bar(f"{law}: width, scatter below .5 %", wider[quiet].mean(), note=few),
            Bar(f"{law}: cover, scatter below .5 %", ours.loc[quiet, "cover_90"].mean(), note=few),
            Bar(f"{law}: CRPS over the exact posterior's", _ratio(ours, exact, "crps")),
            Bar(f"{law}: share of fits whose diagnostics failed", ours["failed"].mean()),
        ]
    return found


def _ratio(ours: pd.DataFrame, exact: pd.DataFrame, score: str = "width_90") -> float:
    return float(ours[score].mean() / exact[score].mean())


if __name__ == "__main__":
    for bar in measure():
        print(f"  {bar}")
