"""Data sets fetched from their public repository: where they are, and how they become tables.

A conversion keeps every digit of the original; the CSV tables that BAYESCALE_DATA may hold are
rounded (to ten digits, eight for the step law, six for the curves) and agree that far.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bayescale.errors import BayescaleError

if TYPE_CHECKING:
    import pandas as pd


HOFFMANN_BUDGETS = np.array([6e18, 1e19, 3e19, 6e19, 1e20, 3e20, 6e20, 1e21, 3e21])


STEP_LAW_CONTEXT = 2048


CLARK_BATCH, CLARK_CONTEXT = 256, 2048


CLARK_LOSSES = {"loss_validation": "loss"}


GITHUB = "https://raw.githubusercontent.com"


@dataclass(frozen=True)
class Original:
    """A file of a public GitHub repository at a fixed commit, and its conversion."""

    repository: str
    commit: str
    path: str
    sha256: str
    convert: "Callable[[Path], pd.DataFrame]"


def _hoffmann2022(file: Path) -> "pd.DataFrame":
    """Convert the points read off figure 4 of Hoffmann et al. (2022).

    Returns
    -------
    DataFrame
        245 rows: ``params`` and ``flops`` (read from the axes), ``tokens`` = flops / (6 params),
        not observed, ``loss`` (nats/token, read from the colour), ``in_besiroglu_fit`` (False for
        the five highest losses, which Besiroglu et al. left out), ``isoflop_budget`` (the nearest
        of the paper's nine FLOP budgets where within 10 % of it, else empty), and the raw point
        ``svg_x``, ``svg_y``, ``svg_color``.
    """
    import pandas as pd

    from bayescale.data import derive

    raw = pd.read_csv(file)
    params, flops, loss = raw["Model Size"], raw["Training FLOP"], raw["loss"]
    return pd.DataFrame(
        {
            "params": params,
            "tokens": derive.tokens(flops, params),
            "flops": flops,
            "loss": loss,
            "in_besiroglu_fit": loss.rank(ascending=False) > 5,
            "isoflop_budget": _nearest_budget(flops.to_numpy()),
            "svg_x": raw["x"],
            "svg_y": raw["y"],
            "svg_color": raw["color"],
        }
    )


def _nearest_budget(flops: np.ndarray) -> np.ndarray:
    apart = np.abs(flops[:, None] - HOFFMANN_BUDGETS)
    nearest = HOFFMANN_BUDGETS[apart.argmin(axis=1)]
    return np.where(np.abs(flops / nearest - 1) < 0.1, nearest, np.nan)


def _steplaw2025_dense(file: Path) -> "pd.DataFrame":
    """Convert the dense runs of the step law, a grid of learning rates and batch sizes.

    Returns
    -------
    DataFrame
        1911 rows: non-embedding ``params``, ``tokens``, ``flops`` = 6 params tokens, ``loss``
        (final training loss, smoothed), ``loss_last_logged``, ``lr``, ``batch_size_seqs``,
        ``batch_size_tokens`` (sequences of 2048), ``steps``, ``min_lr``, the shape,
        ``tokens_per_param``, and ``diverged`` (loss above 4). ``min_lr`` is given for the runs
        whose name writes it in lower case (mlr1e-5) and left empty for the other 691, whose names
        (mlr1.00E-05) are of another sweep.
    """
    import pandas as pd

    from bayescale.data import derive

    raw = pd.read_csv(file)
    params, tokens = raw["N"].astype(float), raw["D"].astype(float)
    return pd.DataFrame(
        {
            "family": pd.Series("dense", index=raw.index, dtype="str"),
            "params": params,
            "tokens": tokens,
            "flops": derive.flops(params, tokens),
            "loss": raw["smooth loss"],
            "loss_last_logged": raw["loss"],
            "lr": raw["lr"],
            "batch_size_seqs": raw["bs"],
            "batch_size_tokens": raw["bs"] * STEP_LAW_CONTEXT,
            "steps": raw["ti"],
            "min_lr": raw["exp_name"].str.extract(r"_mlr([\d.]+e-\d+)$")[0].astype(float),
            "d_model": raw["h"],
            "d_ff": raw["ffnh"],
            "n_heads": raw["numh"],
            "n_layers": raw["numl"],
            "tokens_per_param": raw["D/N"],
            "diverged": raw["smooth loss"] > 4,
        }
    )


def _clark2022_routed(file: Path) -> "pd.DataFrame":
    """Convert the routed and dense models of Clark et al. (2022), at the end of training.

    Returns
    -------
    DataFrame
        223 rows, one a model: ``params`` (dense, those a token meets), ``params_total``, the
        router and the shape, ``step``, ``flops_per_step`` (forward), ``loss`` (validation) and
        ``loss_<set>`` (the last value logged of each), ``in_notebook_fit`` (routing frequency 1/2,
        k = 1, seed 42) and ``tokens`` = step x 256 x 2048.
    """
    import pandas as pd

    raw = pd.read_csv(file).rename(columns=CLARK_LOSSES)
    last = raw.sort_values("step", kind="stable").groupby("hyper_id").last().reset_index()
    last["params"] = last["dense_parameter_count"]
    last["params_total"] = last["total_parameter_count"]
    last["flop_increase"] = last["flop_increase"].astype(int)
    first = ["hyper_id", "router_type", "model_size_label", "params", "params_total"]
    routing = ["num_experts", "k", "routing_frequency", "flop_increase"]
    shape = ["d_model", "num_blocks", "num_heads", "kqv_size", "seed", "step", "flops_per_step"]
    others = sorted(c for c in raw if c.startswith("loss_"))
    table = last.filter([*first, *routing, *shape, "loss", *others])
    usual = (table["routing_frequency"] == 0.5) & (table["k"] == 1) & (table["seed"] == 42)
    table["in_notebook_fit"] = usual
    table["tokens"] = table["step"] * float(CLARK_BATCH * CLARK_CONTEXT)
    return table


def _clark2022_routed_curves(file: Path) -> "pd.DataFrame":
    """Convert the loss curves of the same models: every 10,000 steps, without the first point."""
    import pandas as pd

    raw = pd.read_csv(file).rename(columns=CLARK_LOSSES)
    columns = ["hyper_id", "step", "loss", "loss_c4", "loss_wikitext103"]
    return raw.loc[raw["step"] > 0, columns].reset_index(drop=True)


_CLARK = (
    "google-deepmind/scaling_laws_for_routing",
    "42da0c392b127df2c01fa7b705f72396050d05e5",
    "data/curves.csv.gz",
    "c03e7531add85e594f368d33bac4a0220280be858a7ed12d147cf73af6a3819f",
)


ORIGINALS = {
    "hoffmann2022": Original(
        "epoch-research/analyzing-chinchilla",
        "92258837425e1b5f2851d624287f0120583a3d0e",
        "data/svg_extracted_data.csv",
        "193478df4e90f040016431996c45682659306840ecdadf83cfb9cd5ca0aa1b30",
        _hoffmann2022,
    ),
    "steplaw2025_dense": Original(
        "step-law/steplaw",
        "32a8f4cc50247695fb56cc6c9117abdf67c97763",
        "data/dense_lr_bs_loss.csv",
        "9e46181076c04d450294d75dfe6f72adc416e231e154a07b337e378f9410002c",
        _steplaw2025_dense,
    ),
    "clark2022_routed": Original(*_CLARK, _clark2022_routed),
    "clark2022_routed_curves": Original(*_CLARK, _clark2022_routed_curves),
}


def cache_folder() -> Path:
    """Return the folder in which fetched files are kept."""
    import pooch

    return Path(pooch.os_cache("bayescale"))


def fetch_original(original: Original) -> Path:
    """Return the original file from the cache, downloading it when it is not there."""
    import pooch

    base = os.environ.get("BAYESCALE_MIRROR", GITHUB).rstrip("/")
    url = f"{base}/{original.repository}/{original.commit}/{original.path}"
    file = f"{original.commit[:12]}-{Path(original.path).name}"
    try:
        return Path(
            pooch.retrieve(
                url, f"sha256:{original.sha256}", fname=file, path=cache_folder() / "original"
            )
        )
    except (OSError, ValueError) as error:
        raise BayescaleError(
            f"{url} could not be fetched: {error}. Try again with a network, set BAYESCALE_MIRROR "
            "to a mirror, or set BAYESCALE_DATA to a folder that holds the set as a CSV"
        ) from error
