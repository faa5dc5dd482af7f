"""Options out of range end in one line that names option, value and range, and exit code 2."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from bayescale.cli import app


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fit", "x.csv", "--draws=1000000000000"], ["--draws", "1000000000000", "100,000"]),
        (["fit", "x.csv", "--tune=0"], ["--tune", "0 is not in the range 1 to"]),
        (["fit", "x.csv", "--chains", "100000"], ["--chains", "100000", "1 to 100"]),
        (["plan", "x.nc", "--runs", str(9 * 10**48)], ["--runs", "9000", "1 to 100"]),
        (["optimum", "x.nc", "--flops=0"], ["--flops", "must be positive", "got 0", "1e+45"]),
        (["optimum", "x.nc", "--flops=1e308"], ["--flops 1e308", "1e+45"]),
        (["optimum", "x.nc", "--flops=1e24", "--max-params=0"], ["--max-params", "got 0", "1e+45"]),
        (["optimum", "x.nc", "--flops=1e24", "--max-tokens=0"], ["--max-tokens", "got 0", "1e+45"]),
        (["optimum", "x.nc", "--flops=1e24", "--discrepancy=inf"], ["--discrepancy inf", "100"]),
        (["plan", "x.nc", "--budget=1e60"], ["--budget 1e60", "1e+45"]),
        (["identify", "x.nc", "--budget=-1"], ["--budget", "got -1", "1e+45"]),
    ],
)
def test_an_option_out_of_range_is_wrong_usage(
    words: list[str], message: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(words[1]).touch()  # that it holds nothing is not found out
    found = CliRunner().invoke(app, words)
    assert found.exit_code == 2, found.output
    for part in message:
        assert part in found.output
