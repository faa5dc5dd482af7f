"""``member``: one group of a pooled fit, saved as a fit that every command takes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bayescale.cli.describing import header, judged
from bayescale.cli.options import FitFile, JsonFlag, Seed, check_folder, load_fit
from bayescale.cli.output import emit, say, table
from bayescale.errors import BayescaleError

if TYPE_CHECKING:
    from bayescale.fitting import Fit


def member(
    file: FitFile,
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="The group; those there are when left out."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Save it here: .nc or .zarr."),
    ] = None,
    new: Annotated[
        bool, typer.Option("--new", help="A group that no run is of, from the population.")
    ] = False,
    seed: Seed = 0,
    json: JsonFlag = False,
) -> None:
    r"""Take one group out of a pooled fit.

    \b
    bayescale fit runs.csv --law chinchilla --by family -o fit.nc
    bayescale member fit.nc pythia -o pythia.nc
    bayescale predict pythia.nc --params 7B --tokens 1T
    """
    fit = load_fit(file)
    if name is None and not new:
        _list(fit, json)
        return
    if name is not None and new:
        raise BayescaleError(
            f"--new is a group that no run is of, and {name} is named: one of both"
        )
    if output is None:
        raise BayescaleError("where to? say -o FILE.nc; every command takes that file")
    check_folder(output)
    from bayescale.members import member
    from bayescale.store import save

    found = member(fit, name, seed)
    with judged(fit):
        written = save(found, output)
        if json:
            emit({**header(found), "member": name, "written": written})
        else:
            runs = f"{found.observed.size} runs" if name else f"no runs, {len(fit.groups)} others"
            say(f"wrote {written}: {name or 'a new group'}, {runs}")


def _list(fit: "Fit", json: bool) -> None:
    """Say which groups there are."""
    by = fit.spec.pool.by if fit.spec.pool else ""
    if not by:
        raise BayescaleError("this fit pools nothing: fit with --by COLUMN")
    of_runs = [str(k) for k in fit.groups_of(fit.spec.observables[0])[by].values]
    counted = {name: of_runs.count(name) for name in fit.groups}
    if json:
        members = [{"member": name, "runs": runs} for name, runs in counted.items()]
        emit({**header(fit), "by": by, "members": members})
    else:
        say(table([by, "runs"], [[name, str(runs)] for name, runs in counted.items()]))
