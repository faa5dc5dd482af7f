"""Model files: what comes with the package, and what a slip in one's own is answered with."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bayescale.data.datasets.load import load_dataset
from bayescale.errors import BayescaleError
from bayescale.laws.frontier import FRONTIER_CONSTANTS
from bayescale.laws.registry import get_law
from bayescale.model.noise.registry import get_noise
from bayescale.model.spec import make_spec
from bayescale.studies.runs import study_runs
from bayescale.studies.study import Study, list_studies, load_study

ROWS = {"hoffmann2022": 245, "besiroglu2024": 240, "gadre2024": 34, "openeurollm2026": 51}
PREDICTED = [f"sld_{task}_train" for task in ("data_constrained", "domain_mixture", "farseer")]
PREDICTED += [f"sld_{task}_train" for task in ("lr_bsz", "moe", "parallel", "sparsity", "vocab")]
PREDICTED += ["regmix2024_1m_train"]
"""Data sets of whose later rows predictions are scored."""
MINIMAL = 'law = "chinchilla"\n[data]\ndataset = "hoffmann2022"\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", list_studies().index)
def test_a_packaged_model_is_named_as_its_file_and_survives_a_round_trip(name: str) -> None:
    study = load_study(name)
    assert study.name == name
    assert study.title and study.about
    assert Study.from_dict(json.loads(json.dumps(study.as_dict()))) == study


@pytest.mark.parametrize("name", list_studies().index)
def test_published_values_are_quantities_of_the_law(name: str) -> None:
    study = load_study(name)
    law = get_law(study.law)
    ones = dict.fromkeys([*law.inputs, *law.steps, *law.parameters], 0.5)
    derived = law.derived(**ones) if hasattr(law, "derived") else {}
    noise = get_noise(study.noise or law.noise)
    known = {*law.parameters, *derived, *noise.parameters, *FRONTIER_CONSTANTS}
    # runs of our own, and tables of which later rows are predicted, need no published values
    assert study.published or study.data.simulate or study.data.dataset in PREDICTED
    for block in study.published:
        named = {*block.values, *block.intervals}
        if study.group is not None:  # a pooled study names each group: alpha[c4]
            named = {name.partition("[")[0] for name in named}
        assert named <= known
    make_spec(study)  # every prior, input and reference is one of the law's or its noise's


@pytest.mark.parametrize(("name", "rows"), ROWS.items())
def test_the_data_of_a_packaged_model(name: str, rows: int, data_dir: Path) -> None:
    study = load_study(name)
    assert study.data.dataset is not None
    table = load_dataset(study.data.dataset)
    kept = table.query(study.data.where) if study.data.where else table
    columns = [study.data.columns.get(c, c) for c in ("params", "tokens", "loss")]
    assert len(kept) == rows
    assert (kept[columns] > 0).to_numpy().all()


def test_kaplan_is_simulated_from_the_published_constants() -> None:
    study = load_study("kaplan2020")
    simulate = study.data.simulate
    assert simulate is not None
    law = get_law(study.law)
    values = study.published[0].values
    for n, d in zip(simulate.design["N"], simulate.design["D"], strict=True):
        size = (values["N_c"] / n) ** (values["alpha_N"] / values["alpha_D"])
        expected = (size + values["D_c"] / d) ** values["alpha_D"]
        loss = law.curve({"N": n, "D": d}, simulate.references, simulate.parameters)
        assert loss == pytest.approx(expected, rel=1e-9)
    derived = law.derived(**simulate.references, **simulate.parameters)
    assert derived["N_c"] == pytest.approx(values["N_c"])
    assert derived["D_c"] == pytest.approx(values["D_c"])


def test_one_truth_is_seen_by_three_metrics() -> None:
    """Schaeffer's switch: exact match leaps, token edits and Brier score do not."""
    studies = [load_study(f"schaeffer2023_{k}") for k in ("exact_match", "token_edits", "brier")]
    curves = []
    for study in studies:
        simulate = study.data.simulate
        assert simulate is not None
        assert study.references == simulate.references
        assert dict(study.published[0].values) == {
            k: simulate.parameters[k] for k in ("a", "alpha")
        }
        inputs = {name: np.array(values) for name, values in simulate.design.items()}
        curves.append(get_law(study.law).curve(inputs, simulate.references, simulate.parameters))
    exact, edits, brier = curves
    np.testing.assert_allclose(exact, (1 - edits) ** 5)
    np.testing.assert_allclose(brier, 4 / 3 * edits**2)
    assert exact[1] < 1 / 1000 < 0.03 < exact[4]  # below what 1,000 questions see, then not
    assert edits[:5].max() / edits[:5].min() < 2


