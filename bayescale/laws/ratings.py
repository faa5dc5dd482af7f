"""Ratings from games: the strength of a player as a power of its size."""

from typing import Any

from bayescale.functions import log, sigmoid
from bayescale.law import Input, Law, Positive


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
    def equation(N: Any, M: Any, alpha: Any) -> Any:
        """Expected score of N against M."""
        return sigmoid(alpha * log(N / M))

    @staticmethod
    def derived(N: Any, M: Any, alpha: Any) -> dict[str, Any]:
        """Elo points that ten times the size is worth."""
        return {"elo_per_decade": 400 * alpha}
