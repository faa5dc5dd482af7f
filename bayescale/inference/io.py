"""Saving fits, averages and capabilities, and loading them again: netCDF or zarr, never pickle.

What is saved is one tree whose attribute says its kind. A class other than :class:`Fit` writes and
reads its own: ``kind``, ``to_tree()`` and ``from_tree(tree, source, laws)``.
"""

import json
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, cast, runtime_checkable

import xarray as xr

from bayescale.data.number_format import listed
from bayescale.data.write import complete, write_bytes, write_folder
from bayescale.errors import BayescaleError, missing_file
from bayescale.inference.argument_checks import described
from bayescale.inference.integrity import check_content, check_size, sealed
from bayescale.inference.netcdf import netcdf_of, read_netcdf
from bayescale.inference.posterior_like import PosteriorLike
from bayescale.inference.result import Fit
from bayescale.inference.saved_tree import ATTRIBUTE, Laws, fit_of_tree, tree_of_fit

if TYPE_CHECKING:
    from bayescale.capabilities.fit import CapabilityFit
    from bayescale.prediction.averaging import Average


_NETCDF = (".nc", ".nc4", ".netcdf", ".h5")


_CLASSES = {"average": "Average", "capabilities": "CapabilityFit"}
"""Kinds of saved trees that a public class reads, by its name; a fit is read here."""


@runtime_checkable
class _Saved(Protocol):
    """What a file can hold besides a fit."""

    kind: ClassVar[str]

    def to_tree(self) -> xr.DataTree:
        """Return a tree that holds everything."""
        ...

    @classmethod
    def from_tree(cls, tree: xr.DataTree, source: str, laws: Laws = None) -> Self:
        """Return what :meth:`to_tree` was called of."""
        ...


def save(fit: "Fit | Average | CapabilityFit", path: str | Path) -> Path:
    """Write a fit to one netCDF file (``.nc``) or zarr store (``.zarr``).

    An existing file or store is replaced only once the new one is complete.

    Parameters
    ----------
    fit : Fit, Average or CapabilityFit
        What to save; an average with its fits, in groups of the same file.
    path : str or Path
        Where; the suffix decides the format.

    Returns
    -------
    Path
        Where it was written.

    Raises
    ------
    BayescaleError
        For another suffix, what is no fit, a folder that is no store of bayescale's, or a file that
        cannot be written.

    See Also
    --------
    load : Read it again.
    report : An HTML page of a fit.

    Examples
    --------
    >>> bs.save(fit, "chinchilla.nc").name
    'chinchilla.nc'
    >>> bs.load("chinchilla.nc").label
    'chinchilla'
    """
    path = Path(path)
    if not isinstance(fit, Fit | _Saved):
        raise BayescaleError(
            f"save takes a fit, an average or fitted capabilities, not a {type(fit).__name__}"
        )
    tree = sealed(tree_of_fit(fit) if isinstance(fit, Fit) else fit.to_tree())
    if path.suffix in _NETCDF:
        write_bytes(path, netcdf_of(tree))  # HDF5 itself dies on a full disk
    elif path.suffix == ".zarr":
        write_folder(path, lambda new: tree.to_zarr(new, consolidated=False), _is_store)
    else:
        raise BayescaleError(f"cannot save to {path.name!r}: end it in .nc (netCDF) or .zarr")
    return path


def load(path: str | Path, law: Laws = None) -> "Fit | Average | CapabilityFit":
    """Read a fit, or an average of fits, that :func:`save` wrote.

    Parameters
    ----------
    path : str or Path
        The file or store.
    law : Law class or mapping of str to Law class, optional
        The law, when it is one of your own; laws by their names, of an average.

    Returns
    -------
    Fit, Average or CapabilityFit
        What was saved.

    Raises
    ------
    BayescaleError
        When there is no such fit, its content is not what was saved, its law is not known, or the
        law's parameters have changed.

    Warns
    -----
    BayescaleWarning
        When the law's equation, inputs or default priors are not those the fit was made with.

    See Also
    --------
    save : Write a fit.

    Examples
    --------
    >>> path = bs.save(fit, "chinchilla.nc")
    >>> bs.load(path).posterior.equals(fit.posterior)
    True
    """
    path = Path(path)
    try:
        path = complete(path)
        if not path.exists():
            raise missing_file(path, fit=True)
        if not (path.is_file() or path.is_dir()):
            raise BayescaleError(f"{path} is a device or a pipe, not a saved fit")
        return _loaded(path, law)
    except BayescaleError:
        raise
    except Exception as error:  # HDF5, zarr and xarray raise what they like of a damaged file
        if path.suffix not in (".nc", ".zarr"):
            raise BayescaleError(
                f"{path} cannot be read as a saved fit, which ends in .nc or .zarr: "
                f"`bayescale fit {path.name} -o fit.nc` makes one of a table"
            ) from error
        raise BayescaleError(
            f"{path} cannot be read as a saved fit ({type(error).__name__}: {error}): fit again"
        ) from error


def _loaded(path: Path, law: Laws) -> "Fit | Average | CapabilityFit":
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="zarr|xarray")  # what is amiss is an error below
        check_size(path)
        tree = _read(path)
    check_content(tree, path)
    kind = json.loads(tree.attrs.get(ATTRIBUTE, "{}")).get("kind", "fit")
    if kind == "fit":
        return fit_of_tree(tree, path.name, law)
    if kind not in _CLASSES:
        raise BayescaleError(f"{path} holds {kind!r}, which this bayescale does not read")
    import bayescale

    return getattr(bayescale, _CLASSES[kind]).from_tree(tree, path.name, law)


def load_posterior(path: str | Path, law: Laws = None) -> "Fit | Average":
    """Read a fitted law or an average, as :func:`load` does.

    Raises
    ------
    BayescaleError
        As for :func:`load`, and when the file holds fitted capabilities.
    """
    found: Any = load(path, law)
    if not isinstance(found, PosteriorLike):
        raise BayescaleError(f"{path} holds {described(found)}, not a fitted law or an average")
    return cast("Fit | Average", found)


def load_fit(path: str | Path, law: Laws = None) -> Fit:
    """Read one fitted law, as :func:`load` does.

    Raises
    ------
    BayescaleError
        As for :func:`load`, and when the file holds something else.
    """
    found: Any = load(path, law)
    if isinstance(found, Fit):
        return found
    if isinstance(found, PosteriorLike):
        raise BayescaleError(
            f"{path} holds an average of {listed(list(found.weights))}: ask one of its fits, "
            f"load({Path(path).name!r}).fits[{next(iter(found.members()))!r}]"
        )
    raise BayescaleError(f"{path} holds {described(found)}, not a fit of one law")


def _is_store(path: Path) -> bool:
    """Whether a folder is a zarr store that was saved here: its root has the attribute."""
    for name in ("zarr.json", ".zattrs"):
        with suppress(OSError, ValueError):
            root = json.loads((path / name).read_text(encoding="utf-8"))
            if ATTRIBUTE in root.get("attributes", root):
                return True
    return False


def _read(path: Path) -> xr.DataTree:
    if path.suffix != ".zarr":
        return read_netcdf(path)
    with xr.open_datatree(path, engine="zarr", consolidated=False) as opened:
        return opened.load()
