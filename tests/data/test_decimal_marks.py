"""Decimal points and commas are told apart by all the cells of a table, or refused."""

import pandas as pd
import pytest

import bayescale as bs
from bayescale.data.decimal_marks import evidence, readings
from bayescale.errors import BayescaleError


@pytest.fixture
def read(tmp_path):
    def read(text, name="runs.csv", **options):
        path = tmp_path / name
        path.write_text(text)
        return bs.read_runs(path, **options)

    return read


def table(params, tokens, loss, delimiter=";", header="params;tokens;loss"):
    rows = zip(params, tokens, loss, strict=True)
    return "\n".join([header.replace(";", delimiter), *(delimiter.join(row) for row in rows)])


PARAMS = ["20000000", "60000000", "200000000"]
TOKENS = ["400000000", "1200000000", "4000000000"]
COUNTS = [2e7, 6e7, 2e8], [4e8, 1.2e9, 4e9]


@pytest.mark.parametrize("places", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_a_loss_with_decimal_commas(read, places, delimiter):
    loss = [4.91837, 4.05412, 3.13151]
    cells = [f"{value:.{places}f}".replace(".", ",") for value in loss]
    runs = read(table(PARAMS, TOKENS, cells, delimiter))
    assert runs.table["loss"].tolist() == [round(value, places) for value in loss]
    assert any("marked by a comma in 'loss'" in note for note in runs.notes)


def test_a_zero_before_a_comma_is_no_group(read):
    text = table(
        ["20", "60", "200"], ["0,200", "0,600", "12,000"], ["4.918", "3.896", "2.780"]
    ).replace("params;tokens", "params (M);tokens (B)")
    runs = read(text)
    assert runs.table["tokens"].tolist() == [2e8, 6e8, 1.2e10]
    assert runs.table["loss"].tolist() == [4.918, 3.896, 2.78]


@pytest.mark.parametrize("group", [".", " ", "\u00a0", "\u202f", "'", "’"])
def test_groups_beside_decimal_commas(read, group):
    params, tokens = (
        [f"{int(cell):,}".replace(",", group) for cell in cells] for cells in (PARAMS, TOKENS)
    )
    runs = read(table(params, tokens, ["4,9", "3,8", "3,1"]))
    assert (runs.table["params"].tolist(), runs.table["tokens"].tolist()) == COUNTS


def test_a_point_beside_decimal_commas_is_a_group(read):
    text = table(["20.000", "60.000", "200.000"], ["0,4", "1,2", "4,0"], ["4,92", "3,87", "3,13"])
    runs = read(text.replace("tokens", "tokens (B)"))
    assert runs.table["params"].tolist() == [2e4, 6e4, 2e5]


def test_groups_in_quotes_beside_decimal_points(read):
    params = [f'"{int(cell):,}"' for cell in PARAMS]
    runs = read(table(params, ["1e9"] * 3, ["4.918", "3.896", "2.780"], ","))
    assert runs.table["params"].tolist() == COUNTS[0]


@pytest.mark.parametrize("tokens", [['"1,200"', '"3,500"', '"36,125"'], ['"1,125"'] * 3])
def test_what_can_be_read_in_two_ways_is_refused_with_both(read, tokens):
    text = table(PARAMS, tokens, ["4", "3", "2"], ",").replace("tokens", "tokens (B)")
    with pytest.raises(BayescaleError, match=r"'1,\d+' can be 1\d+ or 1\.\d+.*decimal="):
        read(text)
    assert read(text, decimal=",").table["tokens"].iloc[0] < 2e9
    assert read(text, decimal=".").table["tokens"].iloc[0] > 1e12


def test_losses_in_both_notations_are_refused(read):
    text = table(PARAMS, TOKENS, ["4,921", "3.876", "3,131"])
    with pytest.raises(BayescaleError, match=r"'loss'.*can be 4921 or 4\.921"):
        read(text)


def test_a_perplexity_is_not_taken_for_a_small_loss(read):
    text = table(PARAMS, TOKENS, ['"1,234"', '"1,111"', '"1,050"'], ",").replace("loss", "ppl")
    with pytest.raises(BayescaleError, match=r"'ppl': '1,234' can be 1234 or 1\.234"):
        read(text)


def test_whole_numbers_beside_groups_say_what_the_commas_are(read):
    text = table(PARAMS, ['"200"', '"1,200"', '"36,000"'], ["4.5", "3.5", "2.5"], ",")
    runs = read(text.replace("tokens", "tokens (M)"))
    assert runs.table["tokens"].tolist() == [2e8, 1.2e9, 3.6e10]


def test_frames_of_text_are_read_as_files_are():
    frame = pd.DataFrame({"params": PARAMS, "loss": ["4,921", "4,054", "3,131"]})
    assert bs.read_runs(frame).table["loss"].tolist() == [4.921, 4.054, 3.131]


def test_the_users_mark_is_held_against_every_number(read):
    text = table(PARAMS, TOKENS, ["4.9183", "4.0541", "3.1315"])
    with pytest.raises(BayescaleError, match=r"'4\.9183' cannot be read with decimal=','"):
        read(text, decimal=",")
    with pytest.raises(BayescaleError, match="decimal='x': say"):
        read(text, decimal="x")


def test_names_and_years_are_no_evidence(read):
    text = table(
        ["Qwen-1.7b", "pythia-2.8b", "v1.2.3"], ["400000000"] * 3, ["4,921", "4,054", "3,131"]
    )
    runs = read(text.replace("params", "run"))
    assert runs.table["loss"].tolist() == [4.921, 4.054, 3.131]


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("4,9583", {",": "4.9583"}),
        ("0,200", {",": "0.200"}),
        ("1.234,5", {",": "1234.5"}),
        ("1,234.5", {".": "1234.5"}),
        ("1,00,000", {}),
        ("1234,567", {",": "1234.567"}),
        ("20.000.000", {",": "20000000"}),
    ],
)
def test_readings(number, expected):
    assert readings(number) == expected


def test_an_exponent_has_no_groups():
    assert readings("1,234", "e9") == {",": "1.234"}
    assert evidence(["1,234e9"]).certain == {","}