def test_gadre_is_converted_to_the_constants_of_the_law() -> None:
    block = load_study("gadre2024").published[0]
    n, d = 1e9, 1e11
    multiplier, compute = d / n, 6 * n * d
    expected = 1.51 + (141 * multiplier**0.121 + 190 * multiplier**-0.121) * compute**-0.121
    v = block.values
    loss = v["E"] + v["A"] * n ** -v["alpha"] + v["B"] * d ** -v["beta"]
    assert loss == pytest.approx(expected, rel=2e-3)


def test_a_small_file_is_enough(tmp_path: Path) -> None:
    study = load_study(write(tmp_path, MINIMAL))
    assert study.name == "mine"
    assert study.noise is None
    assert study.published == ()


def test_every_key_is_read(tmp_path: Path) -> None:
    study = load_study(str(write(tmp_path, FULL)))
    assert study.data.file == str(tmp_path / "runs.csv")
    assert study.data.columns == {"loss": "c4"}
    assert study.data.derive == {"accuracy": "1 - error"}
    assert study.data.average == "seed"
    assert study.inputs == {"x": "tokens"}
    assert study.references == {"N": 7e9}
    assert study.priors == {"alpha": (0.1, 0.8), "E": 1.7}
    assert study.published[0].intervals == {"alpha": (0.3, 0.4)}
    assert Study.from_dict(study.as_dict()) == study


FULL = """
name = "full"
title = "t"
about = "a"
law = "chinchilla"
noise = "normal"
data.file = "runs.csv"
data.where = "params > 1"
data.columns = { loss = "c4" }
data.derive = { accuracy = "1 - error" }
data.average = "seed"
inputs = { x = "tokens" }
references = { N = "7B" }
priors = { alpha = [0.1, 0.8], E = 1.7 }
[[published]]
source = "s"
values = { alpha = 0.34 }
intervals = { alpha = [0.3, 0.4] }
level = 0.9
"""

DERIVED = """
law = "kaplan"
[data.derive]
tokens = "20 * params"
[data.simulate]
references = { N = 6.4e13, D = 1.8e13 }
parameters = { L0 = 1.07, s = 0.5, alpha_N = 0.076, alpha_D = 0.103 }
design = { N = ["10M", "1B"] }
noise = 0.01
seed = 1
"""


def test_inputs_of_a_simulation_may_follow_from_others(tmp_path: Path) -> None:
    table = study_runs(load_study(write(tmp_path, DERIVED))).table
    assert table["params"].tolist() == [1e7, 1e9]
    assert table["tokens"].tolist() == [2e8, 2e10]
    assert table["loss"].is_monotonic_decreasing
    without = load_study(write(tmp_path, DERIVED.replace("tokens =", "words =")))
    with pytest.raises(BayescaleError, match="no column 'tokens', which kaplan takes"):
        study_runs(without)


def test_columns_are_derived_and_rows_averaged(tmp_path: Path) -> None:
    runs = "model,error,loss,flops\na,0.2,3,1e18\nb,0.5,4,1e17\na,0.4,5,1e18\n"
    (tmp_path / "runs.csv").write_text(runs)
    text = """law = "power_law"
[data]
file = "runs.csv"
average = "model"
derive = { accuracy = "1 - error" }
"""
    table = study_runs(load_study(write(tmp_path, text))).table
    assert table["accuracy"].tolist() == pytest.approx([0.7, 0.5])
    assert table["loss"].tolist() == [4.0, 4.0]
    assert table["flops"].tolist() == [1e18, 1e17]


@pytest.mark.parametrize(
    ("law", "noise", "message"),
    [
        ("power_law", "", "noise is missing.*normal noise, with"),
        ("bradley_terry", "noise = 0.1", "noise is given.*binomial noise, without"),
    ],
)
def test_simulated_runs_have_the_scatter_of_their_noise(
    law: str, noise: str, message: str, tmp_path: Path
) -> None:
    text = f"""law = "{law}"
[data.simulate]
parameters = {{ alpha = 1 }}
design = {{ x = [1, 2], N = [1, 2], M = [1, 2] }}
seed = 1
{noise}
"""
    with pytest.raises(BayescaleError, match=message):
        study_runs(load_study(write(tmp_path, text)))


