"""Numbers are read as people write them."""

import subprocess
import sys
from pathlib import Path

import pytest

from bayescale.data import units as quantities
from bayescale.data.units import format_quantity, parse_quantity, unit_factor
from bayescale.errors import BayescaleError


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7B", 7e9),
        ("1.4T", 1.4e12),
        ("350M", 350e6),
        ("125k", 125e3),
        ("3e21", 3e21),
        ("1_000_000", 1e6),
        ("1,000,000", 1e6),
        ("70 B params", 70e9),
        ("1.4T tokens", 1.4e12),
        ("2.5 billion tokens", 2.5e9),
        ("10^9", 1e9),
        ("3x10^9", 3e9),
        (" 12 ", 12.0),
        (".5B", 5e8),
        ("1.1B", 1_100_000_000.0),
        (20, 20.0),
    ],
)
def test_counts(text, number):
    assert parse_quantity(text) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1 PF-day", 8.64e19),
        ("2 PF-days", 1.728e20),
        ("1 petaflop/s-day", 8.64e19),
        ("1e3 PFLOP", 1e18),
        ("10 GFLOP", 1e10),
        ("1 ZFLOP", 1e21),
        ("5 EFLOPs", 5e18),
        ("3e21 FLOP", 3e21),
        ("6×10^23", 6e23),
    ],
)
def test_flops(text, number):
    assert parse_quantity(text, "flops") == number


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("7 cows", "count", "a count such as 7B"),
        ("8x7B", "count", "'8x7B'"),
        ("", "count", "a count"),
        ("nan", "count", "a count"),
        ("1e999", "count", "a count"),
        ("1,5", "count", "decimals with a point"),
        ("3 PFLOP", "count", "amount of compute"),
        ("3 PFLOP/s", "flops", "that is a rate"),
        ("100 GMACs", "flops", "1 PF-day"),
        ("7B", "number", "a plain number"),
        (True, "count", "True"),
        (float("inf"), "count", "inf"),
    ],
)
def test_refuses_and_says_what_it_expected(text, kind, expected):
    with pytest.raises(BayescaleError, match=expected):
        parse_quantity(text, kind)


def test_unit_is_for_numbers_without_their_own():
    assert parse_quantity("7", unit=1e9) == 7e9
    assert parse_quantity("7B", unit=1e9) == 7e9


def test_unit_factor():
    assert unit_factor("millions") == 1e6
    assert unit_factor("1e18", "flops") == 1e18
    assert unit_factor("gflops", "flops") == 1e9
    assert unit_factor("apples") is None


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (70e9, "70B"),
        (1.4e12, "1.4T"),
        (124_439_808, "124M"),
        (999_999_999, "1B"),
        (20.66, "20.7"),
        (0, "0"),
        (3e17, "3e+17"),
        (float("nan"), "nan"),
    ],
)
def test_format_count(number, text):
    assert format_quantity(number) == text


def test_format_flops_and_digits():
    assert format_quantity(5.76e23, kind="flops") == "5.76e+23"
    assert format_quantity(123_456_789, digits=2) == "120M"


@pytest.mark.parametrize("number", [1.0, 350e6, 70e9, 1.4e12, 2.3e16])
def test_round_trip(number):
    assert parse_quantity(format_quantity(number)) == number


def test_imports_no_third_party_package():
    code = (
        "import sys; known = set(sys.modules); import types; "
        "package = types.ModuleType('bayescale'); package.__path__ = [sys.argv[1]]; "
        "sys.modules['bayescale'] = package; import bayescale.data.units; "
        "print({n.split('.')[0] for n in set(sys.modules) - known} - set(sys.stdlib_module_names))"
    )
    command = [sys.executable, "-c", code, str(Path(quantities.__file__).parents[1])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{'bayescale'}"
