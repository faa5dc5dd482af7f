"""Loading a public data set: from this machine, its public repository, or another set."""

from pathlib import Path
from typing import TYPE_CHECKING

from bayescale.data.datasets.catalogue import find_dataset, not_here
from bayescale.data.datasets.derived import DERIVED
from bayescale.data.datasets.fetch import ORIGINALS, fetch_original
from bayescale.errors import BayescaleError

if TYPE_CHECKING:
    import pandas as pd


COUNTS = ("params", "params_non_embedding", "params_total", "tokens", "unique_tokens", "flops")


def load_dataset(name: str) -> "pd.DataFrame":
    """Load a public data set.

    Parameters
    ----------
    name : str
        A name listed by :func:`list_datasets`, or that of any ``<name>.csv`` in
        ``$BAYESCALE_DATA``.

    Returns
    -------
    DataFrame
        One row per run, checkpoint or score, with the columns of the set. ``params`` and ``tokens``
        are counts and ``flops`` is training FLOPs, all floats; ``loss`` is in the set's own unit.
        Losses of different sets are not comparable: tokenizers and validation sets differ.

    Raises
    ------
    BayescaleError
        When no set has the name, when the set is not on this machine and cannot be fetched (the
        message says where it comes from), or when its file cannot be read.

    See Also
    --------
    list_datasets : The public data sets, and where each is taken from.
    read_runs : Read the table as runs.
    study_runs : The runs of a study, which may be a part of a data set.

    Notes
    -----
    Environment variables: ``BAYESCALE_DATA``, a folder of ``<name>.csv`` files, comes first;
    ``BAYESCALE_MIRROR`` replaces ``https://raw.githubusercontent.com`` for what is downloaded.

    Examples
    --------
    >>> table = bs.load_dataset("sardana2024_fits")
    >>> table[["tokens_per_param", "alpha", "beta"]]
       tokens_per_param  alpha  beta
    0               100   0.08  0.13
    1               250   0.13  0.16
    2               500   0.13  0.16
    3             10000   0.18  0.24
    """
    found = find_dataset(name)
    if found is not None:
        return _read(found[1])
    if name in ORIGINALS:
        original = ORIGINALS[name]
        return original.convert(fetch_original(original))
    if name in DERIVED:
        return DERIVED[name].make(load_dataset(DERIVED[name].of))
    raise BayescaleError(not_here(name))


def _read(file: Path) -> "pd.DataFrame":
    """Read a CSV; counts become floats, since 6 * params * tokens overflows integers."""
    import pandas as pd

    try:
        table = pd.read_csv(file, low_memory=False)
    except (OSError, ValueError) as error:
        raise BayescaleError(f"{file} cannot be read as a CSV table: {error}") from error
    whole = [c for c in COUNTS if c in table and pd.api.types.is_integer_dtype(table[c])]
    return table.astype(dict.fromkeys(whole, float))