PUBLISHED = '[[published]]\nsource = "s"\nvalues = { alpha = 0.3 }\n'
SIMULATE = 'law = "kaplan"\n[data.simulate]\nparameters = { L0 = 1 }\ndesign = { N = %s }\n%s'
SLIPS = {
    "unknown key": (MINIMAL + "[prior]\nE = 1\n", r"prior is not a key.*did you mean 'priors'"),
    "unknown in data": (MINIMAL + "wher = 'x'\n", r"data\.wher is not a key.*'where'.*dataset"),
    "unknown in published": (
        MINIMAL + PUBLISHED + "notes = 'x'",
        r"published no\. 1\.notes.*'note'",
    ),
    "missing law": ('lwa = "chinchilla"\n', r"law is missing \(did you mean 'lwa'"),
    "missing data": ('law = "chinchilla"\n', r"data is missing"),
    "no data": ('law = "kaplan"\n[data]\n', r"data needs one of dataset, file and simulate.*none"),
    "two data": (MINIMAL + 'file = "x.csv"\n', r"found: dataset and file"),
    "type": ('law = 3\n[data]\ndataset = "x"', r"law is 3: it must be text"),
    "table": ('law = "kaplan"\ndata = "x.csv"', r"data is 'x\.csv': it must be a table"),
    "reversed": (MINIMAL + "[priors]\nE = [2, 1]\n", r"priors\.E is \[2, 1\].*lower one first"),
    "long": (MINIMAL + "[priors]\nE = [1, 2, 3]\n", r"priors\.E is \[1, 2, 3\]: .*two numbers"),
    "word": (MINIMAL + "[priors]\nE = ['low', 2]\n", r"priors\.E is no number: cannot read 'low'"),
    "truth": (MINIMAL + "[priors]\nE = true\n", r"priors\.E is no number"),
    "infinite": (MINIMAL + "[priors]\nE = [1, inf]\n", r"priors\.E is no number"),
    "reference": (MINIMAL + "[references]\nN = 0\n", r"references\.N is 0: .*above zero"),
    "level": (MINIMAL + PUBLISHED + "level = 95", r"published no\. 1\.level is 95: .*0 and 1"),
    "no level": (MINIMAL + PUBLISHED + "intervals = { alpha = [0, 1] }", r"1\.level is missing"),
    "no values": (MINIMAL + "[[published]]\nsource = 's'", r"published no\. 1\.values is missing"),
    "one bracket": (MINIMAL + PUBLISHED.replace("[[published]]", "[published]"), r"\[\[published"),
    "no seed": (SIMULATE % ("[1]", ""), r"data\.simulate\.seed is missing"),
    "no levels": (
        SIMULATE % ("[]", "noise = 1\nseed = 1"),
        r"design\.N is \[\]: .*list of numbers",
    ),
    "seed": (SIMULATE % ("[1]", "noise = 1\nseed = 1.5"), r"seed is 1\.5: .*whole number"),
    "syntax": ("law = chinchilla", r"not a TOML file: .*line 1"),
}


@pytest.mark.parametrize(("text", "message"), SLIPS.values(), ids=SLIPS)
def test_a_slip_names_the_file_and_the_key(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(BayescaleError, match=rf"mine\.toml: .*{message}"):
        load_study(write(tmp_path, text))


@pytest.mark.parametrize("given", ["hofmann2022", "models/hofmann2022.toml", Path("hofmann2022")])
def test_an_unknown_model_is_answered_with_the_likely_one(given: Any) -> None:
    with pytest.raises(BayescaleError, match=r"did you mean 'hoffmann2022'.*kaplan2020"):
        load_study(given)


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(BayescaleError, match="no model file"):
        load_study(tmp_path)


def test_published_intervals_hold_numbers_in_order() -> None:
    for name in list_studies().index:
        for block in load_study(name).published:
            assert all(math.isfinite(v) for v in block.values.values())
            assert all(low < high for low, high in block.intervals.values())


def test_the_example_of_the_guide_is_a_model_file(tmp_path: Path) -> None:
    guide = Path(__file__).parents[2] / "models" / "README.md"
    example = guide.read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]
    study = load_study(write(tmp_path, example))
    assert study.title == "Our 2026 ladder"
    assert study.priors == {"beta": (0.2, 0.6), "E": 1.7}
