"""A fit as one tree that a file can hold, and back: what was fitted goes into its attributes.

The attributes are JSON, with versions and hashes, so that reading can say what has changed since.
"""

import json
import warnings
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import xarray as xr

from bayescale.data.row_messages import PACKAGE
from bayescale.errors import BayescaleError, BayescaleWarning
from bayescale.inference.integrity import check_draws
from bayescale.inference.pointwise import DRAWS, stored, with_pointwise
from bayescale.inference.result import Fit
from bayescale.laws.base import Law
from bayescale.laws.registry import get_law
from bayescale.model.spec import Spec

FORMAT = 3


ATTRIBUTE = "bayescale"
"""The attribute of a tree that says what it is: JSON with ``format``, ``kind`` and the rest."""


type Laws = type[Law] | Mapping[str, type[Law]] | None
"""Classes of laws that are not built in: the one law there is, or several by their names."""


def with_header(tree: xr.DataTree, kind: str, header: Mapping[str, Any]) -> xr.DataTree:
    """Return a tree to save, whose attributes say what it is, besides what they said."""
    tree = tree.copy()
    said = json.dumps({"format": FORMAT, "kind": kind, **header})
    tree.attrs = {**tree.attrs, ATTRIBUTE: said}
    return tree


def take_header(tree: xr.DataTree, source: str) -> dict[str, Any]:
    """Take out of a saved tree's attributes what it is.

    Raises
    ------
    BayescaleError
        When they do not say, or it is of another format.
    """
    if ATTRIBUTE not in tree.attrs:
        raise BayescaleError(f"{source} is not a fit that bayescale saved")
    header = json.loads(tree.attrs.pop(ATTRIBUTE))
    if header["format"] != FORMAT:
        raise BayescaleError(
            f"{source} has format {header['format']}, this bayescale reads {FORMAT}: fit again"
        )
    return header


def tree_of_fit(fit: Fit) -> xr.DataTree:
    """Return the tree that is saved of a fit: law, noise, priors and record as attributes.

    It lacks the groups that can be worked out again, which the attributes name.
    """
    header = {
        **fit.spec.to_dict(),
        "record": dict(fit.record),
        "checks": checks_of(fit),
        "pointwise": [name for name in DRAWS if name in fit.tree.children],
    }
    return with_header(stored(fit.tree), "fit", header)


def checks_of(fit: Fit) -> dict[str, Any]:
    """Return what a fit carries with it, so that whoever loads it need not work it out again."""
    found: dict[str, Any] = {
        "draws": fit.digest,
        "diagnostics": fit.diagnostics.to_dict(),
        "convergence": fit.convergence,
    }
    with suppress(BayescaleError):  # a law that is not finite at the draws, as it says when asked
        if fit.informed:
            found["adequacy"] = fit.adequacy.to_dict()
    return found


def fit_of_tree(tree: xr.DataTree, source: str, laws: Laws = None) -> Fit:
    """Return the fit of a saved tree that :func:`tree_of_fit` made.

    Parameters
    ----------
    tree : DataTree
        Its attribute is taken out.
    source : str
        Where it comes from, for messages.
    laws : Law class or mapping of str to Law class, optional
        Laws of your own.

    Raises
    ------
    BayescaleError
        When the law is not known, its parameters have changed, or the draws are not of them.

    Warns
    -----
    BayescaleWarning
        When the law's equation, inputs or default priors are not those the fit was made with.
    """
    header = take_header(tree, source)
    try:
        own = laws.get(header["law"]) if isinstance(laws, Mapping) else laws
        found = own or get_law(header["law"])
    except BayescaleError as error:
        raise BayescaleError(
            f"{source} was fitted with {header['law']!r}, which is not a built-in law: pass its "
            "class, load(path, law=YourLaw)"
        ) from error
    same = _compare(header["record"]["law"], found.fingerprint(), source)
    spec = Spec.from_dict(header, found)
    check_draws(spec, tree, source)
    of_draws = ("draws", "diagnostics", "convergence")
    checks = {k: found for k, found in header["checks"].items() if same or k in of_draws}
    if worked_out := header["pointwise"]:
        tree = with_pointwise(spec, tree, int(header["record"]["seed"]), worked_out)
    return Fit(spec, tree, header["record"], checks)


def _compare(then: Mapping[str, Any], now: Mapping[str, Any], name: str) -> bool:
    """Warn of a law that is not what it was when fitted; return whether it is."""
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
            skip_file_prefixes=(PACKAGE,),
        )
    return not changes
