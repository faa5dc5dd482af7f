"""Numbers as people read them, at the borders between one way of writing and the next."""

import math

import pytest

from bayescale.data.display_tables import heading
from bayescale.data.number_format import (
    column_formatter,
    coordinate,
    fixed,
    format_value,
    kind_of,
    listed,
    percent,
    plain,
    relative,
    signed,
    times,
    whole_percent,
    with_interval,
)


@pytest.mark.parametrize(
    ("value", "options", "text"),
    [
        (1.80444, {}, "1.804"),
        (12.3456, {"digits": 3}, "12.3"),
        (123456.0, {}, "123456"),
        (999999.0, {}, "999999"),
        (1e6, {}, "1e+06"),
        (1e-4, {}, "0.0001000"),
        (9.9e-5, {}, "9.9e-05"),
        (0.0, {}, "0"),
        (2.5, {"like": 123.4}, "2.5"),
        (123.4, {"like": 0.0123}, "123.40000"),
        (math.inf, {}, "inf"),
        (-1.80444, {}, "-1.804"),
    ],
)
def test_fixed(value: float, options: dict, text: str) -> None:
    assert fixed(value, **options) == text


def test_cells() -> None:
    assert column_formatter([2.0, 0.19, 20.1])(" ") == "2.000 [0.1900, 20.10]"
    assert column_formatter([2.0, 0.21, 19.9])("\n") == "2.000\n[0.210, 19.900]"
    assert column_formatter([0.0, 0.5, 2.0])(" ") == "0 [0.5, 2]"


@pytest.mark.parametrize(
    ("value", "width", "text"),
    [
        (2.03617, 0.03, "2.036"),
        (2.03617, 3.0, "2.0"),
        (1e-4, 1e-5, "0.000100"),
        (9.9e-5, 1e-6, "9.9e-05"),
        (999_999.0, 10.0, "999,999"),
        (1e6, 10.0, "1e+06"),
        (1920.7, 2400.0, "1,900"),
        (0.0, 0.01, "0.000"),
        (0.0, 0.0, "0"),
        (math.inf, 1.0, "unbounded"),
        (-math.inf, 1.0, "undefined"),
        (math.nan, 1.0, "undefined"),
        (1.0, 1e-9, "1.000000"),
    ],
)
def test_plain(value: float, width: float, text: str) -> None:
    assert plain(value, width) == text


def test_shares_and_ratios() -> None:
    assert relative(0.0987) == "9.9 %"
    assert [relative(e) for e in (0.1, 0.01, 0.00999, -0.25)] == [
        "10 %", "1.0 %", "1.00 %", "-25 %",
    ]  # fmt: skip
    assert [percent(s) for s in (1.0, 0.999, 0.1234, 0.012345)] == [
        "100 %", "99.9 %", "12.3 %", "1.23 %",
    ]  # fmt: skip
    assert [times(f) for f in (9.94, 9.96, 10.0, 1.0)] == [
        "9.9 times",
        "10 times",
        "10 times",
        "1 times",
    ]
    assert heading(0.89) == "median [89 % interval]"
    assert heading(0.9545) == "median [95.45 % interval]"


def test_kinds() -> None:
    assert coordinate("flops", 5.76e23) == "5.76e+23"
    assert coordinate("active_params", 7e9) == "7B"
    assert coordinate("price", 2.5e6) == "2.5M"
    assert format_value(5.76e23, "flops") == "5.76e+23 FLOP"
    assert kind_of("params") == "count" and kind_of("no such column") == "number"
    assert listed(list("abcdefghijklm")) == "a, b, c, d, e, f, g, h, i, j, k, l and 1 more"
    assert listed(list("abcdefghijkl")).endswith("j, k and l")
    assert listed([]) == ""


def test_borders_between_ways_of_writing() -> None:
    """Exactly at a limit, just below and just above it."""
    assert column_formatter([1.0, 0.1, 10.0])(" ") == "1.000 [0.1000, 10.00]"
    assert column_formatter([1.0, 0.11, 9.9])(" ") == "1.000 [0.110, 9.900]"
    assert column_formatter([0.0, 0.15, 15.0])(" ") == "0 [0.15, 15.00]"
    assert column_formatter([1.80444, 1.7, 1.9], digits=3)(" ") == "1.80 [1.70, 1.90]"
    assert column_formatter([7e9, 6e9, 8e9], "count")(": ") == "7B: [6B, 8B]"
    assert fixed(1.0, like=math.inf) == "1.0"
    assert [fixed(v, 2) for v in (0.00999, 999.0, 1.05e6)] == ["0.0100", "999", "1e+06"]
    assert [relative(e) for e in (0.0999, 0.009999, -0.001)] == ["10.0 %", "1.00 %", "-0.10 %"]
    assert [percent(s, 2) for s in (0.1, 0.0999, -0.5)] == ["10 %", "10 %", "-50 %"]
    assert [percent(s, 3) for s in (0.0999, 0.99)] == ["9.99 %", "99 %"]
    assert [whole_percent(s) for s in (0.5049, 0.996, 1.0)] == ["50 %", "100 %", "100 %"]
    assert [times(f) for f in (9.949, 1049.0, 0.0123456)] == [
        "9.9 times",
        "1,000 times",
        "0.012 times",
    ]
    assert [signed(0.671), signed(-0.675, 1), signed(0.0)] == ["+0.67", "\u22120.7", "+0.00"]


def test_counts_are_written_as_counts_from_a_million_on() -> None:
    assert with_interval(1e6, 9e5, 1.1e6) == "1M [900k, 1.1M]"
    assert with_interval(999_999.0, 9e5, 1.1e6) == "999999 [900000, 1100000]"
    assert with_interval(-2e6, -3e6, 1e6) == "-2M [-3M, 1M]"
    assert with_interval(1e15, 9e14, 1.1e15) == "1e+15 [9e+14, 1.1e+15]"
    assert with_interval(9.99e14, 9e14, 1e15) == "999T [900T, 1e+15]"
    assert with_interval(0.3421, 0.3302, 0.3547) == "0.3421 [0.3302, 0.3547]"


def test_kinds_of_columns_and_lists() -> None:
    for name in ("params", "tokens", "price", "unique_tokens"):
        assert coordinate(name, 2e9) == "2B"
    assert coordinate("days", 2e9) == "2e+09"
    assert format_value(73.6e9, "count") == "73.6B"
    assert format_value(2.03617, "number") == "2.0"
    assert (kind_of("tokens"), kind_of("flops")) == ("count", "flops")
    assert listed(["a"]) == "a" and listed(["a", "b"]) == "a and b"
    assert listed(["a", "b", "c"], limit=2) == "a, b and 1 more"
    assert listed(["a", "b", "c"], limit=3) == "a, b and c"
    assert [plain(v, 0.5) for v in (12.34, -999_999.4, 0.00012)] == [
        "12.34",
        "-999,999.40",
        "0.00012",
    ]
