"""What a column means: units kept, totals told apart, derived readings, doubts and hints."""

import numpy as np
import pandas as pd
import pytest

import bayescale as bs
from bayescale.errors import BayescaleError

SIZES = np.array([2e7, 2e7, 6e7, 2e8, 6e8])
TOKENS = np.array([4e8, 1.2e9, 1.2e9, 4e9, 1.2e10])
LOSS = np.array([4.5, 4.1, 3.6, 3.0, 2.6])


def frame(**columns):
    return pd.DataFrame({"loss": LOSS, **columns})


def read(options=None, /, **columns):
    return bs.read_runs(pd.DataFrame(columns), **(options or {}))


# Units


@pytest.mark.parametrize(
    ("quantity", "column", "factor"),
    [
        *(("flops", "job/gflops_used", 1e9), ("flops", "throughput/total_gflops", 1e9)),
        *(("flops", "budget (EFLOP)", 1e18), ("flops", "spent_pf_days", 8.64e19)),
        *(("params", "mparams", 1e6), ("params", "weights (M)", 1e6), ("params", "Bparams", 1e9)),
        *(("tokens", "seen in billions", 1e9), ("tokens", "btokens", 1e9)),
        *(("tokens", "gtokens", 1e9), ("tokens", "corpus", 1.0), ("params", "weights", 1.0)),
    ],
)
def test_the_unit_in_a_mapped_name_is_kept_and_said(quantity, column, factor):
    runs = bs.read_runs(frame(**{column: SIZES}), columns={quantity: column})
    np.testing.assert_allclose(runs.table[quantity], SIZES * factor)
    (made,) = (one for one in runs.columns if one.name == quantity)
    assert (made.source, made.factor) == (column, factor)


@pytest.mark.parametrize("column", ["gpu_hours", "h100-hours", "tflops_per_second", "flops rate"])
def test_hours_and_rates_are_no_compute(column):
    with pytest.raises(BayescaleError, match=f"by its name is .*columns={{'flops': '`{column}`"):
        bs.read_runs(frame(**{column: SIZES}), columns={"flops": column})


def test_the_names_of_trackers():
    runs = read(
        **{
            "Name": ["a", "b"],
            "parameter_count": [2e7, 6e7],
            "throughput/total_tokens": [2e8, 6e8],
            "throughput/total_gflops": [2.4e7, 2.16e8],
            "throughput/tokens_per_second": [1e5, 1e5],
            "eval/paloma/macro_loss": [4.9, 4.1],
        }
    )
    assert runs.table["flops"].tolist() == [2.4e16, 2.16e17]
    assert runs.table["tokens"].tolist() == [2e8, 6e8]
    assert runs.table["loss"].tolist() == [4.9, 4.1]
    with pytest.raises(BayescaleError, match="could both be loss"):
        read(**{"eval/paloma/macro_loss": [4.9], "eval/other/macro_loss": [4.9]})
    assert read(num_input_tokens_seen=[1e9], total_flos=[1e18]).table["tokens"].tolist() == [1e9]


# Logarithms


@pytest.mark.parametrize(
    ("column", "base"),
    [
        *(("log10_params", 10.0), ("log10(N)", 10.0), ("lg params", 10.0)),
        *(("ln_params", np.e), ("log2_params", 2.0), ("config/log10_params", 10.0)),
    ],
)
def test_a_logarithm_is_raised(column, base):
    runs = bs.read_runs(frame(**{column: np.log(SIZES) / np.log(base)}))
    np.testing.assert_allclose(runs.table["params"], SIZES)


def test_logarithms_of_billions_and_of_mapped_columns():
    logs = np.log10(SIZES / 1e9)
    np.testing.assert_allclose(read(**{"log10 params (B)": logs}).table["params"], SIZES)
    runs = bs.read_runs(frame(log10_weights=np.log10(SIZES)), columns={"params": "log10_weights"})
    np.testing.assert_allclose(runs.table["params"], SIZES)


def test_a_logarithm_of_no_stated_base_is_offered_and_not_read():
    runs = bs.read_runs(frame(log_params=np.log10(SIZES)))
    assert "params" not in runs.table
    with pytest.raises(BayescaleError) as caught:
        runs.require(["params"])
    assert "columns={'params': '10**log_params'}" in str(caught.value)
    assert "columns={'params': 'log_params'}" not in str(caught.value)
    again = bs.read_runs(frame(log_params=np.log10(SIZES)), columns={"params": "10**log_params"})
    np.testing.assert_allclose(again.table["params"], SIZES)


