"""Ratings from games: playing strength against compute, board size and model size."""

from bayescale.laws.base import ANY_SIGN, Law
from bayescale.laws.functions import LN10, Value, log, maximum, minimum, sigmoid
from bayescale.laws.inputs import Input
from bayescale.laws.parameters import Positive


class BoardGame(Law):
    r"""Elo on boards of growing size: a plateau, an incline in log compute, then perfect play.

    .. math:: R(C, b) = \min\!\left( 0, \max\!\left( -p - p' (b / b_0 - 1),
              -q - q' (b / b_0 - 1) + g \log_{10} (C / C_0) \right) \right)
    """

    reference = "Jones (2021), arXiv:2104.03113"
    multimodal = True
    target = "elo"
    target_bounds = ANY_SIGN
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
        C: Value,
        board: Value,
        plateau: Value,
        plateau_growth: Value,
        deficit: Value,
        deficit_growth: Value,
        gain: Value,
    ) -> Value:
        """Elo relative to perfect play, at relative compute C and relative side ``board``."""
        flat = -plateau - plateau_growth * (board - 1)
        incline = -deficit - deficit_growth * (board - 1) + gain * log(C) / LN10
        return minimum(0.0, maximum(flat, incline))

    @staticmethod
    def derived(
        C: Value,
        board: Value,
        plateau: Value,
        plateau_growth: Value,
        deficit: Value,
        deficit_growth: Value,
        gain: Value,
    ) -> dict[str, Value]:
        """Jones's slopes and intercepts, and the compute that one more side of board takes."""
        return {
            "plateau_slope": -plateau_growth / board,
            "plateau_intercept": plateau_growth - plateau,
            "incline_slope": -deficit_growth / board,
            "incline_intercept": deficit_growth - deficit - gain * log(C) / LN10,
            "compute_per_side": 10 ** (deficit_growth / (board * gain)),
        }


class BradleyTerry(Law):
    r"""Score of a player against an opponent, both of a strength that is a power of size.

    A row is a pairing; the score is the share of games won, each draw counted as half a win. The
    constant of the power law cancels. Draws make a score less uncertain than wins and losses would,
    so that with many of them intervals are too wide.

    .. math:: P(N_i, N_j) = \frac{1}{1 + (N_j / N_i)^{\alpha}}
    """

    reference = "Neumann and Gros (2022), arXiv:2210.00849; Bradley and Terry (1952)"
    target = "score"
    noise = "binomial"

    N = Input("params", relative=False, about="size of the player, or its compute", span=(1e3, 3e5))
    M = Input(
        "opponent_params", relative=False, about="the opponent's, in that unit", span=(1e3, 3e5)
    )
    alpha = Positive(0.1, 2.0, about="exponent of strength in size")

    @staticmethod
    def equation(N: Value, M: Value, alpha: Value) -> Value:
        """Expected score of N against M."""
        return sigmoid(alpha * log(N / M))

    @staticmethod
    def derived(N: Value, M: Value, alpha: Value) -> dict[str, Value]:
        """Elo points that ten times the size is worth."""
        return {"elo_per_decade": 400 * alpha}
