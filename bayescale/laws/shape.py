"""The shape of a model: width and depth in place of the number of parameters."""

from typing import Any

from bayescale.coordinates import from_total_ratio, total_ratio
from bayescale.law import Input, Law, Positive


class WidthDepth(Law):
    r"""Irreducible loss plus one power law each in width, depth and tokens.

    .. math:: L(w, d, D) = E + a_w \, (w / w_0)^{-\alpha_w} + a_d \, (d / d_0)^{-\alpha_d}
              + b \, (D / D_0)^{-\beta}
    """

    reference = "McLeish et al. (2025), arXiv:2502.06857 (Gemstones)"

    w = Input("width", about="width of the residual stream", span=(256, 4096))
    d = Input("depth", about="layers", span=(4, 80))
    D = Input("tokens", about="training tokens")
    E = Positive(0.2, 0.95, of="target", about="irreducible loss")
    a_w = Positive(0.01, 0.7, of="target", about="excess loss due to width, at the reference")
    alpha_w = Positive(0.1, 1.5, about="width exponent")
    a_d = Positive(0.01, 0.7, of="target", about="excess loss due to depth, at the reference")
    alpha_d = Positive(0.1, 1.5, about="depth exponent")
    b = Positive(0.01, 0.7, of="target", about="excess loss due to data, at the reference")
    beta = Positive(0.1, 0.8, about="data exponent")

    @staticmethod
    def equation(
        w: Any,
        d: Any,
        D: Any,
        E: Any,
        a_w: Any,
        alpha_w: Any,
        a_d: Any,
        alpha_d: Any,
        b: Any,
        beta: Any,
    ) -> Any:
        """Loss at relative width w, depth d and tokens D."""
        return E + a_w * w**-alpha_w + a_d * d**-alpha_d + b * D**-beta

    @staticmethod
    def coordinates(
        E: Any, a_w: Any, alpha_w: Any, a_d: Any, alpha_d: Any, b: Any, beta: Any
    ) -> tuple[Any, ...]:
        """Level, floor to reducible loss, shares, and the three local log-slopes."""
        shape, width_share = total_ratio(a_w, a_d)
        reducible, shape_share = total_ratio(shape, b)
        level, floor_ratio = total_ratio(E, reducible)
        slopes = (alpha_w + a_w - level, alpha_d + a_d - level, beta + b - level)
        return level, floor_ratio, shape_share, width_share, *slopes

    @staticmethod
    def from_coordinates(
        level: Any,
        floor_ratio: Any,
        shape_share: Any,
        width_share: Any,
        slope_w: Any,
        slope_d: Any,
        slope_data: Any,
    ) -> tuple[Any, ...]:
        """Invert :meth:`coordinates`."""
        E, reducible = from_total_ratio(level, floor_ratio)
        shape, b = from_total_ratio(reducible, shape_share)
        a_w, a_d = from_total_ratio(shape, width_share)
        exponents = (slope_w - a_w + level, slope_d - a_d + level, slope_data - b + level)
        return E, a_w, exponents[0], a_d, exponents[1], b, exponents[2]

    @staticmethod
    def derived(
        w: Any,
        d: Any,
        D: Any,
        E: Any,
        a_w: Any,
        alpha_w: Any,
        a_d: Any,
        alpha_d: Any,
        b: Any,
        beta: Any,
    ) -> dict[str, Any]:
        """Constants of L = E + A_w / w^alpha_w + A_d / d^alpha_d + B / D^beta."""
        return {"A_w": a_w * w**alpha_w, "A_d": a_d * d**alpha_d, "B": b * D**beta}
