"""Which of the completed runs were least informative about a quantity of interest."""

from dataclasses import replace

import numpy as np
import pandas as pd

from bayescale.design.gaussian_update import posterior_uncertainty
from bayescale.design.quantities_of_interest import About, quantity_text, read_about
from bayescale.inference.argument_checks import of_posterior
from bayescale.inference.fitted_runs import fitted_runs
from bayescale.inference.posterior_like import PosteriorLike
from bayescale.inference.sampling import seed_of
from bayescale.prediction.discrepancy import DISCREPANCY, Discrepancy, DiscrepancyLike


@of_posterior
def least_useful(
    fit: PosteriorLike,
    about: About | None = None,
    *,
    discrepancy: DiscrepancyLike = DISCREPANCY,
    random_seed: int | None = None,
) -> pd.DataFrame:
    """Rank the fitted runs by how informative they are about a quantity of interest.

    Parameters
    ----------
    fit : Fit or Average
        A fitted law, or several.
    about, discrepancy, random_seed
        As for :func:`plan`.

    Returns
    -------
    pandas.DataFrame
        One row per run, the least useful first: ``run``, its inputs and target, ``sd_without`` (the
        posterior standard deviation of the quantity without this run; infinite where the other
        runs would not determine the law) and ``lost``, the relative loss of precision (0.01: the
        standard deviation would be 1 % larger).

    Raises
    ------
    BayescaleError
        When the quantity of interest is unknown.

    See Also
    --------
    plan : Choose the next runs.
    stability : How answers move without some of the runs.

    Examples
    --------
    >>> ranked = bs.least_useful(fit, "alpha")
    >>> len(ranked), ranked["sd_without"].is_monotonic_increasing
    (40, True)
    """
    discrepancy = Discrepancy.of(discrepancy)
    first = fit.representative
    quantity = read_about(about, first)
    rng = np.random.default_rng(seed_of(random_seed, fit.seed))
    now = posterior_uncertainty(fit, quantity, None, fit.typical(discrepancy), rng)
    fixed = (np.split(now.law[1:], 2)[0] ** 2).sum(1) < now.noise
    without = replace(now, noise=-now.noise).uncertainty_after()
    sd = np.sqrt(np.where(fixed, np.maximum(without, now.uncertainty), np.inf))
    table = fitted_runs(first).assign(sd_without=sd, lost=sd / np.sqrt(now.uncertainty) - 1)
    found = table.sort_values("sd_without", kind="stable", ignore_index=True)
    found.attrs["about"] = quantity_text(quantity, first)
    found.attrs["sd_now"] = float(np.sqrt(now.uncertainty))
    return found
