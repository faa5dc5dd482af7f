"""Fit every model file and set what was published beside it.

    python benchmarks/check_models.py              # every model not yet checked, or changed since
    python benchmarks/check_models.py hoffmann2022 # these

Saves ``results/models/NAME.json`` as soon as a model is done; ``make docs`` makes a page of them.
"""

import json
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

from bars import RESULTS
from calibrate import digest as digest_of_law
from calibrate import quiet_fit

import bayescale as bs
from bayescale.laws.registry import get_law
from bayescale.studies.study import Study, model_names

FOLDER = RESULTS / "models"


def names() -> list[str]:
    """Return the models that come with bayescale."""
    return model_names()


def digest(study: Study) -> str:
    """Return a hash of a model file and its law."""
    parts = [json.dumps(study.as_dict(), sort_keys=True), digest_of_law(get_law(study.law))]
    return sha256("\n".join(parts).encode()).hexdigest()[:16]


def check(name: str) -> dict[str, Any]:
    """Fit one model with the defaults and compare."""
    study = bs.load_study(name)
    fit = quiet_fit(bs.study_runs(study), study, 1)
    found = fit.diagnostics
    table = bs.check_published(fit, study).astype(object)
    return {
        "name": name,
        "digest": digest(study),
        "law": study.law,
        "runs": fit.observed.size,
        "rhat": round(found.rhat, 4),
        "ess": round(found.ess),
        "divergences": found.divergences,
        "ok": found.ok,
        "seconds": round(sum(fit.record["seconds"].values()), 1),
        "published": table.where(table.notna(), None).to_dict("records"),
    }


def load(name: str) -> dict[str, Any] | None:
    """Return the saved check of a model unless the model or its law has changed since."""
    path = FOLDER / f"{name}.json"
    if not path.exists():
        return None
    record = json.loads(path.read_text())
    return record if record["digest"] == digest(bs.load_study(name)) else None


def main(given: list[str]) -> bool:
    """Check what is not saved yet; say whether every fit's diagnostics are fine."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    fine = True
    for name in given or names():
        record = load(name)
        if record is None:
            try:
                record = check(name)
            except bs.BayescaleError as error:
                print(f"{name}: {error}", flush=True)
                fine = False
                continue
            (FOLDER / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")
        verdicts = [row["verdict"] for row in record["published"]]
        said = ", ".join(f"{verdicts.count(v)} {v}" for v in dict.fromkeys(verdicts))
        print(f"{name}: R-hat {record['rhat']}, ESS {record['ess']}; {said}", flush=True)
        fine &= record["ok"]
    return fine


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    sys.exit(0 if main(sys.argv[1:]) else 1)
