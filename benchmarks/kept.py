"""What benchmarks keep: fits on this machine, and rows of scores in the repository.

A fit does not depend on the discrepancy, nor on what it is scored against. It is kept under
``benchmarks/.fits`` by what made it: the numbers, the law, the noise, the seed. Delete the folder
to fit anew.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

import bayescale as bs
from bayescale.data.runs import Runs
from bayescale.inference.sampling import Sampler
from bayescale.laws.registry import get_law
from bayescale.model.checkpoint_rows import noise_along_runs
from bayescale.model.observations import extract
from bayescale.model.spec import make_spec
from bayescale.prediction.places import COMMON, COMMON_OF, SPLIT_REACH

FOLDER = Path(__file__).parent / ".fits"
SEED = 1

STRUCTURE = {"common": COMMON, **COMMON_OF, "reach": SPLIT_REACH}
"""Of the law's error over a budget: rows that were saved under another are measured anew."""


def fitted(
    runs: Runs,
    law: str,
    noise: str | None = None,
    columns: Mapping[str, str] | None = None,
    seed: int = SEED,
    references: Mapping[str, float] | None = None,
) -> bs.Fit:
    """Fit a law with the defaults, or load the same fit from an earlier call."""
    spec = make_spec(law, noise=noise, columns=columns, references=references)
    data = extract(spec, runs)
    said: Any = [data.digest(), spec.law.fingerprint(), spec.noise.name, dict(spec.columns), seed]
    said += [dict(references)] if references else []
    options: Any = {"noise": noise, "columns": columns, "references": references}
    options |= {"sampler": Sampler(cores=1)}
    return _kept(json.dumps(said), runs, law, random_seed=seed, **options)


def pooled(table: pd.DataFrame, law: str, seed: int = SEED) -> bs.Fit:
    """Fit families together, the law's parameters and the scatter partially pooled, or load it.

    The table names them in the column ``family``. All its rows are fitted: checkpoints of one run
    follow from one another.
    """
    pool = dict.fromkeys((*get_law(law).parameters, "sigma"), "partial")
    runs = bs.read_runs(table)
    spec = noise_along_runs(make_spec(law, pool=pool, group="family"), runs)
    scales = extract(spec, runs).group_scales
    said = f"{law} {table.to_csv()} {pool} {spec.noise.name} {scales} {spec.population} {seed}"
    return _kept(said, runs, spec, random_seed=seed)


def _kept(said: str, runs: Any, law: Any, **options: Any) -> bs.Fit:
    """Load the fit that was kept of what is said, or fit and keep it."""
    path = FOLDER / f"{hashlib.sha256(said.encode()).hexdigest()[:24]}.nc"
    if path.exists():
        return bs.load(path)
    fit = bs.fit(runs, law, progressbar=False, **options)
    FOLDER.mkdir(exist_ok=True)
    bs.save(fit, path)
    return fit


def thinned(fit: bs.Fit, every: int = 4) -> bs.Fit:
    """Keep some of the draws, for scores that are asked for a hundred times."""

    def thin(group: xr.Dataset) -> xr.Dataset:
        return group.isel(draw=slice(None, None, every)) if "draw" in group.dims else group

    return replace(fit, tree=fit.tree.map_over_datasets(thin))


def rows_of(path: Path, plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows that were saved under this plan; those of another are measured anew."""
    found = json.loads(path.read_text()) if path.exists() else {}
    return found["rows"] if found.get("plan") == json.loads(json.dumps(plan)) else []


def save_rows(path: Path, plan: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
    """Save rows with the plan they were measured under, a row a line."""
    lines = ",\n".join(json.dumps(row) for row in rows)
    path.write_text(f'{{"plan": {json.dumps(plan)}, "rows": [\n{lines}\n]}}\n')
