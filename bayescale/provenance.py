"""Where a fit's numbers came from: versions, seed, sampler, the runs and the rows set aside."""

from importlib.metadata import version
from typing import Any

from bayescale.data import Data
from bayescale.runs import Runs
from bayescale.sampling import Sampler
from bayescale.spec import Spec


def record_of(
    spec: Spec, data: Data, sampler: Sampler, seed: int, seconds: dict[str, float]
) -> dict[str, Any]:
    """Return the origin of a fit, in JSON's types."""
    return {
        "versions": {
            name: version(name) for name in ("bayescale", "pymc", "pytensor", "nutpie", "arviz")
        },
        "sampler": vars(sampler),
        "seed": seed,
        "seconds": seconds,
        "data": data.digest(),
        "law": spec.law.fingerprint(),
        "runs": _runs_record(data.runs),
    }


def _runs_record(runs: Runs) -> dict[str, Any]:
    labels = runs.set_aside.index.map(str)
    return {
        "source": runs.source,
        "rows": len(runs),
        "columns": [vars(column) for column in runs.columns],
        "params_convention": runs.params_convention,
        "loss_unit": runs.loss_unit,
        "notes": list(runs.notes),
        "set_aside": [
            {"row": label, "reason": str(reason)}
            for label, reason in zip(labels, runs.set_aside["reason"], strict=True)
        ],
    }