def test_numbers_that_look_like_logarithms_are_doubted_and_nothing_is_filled():
    runs = bs.read_runs(frame(params=np.log10(SIZES), tokens=TOKENS))
    assert "flops" not in runs.table
    assert any("look like logarithms (20M to 600M)" in note for note in runs.notes)


# Compute that is none


@pytest.mark.parametrize("name", ["gflops", "tflops", "flops", "compute"])
@pytest.mark.parametrize("kind", ["forward", "rate", "per token"])
def test_compute_that_is_none_fills_nothing(name, kind):
    factor = {"gflops": 1e9, "tflops": 1e12}.get(name, 1.0)
    amount = {
        "forward": 512 * SIZES,
        "rate": np.linspace(3.8e14, 3.9e14, 5),
        "per token": 6 * SIZES,
    }
    runs = bs.read_runs(frame(params=SIZES, **{name: amount[kind] / factor}))
    assert not {"tokens", "flops"} & {column.name for column in runs.columns}
    assert "tokens" not in runs.table
    assert any("a rate" in note and "nothing is filled" in note for note in runs.notes)


@pytest.mark.parametrize("ratio", [0.5, 20.0, 2000.0])
def test_compute_of_training_fills_tokens(ratio):
    flops = 6 * SIZES**2 * ratio
    runs = bs.read_runs(frame(params=SIZES, flops=flops))
    np.testing.assert_allclose(runs.table["tokens"], SIZES * ratio)


def test_one_budget_for_all_sizes_is_no_rate():
    runs = bs.read_runs(frame(params=SIZES, flops=np.full(5, 1e19)))
    np.testing.assert_allclose(runs.table["tokens"], 1e19 / (6 * SIZES))


def test_a_users_own_compute_stays_and_is_noted():
    table = frame(params=SIZES, speed=np.full(5, 3.8e14))
    runs = bs.read_runs(table, columns={"flops": "speed"})
    assert "flops" in runs.table
    assert "tokens" not in runs.table
    assert any("a rate" in note for note in runs.notes)


def test_counts_beyond_any_run_are_noted():
    runs = bs.read_runs(frame(params=SIZES, **{"tokens (B)": TOKENS}))
    assert any("beyond any run" in note for note in runs.notes)
    assert "flops" not in runs.table


# Totals


@pytest.mark.parametrize("total", ["n_params", "total_params", "params", "parameter_count", "N"])
@pytest.mark.parametrize("other", ["n_params_non_embedding", "non_embedding_params"])
def test_the_total_beside_a_count_without_the_embedding(total, other):
    runs = bs.read_runs(frame(**{other: SIZES, total: SIZES * 1.3}))
    np.testing.assert_allclose(runs.table["params"], SIZES * 1.3)
    assert runs.params_convention == "total"
    assert other in runs.table
    assert any(repr(other) in note for note in runs.notes)


@pytest.mark.parametrize("total", ["total_params", "n_params"])
def test_total_and_active_are_asked(total):
    with pytest.raises(BayescaleError, match="could both be params"):
        bs.read_runs(frame(**{total: SIZES * 8, "active_params": SIZES}))


# Readings that follow from several columns


def test_unique_tokens_times_epochs():
    epochs = np.array([1, 4, 16, 1, 4])
    for name, scale in (("unique_tokens", 1.0), ("unique tokens (B)", 1e9), ("n_unique_tokens", 1)):
        runs = bs.read_runs(frame(params=SIZES, epochs=epochs, **{name: TOKENS / scale}))
        np.testing.assert_allclose(runs.table["tokens"], TOKENS * epochs)
        np.testing.assert_allclose(runs.table["flops"], 6 * SIZES * TOKENS * epochs)
        assert any(note.startswith("tokens = ") for note in runs.notes)


def test_unique_tokens_alone_are_offered_with_what_they_lack():
    runs = bs.read_runs(frame(params=SIZES, unique_tokens=TOKENS, passes=[1, 4, 16, 1, 4]))
    with pytest.raises(BayescaleError) as caught:
        runs.require(["params", "tokens"])
    assert "'unique_tokens * epochs'" in str(caught.value)
    assert "columns={'tokens': 'unique_tokens'}" not in str(caught.value)


