"""The combinations of parameters that the runs identify least, and most."""

import numpy as np
import pandas as pd

from bayescale.design.contraction import prior_sds, verdict
from bayescale.inference.argument_checks import of_one_law
from bayescale.inference.groups import refuse_pooled
from bayescale.inference.link_scale_draws import links
from bayescale.inference.result import Fit

NAMED = 0.35
"""A parameter is named where its share of a direction is at least this part of the largest."""


@of_one_law
def principal_directions(fit: Fit) -> pd.DataFrame:
    """Name the combinations of parameters that the runs identify least, and most.

    They are the eigenvectors of the posterior's covariance relative to the prior's, on the
    parameters' link scales (log for positive ones): along the first the runs are
    least informative, whatever they say about each parameter alone.

    Parameters
    ----------
    fit : Fit
        A fitted law.

    Returns
    -------
    pandas.DataFrame
        One row per direction, the least identified first: ``direction`` as text ("E up,
        alpha down"), ``verdict`` and ``contraction`` as for a parameter, and a column per
        parameter: how far it goes, on its link scale, within one posterior standard deviation along
        the direction.

    Raises
    ------
    BayescaleError
        For a pooled fit, and for an average: ask one of its fits.

    See Also
    --------
    identify : Each parameter alone.
    plot_ridge : The joint posterior of two parameters.

    Examples
    --------
    >>> directions = bs.principal_directions(fit)
    >>> len(directions), directions["verdict"].iloc[-1]
    (5, 'identified')
    >>> directions["contraction"].is_monotonic_increasing
    True
    """
    refuse_pooled(fit, "principal_directions")
    names, sd = list(fit.spec.free), prior_sds(fit)
    if not names:
        return pd.DataFrame(columns=["direction", "verdict", "contraction"])
    draws = links(fit, fit.posterior) / sd
    share, axes = np.linalg.eigh(np.atleast_2d(np.cov(draws.T)))
    order = np.argsort(-share)
    rows = []
    for variance, axis in zip(share[order], axes.T[order], strict=True):
        axis = axis * np.sign(axis[np.argmax(np.abs(axis))])
        steps = dict(zip(names, axis * np.sqrt(max(variance, 0.0)) * sd, strict=True))
        contraction = 1 - float(variance)
        said = {"direction": _words(names, axis), "verdict": verdict(contraction)}
        rows.append({**said, "contraction": contraction, **steps})
    return pd.DataFrame(rows)


def _words(names: list[str], axis: np.ndarray) -> str:
    large = [i for i in np.argsort(-np.abs(axis)) if abs(axis[i]) >= NAMED * np.abs(axis).max()]
    return ", ".join(f"{names[i]} {'up' if axis[i] > 0 else 'down'}" for i in large)
