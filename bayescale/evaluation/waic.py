"""WAIC, which ArviZ no longer has, as one more of its ELPD results."""

import warnings
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr
from arviz_stats.utils import ELPDData

from bayescale.data.row_messages import PACKAGE
from bayescale.errors import BayescaleWarning
from bayescale.evaluation.scores import log_score
from bayescale.inference.argument_checks import of_one_law
from bayescale.inference.result import Fit
from bayescale.inference.run_blocks import likelihood_blocks
from bayescale.prediction.intervals import DRAWS

TRUSTED_VARIANCE = 0.4
"""Above this posterior variance of a run's log likelihood WAIC's correction is not reliable."""


@dataclass(repr=False)
class ELPDDataWAIC(ELPDData):
    """Result of :func:`waic`; an ArviZ ``ELPDData`` whose pointwise parts are always kept.

    Attributes
    ----------
    p_i : xarray.DataArray, dim run
        Posterior variance of each run's log likelihood; above 0.4 the run is not trusted.
    """

    _kind: ClassVar[str | None] = "waic"

    p_i: xr.DataArray | None = None


@of_one_law
def waic(fit: Fit) -> ELPDDataWAIC:
    """Estimate the expected log predictive density of a fit by WAIC.

    The penalty is the posterior variance of the pointwise log likelihood, and the 0.4 rule is that
    of Vehtari, Gelman and Gabry (2017), sec. 2.2.

    Parameters
    ----------
    fit : Fit
        A fitted law.

    Returns
    -------
    ELPDDataWAIC
        ``elpd``, ``se``, ``p``, pointwise ``elpd_i`` and ``p_i`` (dim run). Rows that share a run,
        such as checkpoints, count as one.

    Raises
    ------
    BayescaleError
        For an average, which has several laws: ask one of its fits.

    Warns
    -----
    BayescaleWarning
        When runs have a log likelihood too variable for WAIC.

    See Also
    --------
    compare : WAIC beside LOO, of several fits.

    References
    ----------
    * Watanabe (2010), JMLR 11, 3571-3594
    * Vehtari, Gelman and Gabry (2017), doi:10.1007/s11222-016-9696-4

    Examples
    --------
    >>> found = bs.waic(fit)
    >>> found.elpd_i.sizes["run"], bool(found.p > 0)
    (40, True)
    >>> bool(np.isclose(found.elpd_i.sum(), found.elpd))
    True
    """
    samples = fit.posterior.sizes["chain"] * fit.posterior.sizes["draw"]
    densities: list[xr.DataArray] = []
    variances: list[xr.DataArray] = []
    for block in likelihood_blocks(fit):
        densities.append(log_score(block))
        variances.append(block.var(DRAWS, ddof=1))
    density, p_i = xr.concat(densities, "run"), xr.concat(variances, "run")
    elpd_i = density - p_i
    untrusted = int((p_i > TRUSTED_VARIANCE).sum())
    if untrusted:
        warnings.warn(
            f"WAIC is not reliable: {untrusted} of {elpd_i.size} runs have a log-likelihood "
            f"variance above {TRUSTED_VARIANCE}; use LOO",
            BayescaleWarning,
            skip_file_prefixes=(PACKAGE,),
        )
    return ELPDDataWAIC(
        elpd=float(elpd_i.sum()),
        se=float(np.sqrt(elpd_i.size * elpd_i.var())),
        p=float(p_i.sum()),
        n_samples=samples,
        n_data_points=elpd_i.size,
        scale="log",
        warning=bool(untrusted),
        good_k=float("nan"),
        elpd_i=elpd_i,
        p_i=p_i,
    )
