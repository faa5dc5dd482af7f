"""What bayescale raises and warns with."""

import difflib
from collections.abc import Iterable
from os import PathLike
from pathlib import Path


class BayescaleError(ValueError):
    """Input that cannot be used; the message says what, where, and what to do.

    See Also
    --------
    BayescaleWarning : What a user should know about an answer that is given.

    Examples
    --------
    >>> try:
    ...     fit.predict(params="7B")
    ... except bs.BayescaleError as error:
    ...     print(error)
    chinchilla needs tokens: pass tokens=... (or two of params, tokens, flops)
    """


class BayescaleWarning(UserWarning):
    """A problem that a user should know about; the answer is returned all the same.

    See Also
    --------
    BayescaleError : Input that cannot be used.

    Examples
    --------
    >>> import warnings
    >>> table = pd.DataFrame({"params": [1e9, 2e9], "tokens": [2e10, 2e10], "loss": [2.7, None]})
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", bs.BayescaleWarning)
    ...     runs = bs.read_runs(table)
    >>> len(runs), len(runs.set_aside)
    (1, 1)
    """


def missing_file(path: str | PathLike[str], fit: bool = False) -> BayescaleError:
    """Return what is raised where there is no run table, or no saved ``fit``, at a path."""
    if fit:
        name = Path(path).name
        return BayescaleError(f"no fit at {path}: `bayescale fit RUNS -o {name}` makes one")
    return BayescaleError(f"no file {str(path)!r}: check the path")


def closest(name: str, known: Iterable[str], alike: float = 0.6) -> str:
    """Return ``" (did you mean 'x'?)"`` for a likely slip, of case too, or an empty string.

    ``alike`` is the share of letters in common from which one name is taken for a slip of another.
    """
    names = list(known)
    match = difflib.get_close_matches(name, names, n=1, cutoff=alike)
    if not match:
        by_lower = {other.lower(): other for other in names}
        match = [by_lower[m] for m in difflib.get_close_matches(name.lower(), by_lower, 1, alike)]
    return f" (did you mean {match[0]!r}?)" if match else ""
