"""Runs that do not fit the law."""

import numpy as np
import pandas as pd

from bayescale.errors import BayescaleError
from bayescale.inference.argument_checks import of_one_law
from bayescale.inference.result import Fit
from bayescale.inference.run_blocks import median_curve

OUTLYING = 6.0
"""Standardised residual beyond which a run is named; see :func:`outliers`."""


@of_one_law
def residuals(fit: Fit) -> pd.DataFrame:
    """Return the residuals of the fitted runs.

    Parameters
    ----------
    fit : Fit
        A fitted law.

    Returns
    -------
    pandas.DataFrame
        One row per run: ``observed`` and ``predicted`` (posterior median of the law) in the
        target's unit, ``residual`` on the scale of the noise (log loss: 0.01 is one per cent), and
        ``standardised``, divided by the scatter (sigma and the run's known standard error). Where
        rows of a run follow from one another, ``standardised`` is what does not follow from the row
        before: a run that lies off the law as a whole is named at its first row.

    Raises
    ------
    BayescaleError
        For a new group of a pooled fit, which no run is of.

    See Also
    --------
    outliers : Those more than six times the scatter away.
    plot_residuals : A figure of them.

    Examples
    --------
    >>> bs.residuals(fit)[["observed", "predicted", "standardised"]].head(2).round(2)
           observed  predicted  standardised
    run
    row 0      3.51       3.50          0.24
    row 1      3.44       3.43          0.25
    """
    if not fit.informed:
        raise BayescaleError(
            "no run is of this new group: there is nothing to compare with the law"
        )
    observed, (curve, centre) = fit.observed, median_curve(fit)
    residual, standardised = fit.spec.noise.residual(curve, centre, fit.known, observed)
    return pd.DataFrame(
        {
            "observed": observed.values,
            "predicted": curve.values,
            "residual": residual.values,
            "standardised": standardised.values,
        },
        index=pd.Index(observed["run"].values, name="run"),
    )


@of_one_law
def outliers(fit: Fit) -> pd.DataFrame:
    """Name the runs that lie far off the law.

    They are not dropped: under the Student-t noise they count for little (a run at six times the
    scatter has a few per cent of the weight of one near the curve), under the normal noise they
    move the answer.

    Parameters
    ----------
    fit : Fit
        A fitted law.

    Returns
    -------
    pandas.DataFrame
        The rows of :func:`residuals` more than six times the scatter away, worst first.

    Raises
    ------
    BayescaleError
        For an average, which has several laws: ask one of its fits.

    See Also
    --------
    residuals : The residuals of all runs.
    stability : How the answers move without them.

    Examples
    --------
    >>> len(bs.outliers(fit))
    0
    >>> bool(bs.residuals(fit)["standardised"].abs().max() < 6)
    True
    """
    table = residuals(fit)
    distance = np.abs(table["standardised"].to_numpy())
    worst_first = np.argsort(-distance)
    return table.iloc[worst_first[distance[worst_first] > OUTLYING]]
