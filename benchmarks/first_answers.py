"""What ``analyze`` says first of public tables, and of the same tables misread; what came true.

Each table is given without its largest runs: those above the 85 % quantile of compute. ``analyze``
is asked for the largest of their budgets (its priors know nothing of the table's paper), and its
answers are held against the runs that it did not see: the share of their losses inside the 89 %
intervals of a run, and the best size seen at each kept-back budget that has a parabola. Misread are
tables in which checkpoints or groups were left: then what is wrong must be said. One case is saved
per row in ``results/first_answers_rows.json``, of which ``make docs`` makes a table.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from bars import RESULTS, Bar
from kept import SEED, STRUCTURE, rows_of, save_rows
from literature import left_out
from optimum_beyond import best_size

import bayescale as bs
from bayescale.evaluation.law_choice import (
    NOISE_OF_SIZE_AND_DATA,
    OF_FEWER_RUNS,
    OF_SIZE_AND_DATA,
    PRIORS_OF_SIZE_AND_DATA,
)
from bayescale.prediction.discrepancy import DISCREPANCY

SAVED = RESULTS / "first_answers_rows.json"
PLAN = {
    "laws": {
        **dict.fromkeys(OF_SIZE_AND_DATA, NOISE_OF_SIZE_AND_DATA),
        **dict.fromkeys(OF_FEWER_RUNS),
    },
    "priors": PRIORS_OF_SIZE_AND_DATA,
    "discrepancy": str(DISCREPANCY),
    "error": STRUCTURE,
    "seed": SEED,
}
SHARE = 0.85
"""Quantile of compute below which runs are given."""
WITHIN = 1.1
"""Factor of compute within which runs are of one budget."""


@dataclass(frozen=True)
class Case:
    """A table as somebody would give it.

    ``finished`` has the rows that are finished runs of one recipe: the largest of them are kept
    back, with all rows of as much compute. ``must_say`` is a word that what is printed has to have.
    """

    dataset: str
    given: str = ""
    finished: str = ""
    columns: tuple[str, ...] = ()
    must_say: str = ""

    def tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the rows to give, and the finished runs to keep back."""
        table = bs.load_dataset(self.dataset)
        table = table.assign(flops=6 * table["params"] * table["tokens"])
        table = table.query(self.given) if self.given else table
        finished = table.query(self.finished) if self.finished else table
        limit = finished["flops"].quantile(SHARE)
        columns = ["params", "tokens", "loss", *self.columns]
        small = table.loc[table["flops"] <= limit, columns].dropna(subset=["loss"])
        return small.reset_index(drop=True), finished[finished["flops"] > limit]


_PORIAN = "dataset == 'rw' and param_count == 'standard' and loss_split == 'val' and loss < 4.5"
_TUNED = "hparams == 'tuned'"

CASES = {
    "hoffmann2022": Case("hoffmann2022", "in_besiroglu_fit"),
    "gemstones2025, finished": Case("gemstones2025", "set == 'cooldown_end'"),
    "gemstones2025, checkpoints left in": Case(
        "gemstones2025",
        "set == 'main'",
        "step == step.max()",
        columns=("run", "step"),
        must_say="checkpoint",
    ),
    "porian2024, one recipe": Case("porian2024_isoflop", f"{_PORIAN} and {_TUNED}"),
    "porian2024, recipes merged": Case(
        "porian2024_isoflop",
        _PORIAN,
        _TUNED,
        columns=("hparams", "warmup", "decay"),
        must_say="group=",
    ),
    "openeurollm2026": Case("openeurollm2026_optima"),
    "muennighoff2023, one epoch": Case("muennighoff2023", "epochs <= 1"),
    "muennighoff2023, repetitions left in": Case(
        "muennighoff2023",
        "loss < 6",
        "epochs <= 1",
        columns=("unique_tokens", "epochs"),
        must_say="epochs",
    ),
    "bhagia2024, finished": Case("bhagia2024_ladder_lmloss", "is_final"),
    "bhagia2024, checkpoints left in": Case(
        "bhagia2024_ladder_lmloss",
        "step > 0",
        "is_final",
        columns=("run", "step", "is_final"),
        must_say="checkpoint",
    ),
    **{
        f"choshen2024, {family}": Case(
            "choshen2024",
            f"family == '{family}'",
            "is_final == 1",
            columns=("model", "is_final"),
            must_say="checkpoint",
        )
        for family in ("OPT", "gpt3", "pythia")
    },
    "choshen2024, three families merged": Case(
        "choshen2024",
        "family in ('OPT', 'gpt3', 'pythia') and is_final == 1",
        columns=("family", "model"),
        must_say="family",
    ),
}


