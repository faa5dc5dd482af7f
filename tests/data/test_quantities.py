"""Numbers are read as people write them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bayescale.data import units as quantities
from bayescale.data.limits import OutOfRange
from bayescale.data.number_format import format_quantity
from bayescale.data.units import parse_quantities, parse_quantity, unit_factor
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


SIZES = {
    1e3: "k thousand thousands",
    1e6: "m mn mil million millions",
    1e9: "b bn billion billions",
    1e12: "t tn trillion trillions",
}
PREFIXES = (
    *("k", "kilo", "m", "mega", "g", "giga", "t", "tera"),
    *("p", "peta", "e", "exa", "z", "zetta", "y", "yotta"),
)


def test_every_unit_is_the_power_of_a_thousand_that_its_name_says():
    for factor, names in SIZES.items():
        for name in names.split():
            assert unit_factor(name) == factor
            assert parse_quantity(f"2.5 {name}") == 2.5 * factor
            assert parse_quantity(f"3{name.upper()}-tokens") == 3 * factor
    for i, name in enumerate(PREFIXES):
        factor = 1000.0 ** (i // 2 + 1)
        assert unit_factor(f"{name}flops", "flops") == pytest.approx(factor, rel=1e-15)
        hours = parse_quantity(f"2 {name}flop/s-hours", "flops")
        assert hours == pytest.approx(7200 * factor, rel=1e-15)
        assert parse_quantity(f"3 {name}f-d", "flops") == pytest.approx(259_200 * factor)
    assert parse_quantity("7 billion flop", "flops") == 7e9
    assert parse_quantity("2 flop-days", "flops") == 172_800


@pytest.mark.parametrize("text", ["PF", "PF/s", "PFLOP/s", "PFLOP/sec", "cows"])
def test_a_rate_is_no_amount(text):
    assert unit_factor(text, "flops") is None
    with pytest.raises(BayescaleError, match=f"cannot read '3 {text}'"):
        parse_quantity(f"3 {text}", "flops")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("10^24", 1e24), ("10**24", 1e24), ("2.5·10^3", 2500.0), ("2 * 10^3", 2000.0),
        ("-3", -3.0), ("+4k", 4e3), ("1e+3", 1e3), ("5.", 5.0), ("12_500", 12_500.0),
        ("7 -B", 7e9), ("7B_params", 7e9), ("3 parameters", 3.0), ("9 tok", 9.0),
    ],
)  # fmt: skip
def test_ways_of_writing(text, number):
    assert parse_quantity(text) == number


def test_the_largest_number_is_read_and_a_larger_one_is_not():
    assert parse_quantity(1e45) == 1e45 and parse_quantity(-1e45) == -1e45
    for value in (1.0001e45, "-1.0001e45"):
        with pytest.raises(OutOfRange, match=r"lie between -1e\+45 and 1e\+45"):
            parse_quantity(value)
    assert parse_quantity(1e40, unit=9.9e4) == pytest.approx(9.9e44)
    with pytest.raises(OutOfRange):
        parse_quantity(1e40, unit=1.001e5)
    with pytest.raises(BayescaleError, match="expected a count"):
        parse_quantity(10**400)


def test_several():
    assert parse_quantities("params", "7B") == [7e9]
    assert parse_quantities("params", 3) == [3.0]
    assert parse_quantities("params", np.array([[1.0, 2.0], [3.0, 4.0]])) == [1.0, 2.0, 3.0, 4.0]
    assert parse_quantities("flops", ("1 PF-day", 2.0), "flops") == [8.64e19, 2.0]
    with pytest.raises(BayescaleError, match="params is empty: pass at least one value"):
        parse_quantities("params", [])
    with pytest.raises(BayescaleError, match=r"^params: cannot read 'x': expected a count such"):
        parse_quantities("params", [1, "x"])
    with pytest.raises(OutOfRange, match=r"^params: 1e\+50 is out of range"):
        parse_quantities("params", [1e50])


def test_units_that_say_nothing():
    assert unit_factor("") == 1.0
    assert unit_factor("0") is None
    assert unit_factor("2.5 B") == 2.5e9
    assert unit_factor("2 cows") is None
    assert unit_factor("7B", "number") is None
    with pytest.raises(TypeError):
        parse_quantity("7", "count", 1e9)  # pyright: ignore[reportCallIssue]


@pytest.mark.parametrize(
    ("text", "kind", "hint"),
    [
        ("1,5", "count", "(write decimals with a point)"),
        ("-1,5 B", "flops", "(write decimals with a point)"),
        ("3 PFLOP/s", "flops", "(that is a rate: multiply it by the time, as in PF-days)"),
        ("3 PF-days", "count", "(that is an amount of compute)"),
        ("3 PFLOP/s", "count", "(that is an amount of compute)"),
        ("3 PFLOP/s", "number", "a plain number such as 2.31 or 1e-3"),
        ("3 PF-days", "number", "a plain number such as 2.31 or 1e-3"),
        ("3 cows", "flops", "10 PFLOP or 1 PF-day"),
    ],
)
def test_what_slipped(text, kind, hint):
    with pytest.raises(BayescaleError) as caught:
        parse_quantity(text, kind)
    assert str(caught.value).endswith(hint)


@pytest.mark.parametrize(
    ("number", "options", "text"),
    [
        (999.4, {}, "999"), (999.6, {}, "1k"), (1000.0, {}, "1k"), (1e6, {}, "1M"),
        (1e9, {}, "1B"), (1e12, {}, "1T"), (999e12, {}, "999T"), (999.6e12, {}, "1e+15"),
        (-7e9, {}, "-7B"), (124_439_808, {"digits": 4}, "124.4M"), (0.123456, {}, "0.123"),
        (123_456_789, {"digits": 1}, "100M"), (126.0, {"digits": 2}, "130"),
        (float("inf"), {}, "inf"), (5.764e23, {"kind": "flops", "digits": 2}, "5.8e+23"),
        (1234.5, {"kind": "number"}, "1.23e+03"),
    ],
)  # fmt: skip
def test_borders_of_formats(number, options, text):
    assert format_quantity(number, **options) == text
