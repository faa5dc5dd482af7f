"""Cells as people write numbers are read; one bad cell sets its row aside, not the file."""

import numpy as np
import pandas as pd
import pytest

import bayescale as bs
from bayescale.errors import BayescaleError, BayescaleWarning

HEAD = "run,params,tokens,loss\n"
ROWS = [f"r{i},{(i + 1) * 10**7},{(i + 1) * 10**9},{4.5 - i / 10:.3f}" for i in range(6)]


@pytest.fixture
def read(tmp_path):
    def read(text, name="runs.csv", **options):
        path = tmp_path / name
        path.write_text(text)
        return bs.read_runs(path, **options)

    return read


def text_of(rows, head=HEAD):
    return head + "\n".join(rows) + "\n"


@pytest.mark.parametrize("sign", ["±", "+-", "+/-", " ± ", " +- ", " +/- "])
@pytest.mark.parametrize(("unit", "scale"), [("", 1.0), ("%", 0.01), (" %", 0.01)])
def test_plus_minus_is_a_value_and_its_standard_error(read, sign, unit, scale):
    name = "loss" if not unit else "accuracy"
    rows = [f"{(i + 1) * 10**7},{40 + i}.5{sign}0.25{unit}" for i in range(4)]
    runs = read(f"params,{name}\n" + "\n".join(rows))
    np.testing.assert_allclose(runs.table[name], scale * np.array([40.5, 41.5, 42.5, 43.5]))
    np.testing.assert_allclose(runs.table[f"{name}_se"], scale * 0.25)
    assert any("standard error" in note for note in runs.notes)


@pytest.mark.parametrize("sign", ["%", " %"])
def test_per_cent_are_shares(read, sign):
    rows = [f"{(i + 1) * 1e19:g},{20.5 + i}{sign}" for i in range(4)]
    runs = read("flops,hellaswag_acc\n" + "\n".join(rows))
    np.testing.assert_allclose(runs.table["hellaswag_acc"], [0.205, 0.215, 0.225, 0.235])


def test_a_number_without_the_sign_of_the_others_is_not_guessed(read):
    rows = [f"{(i + 1) * 1e19:g},{20.5 + i}{'%' if i else ''}" for i in range(5)]
    runs = read("flops,acc\n" + "\n".join(rows))
    with pytest.warns(BayescaleWarning, match=r"acc is '20.5 \(without %\)' \(line 2\)"):
        ready = runs.require(["acc"])
    assert ready.table["acc"].tolist() == pytest.approx([0.215, 0.225, 0.235, 0.245])


@pytest.mark.parametrize(
    ("written", "unit"),
    [("nats", "nats"), ("bits/byte", "bits/byte"), ("bpb", "bits/byte")],
)
def test_the_unit_in_the_cells_is_the_losss(read, written, unit):
    runs = read("params,loss\n1e8,4.5 " + written + "\n2e8,4.25 " + written)
    assert (runs.table["loss"].tolist(), runs.loss_unit) == ([4.5, 4.25], unit)


def test_a_perplexity_in_the_cells_is_read_as_its_logarithm(read):
    runs = read("params,loss\n1e8,20 ppl\n2e8,10 ppl")
    assert runs.table["loss"].tolist() == pytest.approx([np.log(20), np.log(10)])
    assert runs.loss_unit == "nats/token"


def test_a_unit_in_the_cells_against_the_name_is_refused(read):
    with pytest.raises(BayescaleError, match="name says bits/byte, and its cells say nats"):
        read("params,bpb\n1e8,4.5 nats\n2e8,4.25 nats")


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        *(("20 000 000", 2e7), ("0.2 × 10⁹", 2e8), ("2x10^8", 2e8), ("0.2B tokens", 2e8)),
        *(("~200M", 2e8), ("2.0e8", 2e8), ("0.2 billion", 2e8), ("200'000'000", 2e8)),
    ],
)
def test_counts_as_people_write_them(read, cell, value):
    runs = read(f"params,tokens,loss\n1e8,{cell},3.5\n2e8,{cell},3.2\n")
    assert runs.table["tokens"].tolist() == [value, value]


def test_nouns_in_the_cells_name_a_column(read):
    runs = read("size,data,val loss\n20M,0.2B tokens,4.9 nats\n60M,1.2B tokens,4.1 nats\n")
    assert runs.table["tokens"].tolist() == [2e8, 1.2e9]


@pytest.mark.parametrize("word", ["OOM", "diverged", "see notes", "3.887*", "3.887†", "4.9 (0.1)"])
@pytest.mark.parametrize("column", [1, 2, 3])
def test_a_word_in_a_number_sets_its_row_aside(read, word, column):
    cells = ROWS[2].split(",")
    cells[column] = word
    with pytest.warns(BayescaleWarning, match="1 of 6 rows set aside"):
        runs = read(text_of([*ROWS[:2], ",".join(cells), *ROWS[3:]]))
    name = ["run", "params", "tokens", "loss"][column]
    assert runs.set_aside["reason"].to_dict() == {4: f"{name} is {word!r}"}
    assert runs.table["loss"].tolist() == [4.5, 4.4, 4.2, 4.1, 4.0]


