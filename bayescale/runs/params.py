"""Counting parameters with and without the embedding."""

from typing import Any

import numpy as np

from bayescale.errors import BayescaleError
from bayescale.quantities import parse_quantity

EMBEDDING = 47491.0
"""Pearce and Song's constant: a vocabulary of 32,000 and layers 1/39 of the width."""


def total_params(non_embedding: Any, embedding: float = EMBEDDING) -> Any:
    r"""Add the embedding to a count of parameters that leaves it out.

    Parameters
    ----------
    non_embedding : number, str or array-like
        Parameters outside the embedding, :math:`N`.
    embedding : float
        The constant :math:`w` of :math:`N_T = N + w N^{1/3}`, which holds for transformers of one
        vocabulary V and one ratio r of width to layers: with 12 layers x width^2 parameters
        outside, w = V (r / 12)^(1/3).

    Returns
    -------
    float or array-like
        All parameters, :math:`N_T`; of the kind that was given.

    Raises
    ------
    BayescaleError
        For a count or a constant that is no positive number.

    References
    ----------
    Pearce and Song (2024), arXiv:2406.12907

    Examples
    --------
    >>> from bayescale import total_params
    >>> f"{total_params('1B'):.4g}"
    '1.047e+09'
    """
    outside = _positive(non_embedding, "parameters outside the embedding")
    return outside + _positive(embedding, "the embedding constant") * outside ** (1 / 3)


def non_embedding_params(total: Any, embedding: float = EMBEDDING) -> Any:
    """Take the embedding away from a count of all parameters; inverts :func:`total_params`.

    Parameters
    ----------
    total : number, str or array-like
        All parameters.
    embedding : float
        As for :func:`total_params`.

    Returns
    -------
    float or array-like
        Parameters outside the embedding.

    Raises
    ------
    BayescaleError
        For a count or a constant that is no positive number.

    Examples
    --------
    >>> from bayescale import non_embedding_params, total_params
    >>> round(float(non_embedding_params(total_params(768.0))), 6)
    768.0
    """
    everything = _positive(total, "parameters")
    third = _positive(embedding, "the embedding constant") / 3
    # The one real root of y^3 + 3 third y = total, in a form that loses no digits.
    angle = np.arcsinh(everything / (2 * third**1.5)) / 3
    return (2 * np.sqrt(third) * np.sinh(angle)) ** 3


def _positive(count: Any, what: str) -> Any:
    values = np.asarray(parse_quantity(count) if isinstance(count, str) else count, dtype=float)
    if not (values > 0).all():
        raise BayescaleError(f"{what} must be positive; got {values[~(values > 0)].flat[0]:g}")
    return count if hasattr(count, "dtype") else values if values.ndim else float(values)
