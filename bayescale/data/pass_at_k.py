"""From counts of correct answers, problem by problem, to pass@k and its standard error.

>>> from bayescale.data.pass_at_k import pass_at_k
>>> pass_at_k(10, [0, 1, 5], k=2).round(4).tolist()
[0.0, 0.2, 0.7778]
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bayescale.errors import BayescaleError

if TYPE_CHECKING:
    import pandas as pd


def pass_at_k(samples: Any, correct: Any, k: Any) -> np.ndarray:
    """Estimate the probability that at least one of k tries at a problem succeeds.

    The unbiased estimate of Chen et al. (2021), arXiv:2107.03374: one minus the share of all
    subsets of k samples that hold no correct one.

    Parameters
    ----------
    samples, correct, k : int or array
        Samples of a problem, how many of them were correct, and the number of tries, at most that
        of samples; they broadcast.

    Returns
    -------
    numpy.ndarray
        Shape of the arguments together.

    Raises
    ------
    BayescaleError
        For more tries, or more correct ones, than there are samples.

    See Also
    --------
    coverage_table : Average over problems, with standard errors.

    References
    ----------
    Chen et al. (2021), arXiv:2107.03374

    Examples
    --------
    >>> bs.pass_at_k(samples=10, correct=[0, 1, 5], k=2).round(3).tolist()
    [0.0, 0.2, 0.778]
    """
    n, c, k = np.broadcast_arrays(*(np.asarray(x, dtype=float) for x in (samples, correct, k)))
    if (k > n).any() or (k < 1).any():
        raise BayescaleError(
            f"pass@{k[(k > n) | (k < 1)].flat[0]:g} cannot be estimated: k is at least one and at "
            f"most the number of samples of a problem, here {n.min():g} or more"
        )
    if (c > n).any() or (c < 0).any():
        raise BayescaleError("some problem has fewer than no, or more than all, samples correct")
    cells = zip(n.ravel(), c.ravel(), k.ravel(), strict=True)
    return np.array([_share_with(*cell) for cell in cells]).reshape(n.shape)


def _share_with(n: float, c: float, k: float) -> float:
    """Return the share of subsets of k among n that hold one of c, drawing one by one."""
    if n - c < k:
        return 1.0
    fewer, more = min(c, k), max(c, k)
    return abs(float(np.expm1(np.log1p(-more / (n - np.arange(fewer))).sum())))


def coverage_table(
    counts: "pd.DataFrame",
    tries: Sequence[int],
    group: str | Sequence[str],
    *,
    samples: str = "n_samples",
    correct: str = "n_correct",
) -> "pd.DataFrame":
    """Average pass@k over problems, with the standard error of that mean.

    The error comes from the spread of the estimates over problems, which holds both how much
    problems differ and how well each was measured. All k of one group come from the same samples:
    their errors go together.

    Parameters
    ----------
    counts : DataFrame
        One row per problem.
    tries : sequence of int
        Values of k.
    group : str or sequence of str
        Columns that tell groups of problems apart, such as the model.
    samples, correct : str
        Columns of the number of samples and of correct ones.

    Returns
    -------
    pandas.DataFrame
        One row per group and k: the columns of ``group``, ``samples`` (k), ``coverage``,
        ``coverage_se``, ``coverage_trials`` and ``problems``, their number. Trials are as many
        independent ones as would leave that error; where no or every try succeeded and the spread
        is zero, as many as were made, in groups of k.

    Raises
    ------
    BayescaleError
        When a problem has fewer samples than tries, or a column is missing.

    See Also
    --------
    pass_at_k : The estimate for one problem.
    fit : Fit a law of coverage to the table.

    References
    ----------
    Chen et al. (2021), arXiv:2107.03374

    Examples
    --------
    >>> counts = pd.DataFrame(
    ...     {"model": "pythia-70m", "n_samples": [100, 100, 100], "n_correct": [0, 2, 30]}
    ... )
    >>> bs.coverage_table(counts, tries=[1, 10], group="model").round(3)
            model  samples  coverage  coverage_se  coverage_trials  problems
    0  pythia-70m        1     0.107        0.097             10.0         3
    1  pythia-70m       10     0.389        0.299              3.0         3
    """
    import pandas as pd

    columns = [group] if isinstance(group, str) else list(group)
    for name in (*columns, samples, correct):
        if name not in counts:
            raise BayescaleError(
                f"the counts have no column {name!r}; they have {', '.join(counts)}"
            )
    rows = []
    for _, rows_of in counts.groupby(columns, sort=False):
        n = rows_of[[samples]].to_numpy(float)
        for k in tries:
            estimates = pass_at_k(n, rows_of[[correct]], k)
            mean, error = estimates.mean(), estimates.std(ddof=1) / len(rows_of) ** 0.5
            made = len(rows_of) ** 2 / (k / n).sum()
            trials = mean * (1 - mean) / error**2 if error > 0 else made
            rows.append([*rows_of[columns].iloc[0], k, mean, error, np.rint(trials), len(rows_of)])
    found = ["samples", "coverage", "coverage_se", "coverage_trials", "problems"]
    return pd.DataFrame(rows, columns=[*columns, *found])
