"""The questions of a fit as its methods; each is the function of the same name.

The functions stand above this module, and are found by their public names when they are called.
"""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import xarray as xr

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bayescale.data.read import RunsLike
    from bayescale.data.units import Quantities, Quantity
    from bayescale.decisions.critical_batch import CriticalBatchLike
    from bayescale.decisions.scenario import ScenarioLike
    from bayescale.evaluation.adequacy import Adequacy
    from bayescale.evaluation.backtest import Backtest
    from bayescale.inference.result import Fit
    from bayescale.prediction.discrepancy import Discrepancy
    from bayescale.prediction.points import PointsLike
    from bayescale.prediction.summary import SummaryKind
    from bayescale.studies.study import Study

    type Allowed = Discrepancy | bool | None


class PosteriorMethods:
    """What a fit and an average are asked alike.

    ``discrepancy`` says how wrong the law may be away from the runs: True is the default one,
    :class:`bayescale.Discrepancy`; None or False assumes that the law holds.
    """

    def predict(
        self,
        at: "PointsLike | None" = None,
        *,
        params: "Quantities | None" = None,
        tokens: "Quantities | None" = None,
        flops: "Quantities | None" = None,
        grid: bool = False,
        discrepancy: "Allowed" = True,
        random_seed: int | None = None,
    ) -> xr.Dataset:
        """Predict the target at new points; see :func:`bayescale.predict`.

        Parameters
        ----------
        at, params, tokens, flops, grid, discrepancy, random_seed
            As for :func:`bayescale.predict`.

        Returns
        -------
        xarray.Dataset, dims (chain, draw, point)
            ``law``, ``outcome`` and ``new_run``, in the target's unit.

        Examples
        --------
        >>> fit.predict(params="70B", tokens="1.4T")["law"].median().round(2).item()
        1.94
        """
        import bayescale

        one: Any = self
        return bayescale.predict(
            one,
            at,
            params=params,
            tokens=tokens,
            flops=flops,
            grid=grid,
            discrepancy=_allowed(discrepancy),
            random_seed=random_seed,
        )

    def optimum(
        self,
        flops: "ScenarioLike",
        *,
        numerical: bool = False,
        critical_batch: "CriticalBatchLike | None" = None,
        discrepancy: "Allowed" = True,
        random_seed: int | None = None,
    ) -> xr.Dataset:
        """Find the compute-optimal parameters and tokens; see :func:`bayescale.optimum`.

        Parameters
        ----------
        flops, numerical, critical_batch, discrepancy, random_seed
            As for :func:`bayescale.optimum`.

        Returns
        -------
        xarray.Dataset, dims (chain, draw, budget)
            ``params``, ``tokens``, ``tokens_per_param`` and ``loss`` at each budget in FLOP.

        Examples
        --------
        >>> best = fit.optimum("1e24")
        >>> list(best)
        ['params', 'tokens', 'tokens_per_param', 'loss']
        """
        import bayescale

        one: Any = self
        return bayescale.optimum(
            one,
            flops,
            numerical=numerical,
            critical_batch=critical_batch,
            discrepancy=_allowed(discrepancy),
            random_seed=random_seed,
        )

    def regret(
        self,
        flops: "ScenarioLike",
        params: "Quantities | None" = None,
        *,
        around: bool = False,
        discrepancy: "Allowed" = True,
        random_seed: int | None = None,
    ) -> xr.Dataset:
        """Measure what choosing a size gives up; see :func:`bayescale.regret`.

        Parameters
        ----------
        flops, params, around, discrepancy, random_seed
            As for :func:`bayescale.regret`.

        Returns
        -------
        xarray.Dataset, dims (chain, draw, budget, choice)
            ``regret`` and ``loss`` in the target's unit, and ``wasted``, a share of the budget.

        Examples
        --------
        >>> lost = fit.regret("1e23", ["3B", "30B"])
        >>> bs.regret_summary(lost)["params"].item()
        30000000000.0
        """
        import bayescale

        one: Any = self
        return bayescale.regret(
            one,
            flops,
            params,
            around=around,
            discrepancy=_allowed(discrepancy),
            random_seed=random_seed,
        )

    def plot(
        self,
        *,
        x: str | None = None,
        beyond: float | None = None,
        ci_prob: float | None = None,
        discrepancy: "Allowed" = True,
        random_seed: int | None = None,
        ax: "Axes | None" = None,
    ) -> "Axes":
        """Draw the runs and the bands beyond them; see :func:`bayescale.plot_bands`.

        Parameters
        ----------
        x, beyond, ci_prob, discrepancy, random_seed, ax
            As for :func:`bayescale.plot_bands`.

        Returns
        -------
        matplotlib.axes.Axes

        Examples
        --------
        >>> fit.plot(beyond=1000).get_xlabel()
        'training compute (FLOP)'
        """
        import bayescale

        one: Any = self
        return bayescale.plot_bands(
            one,
            x=x,
            beyond=beyond,
            ci_prob=ci_prob,
            discrepancy=_allowed(discrepancy),
            random_seed=random_seed,
            ax=ax,
        )

    def report(
        self,
        path: str | Path,
        *,
        flops: "ScenarioLike | None" = None,
        study: "Study | None" = None,
        comparison: pd.DataFrame | None = None,
        backtest: "Backtest | None" = None,
        discrepancy: "Allowed" = True,
        ci_prob: float | None = None,
    ) -> Path:
        """Write a self-contained HTML page; see :func:`bayescale.report`.

        Parameters
        ----------
        path, flops, study, comparison, backtest, discrepancy, ci_prob
            As for :func:`bayescale.report`.

        Returns
        -------
        Path
            Where it was written.

        Examples
        --------
        >>> fit.report("report.html", flops="1e24")  # doctest: +SKIP
        """
        import bayescale

        one: Any = self
        return bayescale.report(
            one,
            path,
            flops=flops,
            study=study,
            comparison=comparison,
            backtest=backtest,
            discrepancy=_allowed(discrepancy),
            ci_prob=ci_prob,
        )

    def save(self, path: str | Path) -> Path:
        """Write it to a file that :func:`bayescale.load` reads; see :func:`bayescale.save`.

        Parameters
        ----------
        path : str or Path
            Ends in ``.nc`` (netCDF) or ``.zarr``.

        Returns
        -------
        Path
            Where it was written.

        Raises
        ------
        BayescaleError
            For another suffix.

        Examples
        --------
        >>> fit.save("chinchilla.nc").name
        'chinchilla.nc'
        """
        import bayescale

        one: Any = self
        return bayescale.save(one, path)