@pytest.mark.parametrize(
    "columns",
    [
        {"batch_size_tokens": 5e5, "step": TOKENS / 5e5},
        {"tokens_per_batch (M)": 0.5, "steps": TOKENS / 5e5},
        {"tokens_per_step": 5e5, "train_steps": TOKENS / 5e5},
        {"global_batch_size": 250, "seq_len": 2000, "step": TOKENS / 5e5},
        {"tokens_per_param": TOKENS / SIZES},
    ],
)
def test_tokens_by_products(columns):
    runs = bs.read_runs(frame(params=SIZES, **columns))
    np.testing.assert_allclose(runs.table["tokens"], TOKENS)


def test_a_batch_that_may_be_one_devices_is_not_multiplied():
    columns = {"train_batch_size": 8, "seq_len": 2048, "step": TOKENS / 1e6, "num_gpus": 64}
    runs = bs.read_runs(frame(params=SIZES, **columns))
    assert "tokens" not in runs.table
    assert any("tokens are not derived" in note for note in runs.notes)


@pytest.mark.parametrize("name", ["std_loss", "loss_std", "val_loss_sd", "std"])
def test_a_deviation_over_seeds(name):
    runs = bs.read_runs(frame(params=SIZES, n_seeds=4, **{name: 0.02}))
    np.testing.assert_allclose(runs.table["loss_se"], 0.01)
    assert any(f"{name} / sqrt(n_seeds)" in note for note in runs.notes)


def test_a_deviation_without_seeds_is_no_standard_error():
    runs = bs.read_runs(frame(params=SIZES, loss_std=0.02))
    assert "loss_se" not in runs.table
    assert any("a standard deviation" in note for note in runs.notes)


def test_expressions_name_odd_columns_and_say_what_is_wrong():
    table = frame(params=SIZES, **{"gpu hours": 3.0})
    runs = bs.read_runs(table, columns={"flops": "`gpu hours` * 3600 * 4e14"})
    np.testing.assert_allclose(runs.table["flops"], 3 * 3600 * 4e14)
    with pytest.raises(BayescaleError, match=r"'nope \* 2'.*nope"):
        bs.read_runs(table, columns={"flops": "nope * 2"})


# Hints


def test_hints_are_by_meaning():
    def hint(name, **columns):
        with pytest.raises(BayescaleError) as caught:
            bs.read_runs(pd.DataFrame({"seed": 1, **columns}, index=[0])).require([name])
        return str(caught.value)

    assert "columns={'loss': 'loss_c4'}" in hint("loss", loss_c4=2.0, loss_std=0.1)
    assert "columns={'flops': 'gpu_hours * 3600 * 4e14'}" in hint("flops", gpu_hours=2.0)
    assert "'tokens_per_param'" not in hint("tokens", tokens_per_param=2.0)
    assert "'embedding_params'" not in hint("params", embedding_params=2.0)


def test_columns_that_matter_are_said():
    runs = bs.read_runs(
        frame(params=SIZES, seed=1, epochs=2, lr=1e-3, batch_size=64, acc_arc=0.3, colour="red")
    )
    text = runs.describe()
    for name in ("seed", "epochs", "lr", "batch_size", "acc_arc"):
        assert f"not used: {name!r}" in text
    assert "other columns: colour" in text


@pytest.mark.parametrize(
    ("law", "columns", "hint"),
    [
        ("power_law_floor", {}, "reads x from 'flops': fit(columns={'x': 'tokens'})"),
        ("trend", {"x": "tokens"}, "Law trend reads y from 'y': fit(columns={'y': 'loss'})"),
        ("densing", {}, "Rename the column that is days"),
    ],
)
def test_a_hint_names_inputs_that_the_law_has(law, columns, hint):
    table = pd.DataFrame({"tokens": [1e9, 2e9], "val_acc": [0.3, 0.4], "loss": [3, 2], "seed": 1})
    with pytest.raises(BayescaleError) as caught:
        bs.build_model(bs.read_runs(table), law, columns=columns)
    assert hint in str(caught.value)


def test_hours_of_devices_are_offered_before_another_input():
    table = pd.DataFrame({"tokens": [1e9, 2e9], "loss": [3, 2], "gpu_hours": [5, 6]})
    with pytest.raises(BayescaleError, match=r"There is 'gpu_hours': .*columns={'flops': "):
        bs.build_model(bs.read_runs(table), "power_law_floor")


# Names