def score(name: str) -> dict[str, Any]:
    """Analyze one table, and hold what is said against the runs that were kept back."""
    case = CASES[name]
    given, later = case.tables()
    budget = float(later["flops"].max())
    row: dict[str, Any] = {"case": name, "rows": len(given), "kept_back": len(later)}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bs.BayescaleWarning)
            with left_out(case.dataset):
                found = bs.analyze(given, flops=budget, random_seed=SEED, progressbar=False)
    except bs.BayescaleError as error:
        said = str(error)
        return row | {"first": f"refused: {said}", "said": case.must_say in said, "refused": True}
    text = " ".join(found.paragraphs())
    first, second = found.paragraphs()[0], found.posterior.label
    return row | {
        "first": first,
        "laws": second,
        "adequacy": " ".join(one.adequacy.problems()[0] for one in _missing(found))[:300],
        "said": case.must_say in text,
        "refused": False,
        **_held_against(found, later),
    }


def _missing(found: bs.Analysis) -> list[bs.Fit]:
    """Return the laws that count and do not describe the runs."""
    return [one for one in found.posterior.members().values() if not one.adequacy.ok]


def _held_against(found: bs.Analysis, later: pd.DataFrame) -> dict[str, Any]:
    """Compare the answers with the runs that were kept back."""
    run = found.posterior.predict(
        {name: later[name].to_numpy() for name in ("params", "tokens")}, random_seed=SEED
    )["new_run"]
    low, high = (run.quantile(q, ("chain", "draw")).to_numpy() for q in (0.055, 0.945))
    loss = later["loss"].to_numpy()
    return {
        "inside": float(((low <= loss) & (loss <= high)).mean()),
        "error": float(np.abs(run.median(("chain", "draw")).to_numpy() / loss - 1).mean()),
        "best_sizes": _best_sizes(found.posterior, later),
    }


def _best_sizes(posterior: bs.Fit | bs.Average, later: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the best size seen at each budget that shows one, and whether it was said."""
    found = []
    by_compute = later.sort_values("flops")
    budget = (np.log(by_compute["flops"]).diff() > np.log(WITHIN)).cumsum()
    for _, runs in by_compute.groupby(budget):
        seen = best_size(runs) if runs["flops"].max() <= WITHIN * runs["flops"].min() else None
        if seen is None:
            continue
        at = float(runs["flops"].median())
        size = bs.optimum(posterior, at, random_seed=SEED)["params"].to_numpy()
        low, high = np.quantile(size, [0.055, 0.945])
        found.append({"flops": at, "seen": seen, "inside": bool(low < seen < high)})
    return found


def measure() -> list[Bar]:
    """Count the tables of which the first answer came true and what is wrong was said."""
    rows = rows_of(SAVED, PLAN)
    for name in CASES:
        if not any(row["case"] == name for row in rows):
            rows.append(score(name))
            save_rows(SAVED, PLAN, rows)
            print(f"  {name}: {rows[-1]}", flush=True)
    return bars(pd.DataFrame(rows))


def bars(table: pd.DataFrame) -> list[Bar]:
    """Hold what was said and what came true against their bars."""
    misread = table["case"].map(lambda name: bool(CASES[name].must_say))
    answered = table[~table["refused"]]
    sizes = [one["inside"] for held in answered["best_sizes"] for one in held]
    return [
        Bar("misread tables of which it is said", table.loc[misread, "said"].mean(), 1.0),
        Bar("tables refused", float(table["refused"].sum())),
        Bar("held-out losses inside 89 %", answered["inside"].mean(), 0.8),
        Bar("best sizes inside 89 %", float(np.mean(sizes)), 0.8, note=f"{len(sizes)} budgets"),
    ]


if __name__ == "__main__":
    for bar in measure():
        print(f"  {bar}")