class FitMethods(PosteriorMethods):
    """What is asked of one law besides."""

    @cached_property
    def adequacy(self) -> "Adequacy":
        """Whether the law describes the runs; see :func:`bayescale.adequacy`."""
        import bayescale

        one: Any = self
        return one.check("adequacy", bayescale.Adequacy.from_dict) or bayescale.adequacy(one)

    def summary(
        self,
        ci_prob: float | None = None,
        *,
        kind: "SummaryKind | None" = None,
        round_to: int | str | None = None,
    ) -> pd.DataFrame:
        """Return the parameters with their intervals; see :func:`bayescale.summary`.

        Parameters
        ----------
        ci_prob, kind, round_to
            As for :func:`bayescale.summary`.

        Returns
        -------
        pandas.DataFrame
            One row per parameter, in its own unit.

        Examples
        --------
        >>> fit.summary().loc[["E", "alpha"], ["median", "sd", "unit"]].round(2)
                   median    sd        unit
        parameter
        E            1.78  0.02  nats/token
        alpha        0.35  0.01
        """
        import bayescale

        one: Any = self
        return bayescale.summary(one, ci_prob, kind=kind, round_to=round_to)

    def identify(
        self,
        *,
        flops: "Quantities | None" = None,
        at: "PointsLike | None" = None,
        budget: "Quantity | None" = None,
        discrepancy: "Allowed" = True,
        random_seed: int | None = None,
    ) -> pd.DataFrame:
        """Assess which parameters the runs identify; see :func:`bayescale.identify`.

        Parameters
        ----------
        flops, at, budget, discrepancy, random_seed
            As for :func:`bayescale.identify`.

        Returns
        -------
        pandas.DataFrame
            One row per parameter or quantity of interest, with its verdict.

        Examples
        --------
        >>> fit.identify()["verdict"].tolist()
        ['identified', 'identified', 'identified', 'identified', 'identified']
        """
        import bayescale

        one: Any = self
        return bayescale.identify(
            one,
            flops=flops,
            at=at,
            budget=budget,
            discrepancy=_allowed(discrepancy),
            random_seed=random_seed,
        )

    def add_runs(
        self, runs: "RunsLike", *, random_seed: int | None = None, progressbar: bool = True
    ) -> "Fit":
        """Fit again with more runs; see :func:`bayescale.add_runs`.

        Parameters
        ----------
        runs, random_seed, progressbar
            As for :func:`bayescale.add_runs`.

        Returns
        -------
        Fit
            A fit of the old runs and the new.

        Examples
        --------
        >>> more = pd.DataFrame({"params": ["3B"], "tokens": ["120B"], "loss": [2.18]})
        >>> fit.add_runs(more, random_seed=2)  # doctest: +SKIP
        """
        import bayescale

        one: Any = self
        return bayescale.add_runs(one, runs, random_seed=random_seed, progressbar=progressbar)


def _allowed(discrepancy: "Allowed") -> "Discrepancy | None":
    """Return the default discrepancy for True, none for False."""
    import bayescale

    if discrepancy is True:
        return bayescale.Discrepancy()
    return discrepancy or None
