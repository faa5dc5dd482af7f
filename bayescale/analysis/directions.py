"""What the runs see together and what they do not: combinations of parameters."""

import numpy as np
import pandas as pd

from bayescale.analysis.asked import links
from bayescale.analysis.verdicts import prior_sds, verdict
from bayescale.fitting import Fit
from bayescale.members import refuse_pooled

NAMED = 0.35
"""A parameter is named where its share of a direction is at least this part of the largest."""


def directions(fit: Fit) -> pd.DataFrame:
    """Name the combinations of parameters that the runs see least, and most.

    They are the eigenvectors of the posterior's covariance relative to the prior's, on the
    parameters' link scales (log for positive ones): along the first the runs tell least, whatever
    they say of each parameter alone.

    Parameters
    ----------
    fit : Fit
        A fitted law.

    Returns
    -------
    pandas.DataFrame
        One row a direction, the least seen first: ``direction`` in words ("E up, alpha down"),
        ``verdict`` and ``contraction`` as for a parameter, and a column for each parameter: how far
        it goes, on its link scale, within one posterior standard deviation along the direction.
    """
    refuse_pooled(fit, "directions")
    names, sd = list(fit.spec.free), prior_sds(fit)
    draws = links(fit, fit.posterior) / sd
    share, axes = np.linalg.eigh(np.atleast_2d(np.cov(draws.T)))
    order = np.argsort(-share)
    rows = []
    for left, axis in zip(share[order], axes.T[order], strict=True):
        axis = axis * np.sign(axis[np.argmax(np.abs(axis))])
        steps = dict(zip(names, axis * np.sqrt(max(left, 0.0)) * sd, strict=True))
        contraction = 1 - float(left)
        said = {"direction": _words(names, axis), "verdict": verdict(contraction)}
        rows.append({**said, "contraction": contraction, **steps})
    return pd.DataFrame(rows)


def _words(names: list[str], axis: np.ndarray) -> str:
    large = [i for i in np.argsort(-np.abs(axis)) if abs(axis[i]) >= NAMED * np.abs(axis).max()]
    return ", ".join(f"{names[i]} {'up' if axis[i] > 0 else 'down'}" for i in large)