@pytest.mark.parametrize("mark", ["*", " **", "†", "²", "[a]", "^b"])
def test_many_footnotes_set_their_rows_aside_and_refuse_no_file(read, mark):
    """What a mark says of its number is not known: a run that was stopped, or the best one."""
    with pytest.warns(BayescaleWarning, match="4 of 6 rows set aside"):
        runs = read(text_of([*(f"{row}{mark}" for row in ROWS[:4]), *ROWS[4:]]))
    assert runs.table["loss"].tolist() == [4.1, 4.0]
    assert runs.set_aside["reason"].iloc[0] == f"loss is '4.500{mark}'"
    with pytest.raises(BayescaleError, match=r"cannot read '4\.500"):
        read(text_of([f"{row}{mark}" for row in ROWS]))


@pytest.mark.parametrize("word", ["", "-", "–", "N/A"])
def test_an_empty_cell_sets_its_row_aside(read, word):
    with pytest.warns(BayescaleWarning, match=r"loss missing \(line 2\)"):
        read(text_of([f"r,1e7,1e9,{word}", *ROWS]))


def test_a_summary_row_a_repeated_header_and_a_footnote_are_no_runs(read):
    rows = [*ROWS[:3], HEAD.strip(), *ROWS[3:], "mean,3.5e7,3.5e9,4.25", "* diverged at the end"]
    with pytest.warns(BayescaleWarning, match="3 of 9 rows set aside"):
        runs = read(text_of(rows))
    assert runs.set_aside["reason"].to_dict() == {
        5: "the header again",
        9: "a summary of other rows",
        10: "1 field, but the header has 4",
    }
    assert len(runs) == 6
    assert runs.table["params"].dtype == float


def test_comments_are_skipped_and_counted(read):
    runs = read(
        "# a note, with commas, of four\n#\n" + text_of(ROWS).replace("r3", "#3") + "#r7,1,1,1\n"
    )
    assert len(runs) == 6
    assert "lines that begin with # were skipped: 3" in runs.notes
    assert runs.labels()[3] == "#3"
    assert runs.table.index.tolist() == [4, 5, 6, 7, 8, 9]


def test_a_comment_that_names_the_columns_is_the_header(read):
    runs = read("# by hand\n# params,tokens,loss\n1e8,1e9,4.5\n2e8,1e9,4.25\n")
    assert runs.table["loss"].tolist() == [4.5, 4.25]
    assert runs.table.index.tolist() == [3, 4]


def test_a_doubled_header_that_nobody_uses_is_a_note(read):
    runs = read("params,loss,note,note\n1e8,3,a,b\n2e8,2,c,d\n")
    assert runs.table["note (2)"].tolist() == ["b", "d"]
    assert any("several columns are named 'note'" in note for note in runs.notes)


def test_a_count_without_the_unit_of_the_others_is_not_guessed(read):
    with pytest.warns(BayescaleWarning, match=r"params is '200' \(line 4\)"):
        runs = read("size,loss\n20M,4\n60M,3.5\n200,3\n600M,2.5\n")
    assert runs.table["params"].tolist() == [2e7, 6e7, 6e8]


def test_words_in_another_target_set_rows_aside():
    runs = bs.read_runs(pd.DataFrame({"params": [1e8] * 3, "elo": ["1200", "OOM", "1300"]}))
    with pytest.warns(BayescaleWarning, match="elo is 'OOM'"):
        assert runs.require(["elo"]).table["elo"].tolist() == [1200, 1300]


@pytest.mark.parametrize(
    ("written", "error"),
    [
        *(("{}(6)", 0.006), ("{}(12)", 0.012), ("{} (0.012)", 0.012), ("{} (±.012)", 0.012)),
        (r"${} \pm 0.006$", 0.006),
    ],
)
@pytest.mark.parametrize("point", [".", ","])
def test_a_standard_error_in_brackets(read, written, error, point):
    cells = [written.format(f"{4.5 - i / 8:.3f}").replace(".", point) for i in range(4)]
    runs = read("run;params;loss\n" + "\n".join(f"r;{i + 1}e8;{c}" for i, c in enumerate(cells)))
    np.testing.assert_allclose(runs.table["loss"], [4.5, 4.375, 4.25, 4.125])
    np.testing.assert_allclose(runs.table["loss_se"], error)
    assert any("taken for a standard error" in note for note in runs.notes)


def test_a_footnote_in_brackets_is_no_error(read):
    rows = [*ROWS, "r6,70000000,7000000000,3.9 (1)"]
    with pytest.warns(BayescaleWarning, match=r"loss is '3.9 \(1\)' \(line 8\)"):
        runs = read(text_of(rows))
    assert "loss_se" not in runs.table


@pytest.mark.parametrize(
    ("million", "billion"),
    [("Mio", "Mrd"), ("Mio.", "Mrd."), ("Millionen", "Milliarden"), ("M", "Md")],
)
def test_units_of_other_languages(read, million, billion):
    inside = read(
        f"params;tokens;loss\n19,2 {million};0,4 {billion};4,651\n60 {million};2 {billion};4,1"
    )
    assert inside.table["params"].tolist() == [19.2e6, 6e7]
    assert inside.table["tokens"].tolist() == [4e8, 2e9]
    named = read(f"params ({million});tokens ({billion});loss\n19,2;0,4;4,651\n60;2;4,1")
    assert named.table["tokens"].tolist() == [4e8, 2e9]


@pytest.mark.parametrize("written", ["{} (90.1)", "{} (4.3)", "{} (0.31)", "{} (1)"])
def test_another_result_in_brackets_is_no_error(read, written):
    rows = [f"r{i},{i + 1}e8,1e9,{written.format(4.5 - i / 8)}" for i in range(4)]
    with pytest.raises(BayescaleError, match="column 'loss', line 2: cannot read"):
        read(text_of(rows))
