"""The density of each fitted run left out, by importance sampling, a block of runs at a time."""

import warnings
from typing import Any, cast

import numpy as np
import xarray as xr

from bayescale.inference.numpy_arrays import without_lazy_jax
from bayescale.inference.result import Fit, once
from bayescale.inference.run_blocks import likelihood_blocks


def leave_one_out(fit: Fit) -> Any:
    """Estimate the expected log predictive density of each run from the others (PSIS-LOO).

    Parameters
    ----------
    fit : Fit
        A fitted law.

    Returns
    -------
    arviz_stats.utils.ELPDDataLOO
        With ``elpd_i`` and ``pareto_k`` of each run; rows that share a run are left out together.
        The smoothed weights of the draws are kept of a table of one block only.
    """
    return once(fit, leave_one_out, lambda: _leave_one_out(fit))


def _leave_one_out(fit: Fit) -> Any:
    import arviz_stats as azs
    from arviz_stats.utils import ELPDDataLOO

    found: list[Any] = []
    with warnings.catch_warnings(), without_lazy_jax():
        # Who asks says how many runs are too influential. A block may be of a single run.
        warnings.filterwarnings("ignore", message="Estimated shape parameter")
        warnings.filterwarnings("ignore", message="The point-wise LOO is the same")
        for density in likelihood_blocks(fit):
            groups = {"posterior": fit.posterior, "log_likelihood": density.to_dataset(name="here")}
            found.append(azs.loo(xr.DataTree.from_dict(groups), pointwise=True))
            if found[1:]:
                found[-1].log_weights = None  # as large as the block
    if len(found) == 1:
        return found[0]
    found[0].log_weights = None
    elpd = cast(xr.DataArray, xr.concat([one.elpd_i for one in found], "run"))
    k = cast(xr.DataArray, xr.concat([one.pareto_k for one in found], "run"))
    return ELPDDataLOO(
        elpd=float(elpd.sum()),
        se=float(np.sqrt(elpd.size * elpd.var(ddof=1))),
        p=float(sum(one.p for one in found)),
        n_samples=found[0].n_samples,
        n_data_points=elpd.size,
        scale="log",
        warning=any(one.warning for one in found),
        good_k=found[0].good_k,
        elpd_i=elpd,
        pareto_k=k,
    )


def pointwise_loo(fit: Fit) -> np.ndarray:
    """Return the log density of each run left out; checkpoints of one run go together."""
    return np.asarray(leave_one_out(fit).elpd_i)
