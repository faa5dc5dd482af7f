"""The compute-equivalent gain of one recipe over another: its draws, and what they say in words."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayescale.data.display_tables import heading, html_block, text_table
from bayescale.data.number_format import coordinate, times, whole_percent, with_interval
from bayescale.prediction.intervals import DRAWS, credible_interval, interval_width

NEAREST, FARTHEST = 1e-4, 1e8
"""From which part of its smallest run to how many times its largest the baseline is followed."""


CONSTANT = 1.1
"""A gain that changes by less than this factor per decade of compute is constant."""


SURE = 0.8
"""Probability from which on a verdict is given."""


@dataclass(frozen=True, eq=False)
class EffectiveCompute:
    """The compute-equivalent gain of a recipe over a baseline.

    Attributes
    ----------
    draws : xarray.Dataset, dims (chain, draw, budget)
        ``gain`` at each budget (a factor; infinite in draws in which the baseline does not get as
        good), and ``change``, dims (chain, draw): by which factor it changes per decade of compute
        (NaN where it is unbounded throughout). The budgets are a coordinate, ``flops`` or the laws'
        one input. With a sweep over pins both have the dim ``pin`` besides, the values of the
        pinned parameter.
    baseline, recipe : str
        What is compared, in words.
    target : str
        In what they are equal: the loss, or a score.
    pinned : str
        The parameter that was pinned; "" where none was.

    See Also
    --------
    effective_compute : Make one.
    plot_effective_compute : A figure of it.

    Examples
    --------
    >>> new = pd.DataFrame({"params": [2e9], "tokens": [4e10], "loss": [2.23]})
    >>> found = bs.effective_compute(fit, new, "1e22", trend=0, discrepancy=None)
    >>> found.target, found.draws["gain"].dims
    ('loss', ('chain', 'draw', 'budget'))
    """

    draws: xr.Dataset
    baseline: str
    recipe: str
    target: str
    pinned: str = ""

    @property
    def column(self) -> str:
        """What is spent: ``flops``, or the laws' one input."""
        return str(self.draws.attrs["column"])

    def table(self, ci_prob: float | None = None) -> pd.DataFrame:
        """Return the gain at each budget.

        Parameters
        ----------
        ci_prob : float, optional
            Probability inside the interval; ArviZ's setting (0.89) when None.

        Returns
        -------
        pandas.DataFrame
            One row per budget (and pin): the budget by its column, ``median``, ``lower`` and
            ``upper`` of the gain (infinite where it is unbounded), ``better``, the probability that
            the recipe needs less, and ``unbounded``, that the baseline never gets as good.

        Raises
        ------
        BayescaleError
            When ``ci_prob`` does not lie between zero and one.
        """
        rows = []
        for pin, one in self._by_pin():
            gain = one["gain"]
            bounds = credible_interval(gain, ci_prob)
            better = (gain > 1).mean(DRAWS)
            unbounded = (gain == np.inf).mean(DRAWS)
            for i, spent in enumerate(one[self.column].values):
                at = {str(k): float(v[i]) for k, v in bounds.data_vars.items()}
                shares = {"better": float(better[i]), "unbounded": float(unbounded[i])}
                rows.append({**pin, self.column: float(spent), **at, **shares})
        table = pd.DataFrame(rows)
        table.attrs["ci_prob"] = interval_width(ci_prob)
        return table

    def trends(self, ci_prob: float | None = None) -> pd.DataFrame:
        """Return whether the gain grows with scale, is constant, or fades.

        Parameters
        ----------
        ci_prob : float, optional
            Probability inside the interval; ArviZ's setting (0.89) when None.

        Returns
        -------
        pandas.DataFrame
            One row (per pin): ``median``, ``lower`` and ``upper`` of the factor by which the gain
            changes per decade of compute; the probabilities that it ``grows`` and ``fades`` by more
            than a tenth, or is ``constant``; and the ``verdict``, one of these words where its
            probability is at least 0.8, else "undecided"; "assumed constant" with ``trend=0``.

        Raises
        ------
        BayescaleError
            When ``ci_prob`` does not lie between zero and one.
        """
        rows = []
        for pin, one in self._by_pin():
            flat = one["change"].values.ravel()
            known = flat[~np.isnan(flat)]
            shown = known if known.size else np.array([np.nan])
            ends = credible_interval(xr.DataArray(shown[None], dims=DRAWS), ci_prob)
            chance = _chances(known)
            word = max(chance, key=lambda name: chance[name])
            verdict = word if chance[word] >= SURE else "undecided"
            if known.size and (known == 1).all():
                verdict = "assumed constant"
            at = {str(k): float(v) for k, v in ends.data_vars.items()}
            rows.append({**pin, **at, **chance, "verdict": verdict})
        return pd.DataFrame(rows)

    def to_dict(self, ci_prob: float | None = None) -> dict[str, Any]:
        """Return what JSON says of it: the gain at each budget, and its trend.

        Parameters
        ----------
        ci_prob : float, optional
            Probability inside the intervals; ArviZ's setting (0.89) when None.
        """
        return {
            "baseline": self.baseline,
            "recipe": self.recipe,
            "target": self.target,
            "pinned": self.pinned or None,
            "ci_prob": interval_width(ci_prob),
            "budgets": self.table(ci_prob).to_dict("records"),
            "trend": self.trends(ci_prob).to_dict("records"),
        }

    def _by_pin(self) -> list[tuple[dict[str, float], xr.Dataset]]:
        """Return each pin, if there are, with the draws given it."""
        if not self.pinned:
            return [({}, self.draws)]
        pins = self.draws["pin"].values.tolist()
        return [({self.pinned: pin}, self.draws.sel(pin=pin)) for pin in pins]

    def __str__(self) -> str:
        return "\n".join([self._title(), text_table(self.rows()), *self.sentences()])

    def __repr__(self) -> str:
        return f"<bayescale.EffectiveCompute {self._title()}>"

    def _repr_html_(self) -> str:
        return html_block(self._title(), *self.sentences(), rows=self.rows())

    def _title(self) -> str:
        return (
            f"compute-equivalent gain of {self.recipe} over {self.baseline}, at equal {self.target}"
        )

    def rows(self, ci_prob: float | None = None) -> list[dict[str, str]]:
        """Return the table as text, one row per budget (and pin)."""
        table = self.table(ci_prob)
        wide = heading(table.attrs["ci_prob"])
        return [
            {
                **({self.pinned: f"{row[self.pinned]:g}"} if self.pinned else {}),
                "FLOP" if self.column == "flops" else self.column: coordinate(
                    self.column, row[self.column]
                ),
                wide: with_interval(row["median"], row["lower"], row["upper"]),
                "better": whole_percent(row["better"]),
                "unbounded": whole_percent(row["unbounded"]),
            }
            for row in table.to_dict("records")
        ]

    def sentences(self, ci_prob: float | None = None) -> list[str]:
        """Return in words whether the gain changes with scale, and where it is unbounded."""
        said = []
        for row in self.trends(ci_prob).to_dict("records"):
            where = f"with {self.pinned} = {row[self.pinned]:g}, " if self.pinned else ""
            if np.isnan(row["median"]):
                said.append(f"{where}the gain is unbounded at all of these budgets")
                continue
            if row["verdict"] == "assumed constant":
                said.append(f"{where}the gain is assumed to be constant")
                continue
            by = with_interval(row["median"], row["lower"], row["upper"])
            words = f"{where}the gain {_VERDICTS[row['verdict']]}: times {by} per decade"
            shares = [
                f"{name} {whole_percent(row[name])}" for name in ("grows", "constant", "fades")
            ]
            said.append(f"{words} ({', '.join(shares)})")
        if np.isinf(self.draws["gain"]).any():
            said.append(
                f"unbounded: in these draws {self.baseline} does not get as good within "
                f"{times(FARTHEST)} its largest run"
            )
        return said


def _chances(change: np.ndarray) -> dict[str, float]:
    """Return the probabilities of each trend; NaN where no draw has one."""
    if not change.size:
        return dict.fromkeys(("grows", "constant", "fades"), np.nan)
    grows, fades = float((change > CONSTANT).mean()), float((change < 1 / CONSTANT).mean())
    return {"grows": grows, "constant": 1 - grows - fades, "fades": fades}


_VERDICTS = {
    "grows": "grows with scale",
    "fades": "fades with scale",
    "constant": "is constant",
    "undecided": "may grow or fade with scale",
}
