"""Eight extrapolation tasks and a table of mixtures: what model files predict of a held-out part.

    python benchmarks/tasks.py             # all tasks
    python benchmarks/tasks.py sld_moe     # one of them

Only the public train parts are used. The largest fifth by the task's scale (whole mixtures, where
there is none) is held out, the model file is fitted to the rest with its defaults, and R2 is one
minus squared error over squared deviation on the held-out rows, mean over targets and groups.
"""

import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from bars import Bar

import bayescale as bs
from bayescale.data.expressions import evaluate

SEED = 1
HELD_OUT = 0.2


@dataclass(frozen=True)
class Task:
    """What a task's scale is, an expression of its columns, and which column groups its scores."""

    scale: str
    group: str = ""


TASKS = {
    "sld_data_constrained": Task("params * tokens"),
    "sld_farseer": Task("params * tokens"),
    "sld_moe": Task("params_dense"),
    "sld_sparsity": Task("N_dense", "group"),
    "sld_parallel": Task("parallel_size", "group"),
    "sld_vocab": Task("vocab_size"),
    "sld_lr_bsz": Task("params_non_embedding * tokens"),
    "sld_domain_mixture": Task("", "group"),
    "regmix2024": Task(""),
}


def split(name: str, table: pd.DataFrame) -> np.ndarray:
    """Return which rows are held out: at or above the quantile, or every fifth mixture."""
    if TASKS[name].scale:
        scale = evaluate(table, TASKS[name].scale).to_numpy(float)
        return scale >= np.quantile(scale, 1 - HELD_OUT)
    shares = table.filter(regex="^(w_|proportion)")
    return shares.groupby(list(shares), sort=False).ngroup().to_numpy() % round(1 / HELD_OUT) == 0


def held_back(model: bs.Model, train: pd.DataFrame, folder: Path) -> bs.Model:
    """Return the model that knows a part of its rows alone."""
    file = folder / "train.csv"
    train.to_csv(file, index=False)
    data = replace(model.study.data, dataset=None, file=str(file))
    return bs.Model(replace(model.study, data=data), SEED)


def score(name: str) -> dict[str, float]:
    """Fit the model file to the smaller part and score its predictions of the rest."""
    model = bs.load_model(name)
    table = bs.load_dataset(str(model.study.data.dataset))
    held, started = split(name, table), time.process_time()
    with TemporaryDirectory() as folder:
        fits = held_back(model, table[~held], Path(folder)).fits
    rows = table[held].reset_index(drop=True)
    groups = rows[TASKS[name].group] if TASKS[name].group else pd.Series("", index=rows.index)
    r2, cover, rank = [], [], {}
    for target, fit in fits.items():
        observed = rows[target if target in rows else next(iter(rows.filter(like="loss")))]
        answer = bs.predict(fit, rows)
        middle = pd.Series(answer["outcome"].median(("chain", "draw")).values)
        low, high = (answer["new_run"].quantile(q, ("chain", "draw")).values for q in (0.05, 0.95))
        cover.append(float(observed.between(low, high).mean()))
        rank[target] = float(middle.corr(observed, method="spearman"))
        for _, there in observed.groupby(groups):
            missed = ((middle[there.index] - there) ** 2).sum()
            r2.append(float(1 - missed / ((there - there.mean()) ** 2).sum()))
    return {
        "held out": int(held.sum()),
        "R2": float(np.mean(r2)),
        "least R2": float(np.min(r2)),
        "cover": float(np.mean(cover)),
        "rank": rank.get("loss_pile_cc_val_loss", min(rank.values())),
        "sound": float(np.mean([fit.diagnostics.ok for fit in fits.values()])),
        "CPU s": time.process_time() - started,
    }


def measure(names: Sequence[str] = ()) -> list[Bar]:
    """Score tasks; print a row for each and hold the numbers against their bars."""
    found = {}
    for name in names or TASKS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bs.BayescaleWarning)  # `sound` counts them
            found[name] = score(name)
        print(f"  {name}: {'; '.join(f'{k} {v:.4g}' for k, v in found[name].items())}", flush=True)
    tasks = pd.DataFrame(found).T
    of_task = tasks[tasks.index.str.startswith("sld_")]
    bars = [Bar("share of fits without a problem", tasks["sound"].mean(), 1.0)]
    if len(of_task):
        bars += [
            Bar("mean R2 of the tasks on their largest fifth", of_task["R2"].mean()),
            Bar("cover of their 90 % bands", of_task["cover"].mean(), 0.80, 0.98),
        ]
    if "regmix2024" in tasks.index:
        mixtures = tasks.loc["regmix2024"]
        bars += [
            Bar("rank correlation of the loss on Pile-CC", mixtures["rank"], 0.95),
            Bar("cover of the 90 % bands of 13 losses", mixtures["cover"], 0.85, 0.96),
        ]
    return bars


if __name__ == "__main__":
    for bar in measure(sys.argv[1:]):
        print(f"  {bar}")
