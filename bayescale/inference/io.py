"""Saving a fit and loading it again: netCDF or zarr, never pickle.

The tree is written as it is; what was fitted goes into its attributes as JSON, with versions and
hashes, so that loading can say what has changed since.
"""

import json
import os
import shutil
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import xarray as xr

from bayescale.errors import BayescaleError, BayescaleWarning
from bayescale.inference.result import Fit
from bayescale.laws.base import Law
from bayescale.laws.registry import get_law
from bayescale.model.literature_priors import Multiple
from bayescale.model.pooling import Pool
from bayescale.model.spec import make_spec

FORMAT = 1


_ATTRIBUTE = "bayescale"


_NETCDF = (".nc", ".nc4", ".netcdf", ".h5")


def save(fit: Fit, path: str | Path) -> Path:
    """Write a fit to one netCDF file (``.nc``) or zarr store (``.zarr``).

    An existing file is replaced only once the new one is complete.

    Parameters
    ----------
    fit : Fit
        What to save.
    path : str or Path
        Where; the suffix decides the format.

    Returns
    -------
    Path
        Where it was written.

    Raises
    ------
    BayescaleError
        For another suffix.
    """
    path = Path(path)
    tree = fit.tree.copy()
    tree.attrs = {**tree.attrs, _ATTRIBUTE: json.dumps(_header(fit))}
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    if path.suffix in _NETCDF:
        tree.to_netcdf(unfinished, engine="h5netcdf")
        unfinished.replace(path)
    elif path.suffix == ".zarr":
        tree.to_zarr(unfinished, consolidated=False)
        shutil.rmtree(path, ignore_errors=True)
        unfinished.rename(path)
    else:
        raise BayescaleError(f"cannot save to {path.name!r}: end it in .nc (netCDF) or .zarr")
    return path


def load(path: str | Path, law: type[Law] | None = None) -> Fit:
    """Read a fit that :func:`save` wrote.

    Parameters
    ----------
    path : str or Path
        The file or store.
    law : Law class, optional
        The law, when it is one of your own.

    Returns
    -------
    Fit

    Raises
    ------
    BayescaleError
        When there is no such fit, its law is not known, or the law's parameters have changed.

    Warns
    -----
    BayescaleWarning
        When the law's equation, inputs or default priors are not those the fit was made with.
    """
    path = Path(path)
    if not path.exists():
        raise BayescaleError(f"no fit at {path}: `bayescale fit RUNS -o {path.name}` makes one")
    header, tree = _read(path)
    try:
        found = law or get_law(header["law"])
    except BayescaleError as error:
        raise BayescaleError(
            f"{path.name} was fitted with {header['law']!r}, which is not a built-in law: pass its "
            "class, load(path, law=YourLaw)"
        ) from error
    _compare(header["record"]["law"], found.fingerprint(), path.name)
    spec = make_spec(found, **{k: header[k] for k in ("noise", "columns", "references")})
    priors = {name: _read_prior(prior) for name, prior in header["priors"].items()}
    pool = Pool(**header["pool"]) if header.get("pool") else None
    return Fit(replace(spec, priors=priors, pool=pool), tree, header["record"])


def _header(fit: Fit) -> dict[str, Any]:
    spec = fit.spec
    return {
        "format": FORMAT,
        "law": spec.law.name,
        "noise": spec.noise.name,
        "priors": {name: _written(prior) for name, prior in spec.priors.items()},
        "columns": dict(spec.columns),
        "references": dict(spec.references),
        "pool": spec.pool.as_dict() if spec.pool else None,
        "record": dict(fit.record),
    }


def _written(prior: Any) -> Any:
    if isinstance(prior, Multiple):
        return prior._asdict()
    return prior if isinstance(prior, int | float | tuple) else str(prior)


def _read_prior(written: Any) -> Any:
    if isinstance(written, dict):
        return Multiple(**written)
    return tuple(written) if isinstance(written, list) else written


def _read(path: Path) -> tuple[dict[str, Any], xr.DataTree]:
    engine = "zarr" if path.suffix == ".zarr" else "h5netcdf"
    try:
        options: Any = {"consolidated": False} if engine == "zarr" else {}
        with xr.open_datatree(path, engine=engine, **options) as opened:
            tree = opened.load()
    except (OSError, ValueError, KeyError) as error:
        raise BayescaleError(f"{path} cannot be read as a saved fit: {error}") from error
    if _ATTRIBUTE not in tree.attrs:
        raise BayescaleError(f"{path} is not a fit that bayescale saved")
    header = json.loads(tree.attrs.pop(_ATTRIBUTE))
    if header["format"] != FORMAT:
        raise BayescaleError(
            f"{path} has format {header['format']}, this bayescale reads {FORMAT}: fit again"
        )
    return header, tree


def _compare(then: Mapping[str, Any], now: Mapping[str, Any], name: str) -> None:
    old, new = then["parameters"], now["parameters"]
    if set(old) != set(new):
        lost, added = sorted(set(old) - set(new)), sorted(set(new) - set(old))
        said = [f"no longer has {', '.join(lost)}"] if lost else []
        said += [f"now has {', '.join(added)}"] if added else []
        raise BayescaleError(
            f"{name}: {now['name']} {' and '.join(said)}; the saved draws do not fit it, fit again"
        )
    changes = [
        f"the prior of {key} was {old[key]} and is {new[key]}"
        for key in old
        if list(old[key]) != list(new[key])
    ]
    if then["inputs"] != now["inputs"]:
        changes.append(f"its inputs were {then['inputs']} and are {now['inputs']}")
    if then["equation"] != now["equation"]:
        changes.append("its equation has changed")
    if then.get("steps") != now.get("steps"):
        changes.append(f"its steps were {then.get('steps')} and are {now.get('steps')}")
    if changes:
        warnings.warn(
            f"{name}: {now['name']} is not what it was when fitted: {'; '.join(changes)}",
            BayescaleWarning,
            stacklevel=3,
        )
