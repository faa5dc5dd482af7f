"""Every model file can be fitted; a few, drawn by the commit, are."""

from pathlib import Path

import pytest
from rotation import drawn_by_commit

import bayescale as bs
from bayescale.model.observations import extract
from bayescale.model.spec import make_spec

NAMES = list(bs.list_studies().index)
SLICE = 3


@pytest.mark.filterwarnings("ignore::bayescale.BayescaleWarning")
@pytest.mark.parametrize("name", NAMES)
def test_its_runs_suit_its_law(name: str, data_dir: Path) -> None:
    study = bs.load_study(name)
    data = extract(make_spec(study), bs.study_runs(study))
    assert len(data.observed) > len(make_spec(study).free)
    assert data.scale > 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*set aside:bayescale.BayescaleWarning")
@pytest.mark.parametrize("name", drawn_by_commit(NAMES, SLICE))
def test_it_fits_with_defaults(name: str, data_dir: Path) -> None:
    fit = bs.fit(bs.load_study(name), random_seed=1, progressbar=False)
    assert fit.diagnostics.ok, fit.diagnostics.problems()
    assert fit.diagnostics.rhat < 1.01
    assert fit.diagnostics.ess > 400
    for one in [bs.group_fit(fit, name) for name in fit.groups] or [fit]:
        assert bs.identify(one)["verdict"].isin(["identified", "weak", "prior only"]).all()
    assert not bs.summary(fit).isna().any(axis=None)
