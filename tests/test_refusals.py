"""What cannot be is refused in words, not by an error of another library."""

import re
from collections.abc import Callable

import numpy as np
import pytest

import bayescale as bs
from bayescale.inference.result import Fit

REFUSED: dict[str, tuple[Callable[[Fit], object], str]] = {
    "a negative budget": (lambda fit: bs.isoflop_design([-1e21], [20]), "flops must be positive"),
    "a ratio of zero": (lambda fit: bs.isoflop_design("1e21", 0), "ratios must be positive"),
    "no runs": (lambda fit: bs.typical_design("chinchilla", 0), "runs = 0: it must be 1 or more"),
    "negative runs": (lambda fit: bs.typical_design("chinchilla", -3), "runs = -3"),
    "unknown study": (
        lambda fit: bs.check_published(fit, "hofmann2022"),
        "(did you mean 'hoffmann2022",
    ),
    "a prediction for regrets": (
        lambda fit: bs.regret_summary(bs.predict(fit, params="1B", tokens="20B")),
        "regret_summary takes what bs.regret returned",
    ),
    "an array for draws": (
        lambda fit: bs.credible_interval(np.zeros((4, 100))),  # pyright: ignore[reportArgumentType]
        "dims chain and draw, such as fit.posterior['alpha'], not ndarray of dims (4, 100)",
    ),
    "draws without chains": (
        lambda fit: bs.credible_interval(fit.posterior["alpha"].isel(chain=0)),
        "not DataArray of dims ('draw',)",
    ),
    "certain acceptance": (lambda fit: bs.Sampler(target_accept=2), "target_accept = 2: it must"),
    "a falling span": (lambda fit: bs.Input("bits", span=(3, 1)), "Input('bits'): span = (3, 1)"),
    "an average of one": (
        lambda fit: bs.average({"a": fit}),
        "one fit is nothing to compare or average: give two or more",
    ),
    "one budget twice": (
        lambda fit: bs.frontier_constants(fit, ("1e21", "1e21")),
        "a frontier is measured between two different budgets",
    ),
}


@pytest.mark.parametrize(("ask", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be(ask: Callable[[Fit], object], message: str, made_fit: Fit) -> None:
    with pytest.raises(bs.BayescaleError, match=re.escape(message)):
        ask(made_fit)


def test_text_is_read_where_numbers_are(made_fit: Fit) -> None:
    assert bs.isoflop_design("1e21", [20]).equals(bs.isoflop_design([1e21], [20.0]))
    both = bs.total_params(["1B", "2B"])
    assert both.tolist() == [bs.total_params("1B"), bs.total_params("2B")]
    assert bs.total_params([["1B"], [2e9]]).tolist() == both.reshape(2, 1).tolist()
    assert type(bs.total_params("1B")) is float
    by_name = bs.check_published(made_fit, "hoffmann2022")
    assert by_name.equals(bs.check_published(made_fit, bs.load_study("hoffmann2022")))


def test_compute_has_no_unit_of_the_loss(made_fit: Fit) -> None:
    needed = bs.required_compute(made_fit, loss=2.2, discrepancy=None)
    assert set(needed.data_vars) == {"params", "tokens", "flops"}
    assert not any(needed[name].attrs for name in needed.data_vars)