@pytest.mark.parametrize(
    ("name", "quantity", "factor"),
    [
        *(("paramètres", "params", 1), ("Anzahl Parameter", "params", 1), ("log10N", "params", 0)),
        *(("No. of parameters", "params", 1), ("params (×10^6)", "params", 1e6)),
        *(("params_no_emb", "params", 1), ("params (w/o embeddings)", "params", 1)),
        *(("time/token", "tokens", 1), ("throughput/total tokens", "tokens", 1)),
        *(("tokens (x 10^9)", "tokens", 1e9), ("tokens (x10^9)", "tokens", 1e9)),
    ],
)
def test_names_of_counts(name, quantity, factor):
    cells = SIZES / factor if factor else np.log10(SIZES)
    np.testing.assert_allclose(bs.read_runs(frame(**{name: cells})).table[quantity], SIZES)


@pytest.mark.parametrize("name", ["params_no_emb", "params w/o emb", "params excl. embeddings"])
def test_counts_without_the_embedding(name):
    assert bs.read_runs(frame(**{name: SIZES})).params_convention == "non-embedding"


@pytest.mark.parametrize(
    "name",
    [
        *("metrics/eval/LanguageCrossEntropy", "val/loss_epoch", "loss_metrics/global_avg_loss"),
        *("validation_metrics/loss", "Verlust", "perte de validation", "train/loss_step"),
    ],
)
def test_names_of_losses(name):
    assert read(params=SIZES, **{name: LOSS}).table["loss"].tolist() == LOSS.tolist()


def test_models_called_by_their_sizes():
    runs = read(Model=["20M", "0.6B"], loss=[4.0, 3.0])
    assert runs.table["params"].tolist() == [2e7, 6e8]
    assert "params" not in read(Model=["20M", "large"], loss=[4.0, 3.0]).table
    beside = read(model=["20M", "0.6B"], params_nominal=[2.1e7, 6.2e8], loss=[4.0, 3.0])
    assert beside.table["model"].tolist() == ["20M", "0.6B"]


def test_evaluations_beside_a_training_loss_are_said():
    table = {"params": SIZES, "train/loss": LOSS, "eval/c4-validation/CrossEntropyLoss": LOSS}
    (note,) = (note for note in read(**table).notes if "training loss" in note)
    assert "columns={'loss': 'eval/c4-validation/CrossEntropyLoss'}" in note
    assert not any("training loss" in note for note in read(**table, val_loss=LOSS).notes)


@pytest.mark.parametrize(
    ("columns", "factor"),
    [
        ({"batch_tokens": 1e6, "steps": 1e3}, 1),
        ({"batch_tokens": 1e6, "steps (k)": 1}, 1),
        ({"batch size (M tokens)": 1, "steps (k)": 1}, 1),
        ({"batch_size_tokens (k)": 1e3, "train steps (thousands)": 1}, 1),
        ({"consumed_train_samples": 5e5, "seq_length": 2e3}, 1),
        ({"dataset_tokens": 2.5e8, "num_epochs": 4}, 1),
        ({"tokens/param": 10}, SIZES / 1e9),
    ],
)
def test_tokens_from_parts_with_units(columns, factor):
    runs = bs.read_runs(frame(params=SIZES, **{n: [v] * 5 for n, v in columns.items()}))
    np.testing.assert_allclose(
        runs.table["tokens"], 1e9 * (10 * factor if "tokens/param" in columns else factor)
    )
    for name in ("steps (k)", "train steps (thousands)"):
        if name in columns:
            np.testing.assert_allclose(runs.table["step"], 1e3)


def test_a_batch_that_may_be_of_one_device_gives_no_tokens():
    parts = {"batch_size": [512] * 5, "block_size": [1024] * 5, "iter": [1000] * 5}
    runs = bs.read_runs(frame(params=SIZES, **parts))
    assert "tokens" not in runs.table
    assert any("columns={'tokens': 'batch_size * block_size * iter'}" in n for n in runs.notes)


def test_natural_logarithms_are_doubted():
    runs = read(params=np.log(SIZES), tokens=np.log(TOKENS), loss=LOSS)
    assert "flops" not in runs.table
    assert any("columns={'params': 'exp(params)'}" in note for note in runs.notes)


@pytest.mark.parametrize(("tokens", "doubted"), [("24,000B", True), ("8B", False)])
def test_more_tokens_per_parameter_than_any_run(tmp_path, tokens, doubted):
    """24,000B among numbers with decimal points is 24 trillion, though 24.000 may be meant."""
    path = tmp_path / "runs.tsv"
    rows = [f"{size}M\t{tokens}\t{loss}" for size, loss in ((400, 2.5), (700, 2.4), (100, 3.1))]
    path.write_text("\n".join(["params\ttokens\tloss", *rows]) + "\n")
    notes = bs.read_runs(path).notes
    assert any("tokens per parameter in median is more than any run" in n for n in notes) == doubted
