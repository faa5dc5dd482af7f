"""The public data sets that extrapolation is judged on: which choose, and which are reported."""

from dataclasses import dataclass

import pandas as pd

import bayescale as bs


@dataclass(frozen=True)
class Set:
    """A data set, its rows, and whether the discrepancy's size and reach were chosen on it."""

    dataset: str
    where: str = ""
    best_of: tuple[str, ...] = ()
    chose: bool = False


SETS = {
    "hoffmann2022": Set("hoffmann2022", "in_besiroglu_fit", chose=True),
    "openeurollm2026": Set("openeurollm2026_optima", chose=True),
    "porian2024": Set(
        "porian2024_isoflop",
        "dataset == 'rw' and hparams == 'tuned' and param_count == 'standard' "
        "and loss_split == 'val' and loss < 4.5",
        chose=True,
    ),
    "gemstones2025": Set("gemstones2025", "set == 'cooldown_end'", chose=True),
    "steplaw2025": Set("steplaw2025_dense", "not diverged", best_of=("params", "tokens")),
    "bhagia2024": Set("bhagia2024_ladder_lmloss", "is_final"),
    "muennighoff2023": Set("muennighoff2023", "epochs <= 1"),
    "gadre2024_grid": Set("gadre2024_grid", "best_for_config"),
}
BESIDE = ("gadre2024_grid",)
"""Reported beside the others, and not in the means: one ratio of tokens to parameters."""


def runs_of(name: str) -> pd.DataFrame:
    """Return params, tokens and loss of one data set."""
    return rows_of_set(SETS[name])


def rows_of_set(chosen: Set) -> pd.DataFrame:
    """Return params, tokens and loss of the rows that are meant."""
    table = bs.load_dataset(chosen.dataset)
    if chosen.where:
        table = table.query(chosen.where)
    if chosen.best_of:
        table = table.loc[table.groupby(list(chosen.best_of))["loss"].idxmin()]
    return table[["params", "tokens", "loss"]].dropna().reset_index(drop=True)
