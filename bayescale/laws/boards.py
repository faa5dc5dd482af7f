"""Playing strength of networks trained by self-play, against compute and the size of the board."""

from typing import Any

from bayescale.functions import log, maximum, minimum
from bayescale.law import Input, Law, Positive

LN10 = 2.302585092994046


class BoardGame(Law):
    r"""Elo on boards of growing size: a plateau, an incline in log compute, then perfect play.

    .. math:: R(C, b) = \min\!\left( 0, \max\!\left( -p - p' (b / b_0 - 1),
              -q - q' (b / b_0 - 1) + g \log_{10} (C / C_0) \right) \right)
    """

    reference = "Jones (2021), arXiv:2104.03113"
    multimodal = True
    target = "elo"
    noise = "raw_student_t"

    C = Input("flops", about="training compute", span=(1e9, 1e17))
    board = Input("board_size", about="side of the board", span=(3.0, 9.0))
    plateau = Positive(200.0, 4000.0, about="Elo below perfect play before learning")
    plateau_growth = Positive(
        200.0, 6000.0, about="its growth from the reference board to twice it"
    )
    deficit = Positive(100.0, 4000.0, about="Elo below perfect play at the reference compute")
    deficit_growth = Positive(
        300.0, 10000.0, about="its growth from the reference board to twice it"
    )
    gain = Positive(100.0, 1500.0, about="Elo for ten times the compute")

    @staticmethod
    def equation(
        C: Any,
        board: Any,
        plateau: Any,
        plateau_growth: Any,
        deficit: Any,
        deficit_growth: Any,
        gain: Any,
    ) -> Any:
        """Elo relative to perfect play, at relative compute C and relative side ``board``."""
        flat = -plateau - plateau_growth * (board - 1)
        incline = -deficit - deficit_growth * (board - 1) + gain * log(C) / LN10
        return minimum(0.0, maximum(flat, incline))

    @staticmethod
    def derived(
        C: Any,
        board: Any,
        plateau: Any,
        plateau_growth: Any,
        deficit: Any,
        deficit_growth: Any,
        gain: Any,
    ) -> dict[str, Any]:
        """Jones's slopes and intercepts, and the compute that one more side of board takes."""
        return {
            "plateau_slope": -plateau_growth / board,
            "plateau_intercept": plateau_growth - plateau,
            "incline_slope": -deficit_growth / board,
            "incline_intercept": deficit_growth - deficit - gain * log(C) / LN10,
            "compute_per_side": 10 ** (deficit_growth / (board * gain)),
        }
