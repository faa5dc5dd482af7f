"""Finding a public data set on this machine, fetching it, or computing it from another one."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bayescale.data.datasets.catalogue import CATALOGUE
from bayescale.data.datasets.fetch import ORIGINALS, Original
from bayescale.data.pass_at_k import coverage_table
from bayescale.errors import BayescaleError, closest

if TYPE_CHECKING:
    import pandas as pd


COVERAGE_TRIES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)


PASS_TRIES = (1, 10, 100)


DAY_ZERO = "2024-07-01"


Z95 = 1.959963984540054


class _Derived(NamedTuple):
    """The set that another one is made of, and how."""

    of: str
    make: "Callable[[pd.DataFrame], pd.DataFrame]"


def _brown2024_coverage(counts: "pd.DataFrame") -> "pd.DataFrame":
    """Average the unbiased pass@k over problems, one row per model and k."""
    return coverage_table(counts, COVERAGE_TRIES, ["model", "params"])


def _schaeffer2025_pythia_coverage(counts: "pd.DataFrame") -> "pd.DataFrame":
    """Average the unbiased pass@k over problems, one row per benchmark, checkpoint and k."""
    checkpoint = ["benchmark", "model", "params", "tokens", "flops_6nd"]
    return coverage_table(counts, PASS_TRIES, checkpoint)


def _kwa2025_metr_days(horizons: "pd.DataFrame") -> "pd.DataFrame":
    """Count days from 1 July 2024, and turn 95 % intervals into standard errors.

    Returns
    -------
    DataFrame
        The dated models, with ``days`` and ``time_horizon_minutes_se``: the half width of the
        interval on the log scale, over 1.96, times the horizon.
    """
    import pandas as pd

    dated = horizons[horizons["release_date"].notna()].reset_index(drop=True)
    released = pd.DatetimeIndex(dated["release_date"])
    days = (released - pd.Timestamp(DAY_ZERO)) / pd.Timedelta(days=1)
    width = np.log(dated["ci95_high_minutes"] / dated["ci95_low_minutes"])
    error = dated["time_horizon_minutes"] * width / (2 * Z95)
    return dated.assign(days=np.asarray(days), time_horizon_minutes_se=error)


DERIVED = {
    "brown2024_coverage": _Derived("brown2024_monkeys", _brown2024_coverage),
    "schaeffer2025_pythia_coverage": _Derived(
        "schaeffer2025_pythia_passk", _schaeffer2025_pythia_coverage
    ),
    "kwa2025_metr_days": _Derived("kwa2025_metr_horizon", _kwa2025_metr_days),
}


TABLES = Path(__file__).parent / "tables"


GITHUB = "https://raw.githubusercontent.com"


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
    found = _find(name)
    if found is not None:
        return _read(found[1])
    if name in ORIGINALS:
        original = ORIGINALS[name]
        return original.convert(_fetch(original))
    if name in DERIVED:
        return DERIVED[name].make(load_dataset(DERIVED[name].of))
    raise BayescaleError(_nowhere(name))


def list_datasets() -> "pd.DataFrame":
    """List the public data sets.

    Returns
    -------
    DataFrame
        Indexed by name: ``rows``, ``about``, ``source`` (repository, path and commit), ``paper``,
        ``licence``, and ``available``: where :func:`load_dataset` would take the set from now,
        one of ``"BAYESCALE_DATA"``, ``"cache"``, ``"package"``, ``"download"``, ``"no"``.

    See Also
    --------
    load_dataset : Load one of them.
    list_studies : Model files, most of which fit one of them.

    Examples
    --------
    >>> sets = bs.list_datasets()
    >>> sets.loc["hoffmann2022", "paper"]
    'Hoffmann et al. 2022, arXiv:2203.15556; Besiroglu et al. 2024, arXiv:2404.10102'
    >>> int(sets.loc["hoffmann2022", "rows"])
    245
    """
    import pandas as pd

    table = pd.DataFrame(CATALOGUE).set_index("name")
    table["available"] = [_available(name) for name in table.index]
    return table


def _folders() -> dict[str, Path]:
    folders = {"cache": _cache(), "package": TABLES}
    own = os.environ.get("BAYESCALE_DATA")
    if not own:
        return folders
    if not Path(own).is_dir():
        raise BayescaleError(
            f"BAYESCALE_DATA is {own!r}, which is not a folder: set it to the folder that holds "
            "the data sets' CSV files, or unset it"
        )
    return {"BAYESCALE_DATA": Path(own), **folders}


def _cache() -> Path:
    import pooch

    return Path(pooch.os_cache("bayescale"))


def _find(name: str) -> tuple[str, Path] | None:
    """Return where the set lies on this machine, and its file."""
    if not re.fullmatch(r"[\w-]+", str(name)):
        raise BayescaleError(_nowhere(name))
    files = ((place, folder / f"{name}.csv") for place, folder in _folders().items())
    return next(((place, file) for place, file in files if file.is_file()), None)


def _available(name: str) -> str:
    found = _find(name)
    if found is not None:
        return found[0]
    if name in DERIVED:
        return _available(DERIVED[name].of)
    return "download" if name in ORIGINALS else "no"


def _read(file: Path) -> "pd.DataFrame":
    """Read a CSV; counts become floats, since 6 * params * tokens overflows integers."""
    import pandas as pd

    try:
        table = pd.read_csv(file, low_memory=False)
    except (OSError, ValueError) as error:
        raise BayescaleError(f"{file} cannot be read as a CSV table: {error}") from error
    whole = [c for c in COUNTS if c in table and pd.api.types.is_integer_dtype(table[c])]
    return table.astype(dict.fromkeys(whole, float))


def _fetch(original: Original) -> Path:
    """Return the original file from the cache, downloading it when it is not there."""
    import pooch

    base = os.environ.get("BAYESCALE_MIRROR", GITHUB).rstrip("/")
    url = f"{base}/{original.repository}/{original.commit}/{original.path}"
    file = f"{original.commit[:12]}-{Path(original.path).name}"
    try:
        return Path(
            pooch.retrieve(url, f"sha256:{original.sha256}", fname=file, path=_cache() / "original")
        )
    except (OSError, ValueError) as error:
        raise BayescaleError(
            f"{url} could not be fetched: {error}. Try again with a network, set BAYESCALE_MIRROR "
            "to a mirror, or set BAYESCALE_DATA to a folder that holds the set as a CSV"
        ) from error


def _nowhere(name: str) -> str:
    """Say why there is no such table and what to do."""
    entry = next((e for e in CATALOGUE if e.name == name), None)
    if entry is None:
        known = [e.name for e in CATALOGUE]
        return (
            f"no data set named {name!r}{closest(str(name), known)}. datasets() lists what there "
            "is; a table of your own is read by its path, or by name from $BAYESCALE_DATA"
        )
    return (
        f"the data set {name!r} is not on this machine and bayescale does not hand it on. It comes "
        f"from {entry.source} ({entry.paper}). Save it as {name}.csv in a folder and set "
        "BAYESCALE_DATA to that folder"
    )
