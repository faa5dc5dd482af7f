"""``best-mixture``: the data mixture of least expected loss, from saved fits of mixture laws."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayescale.cli.options import Seed, Showing, pairs, quantities
from bayescale.cli.output import Cell, emit, header, judged, say, table, title
from bayescale.cli.saved_fits import load_fits
from bayescale.data.display_tables import heading
from bayescale.data.number_format import column_formatter
from bayescale.errors import BayescaleError

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class _Mixing:
    """The targets, and what mixtures are allowed."""

    fits: Annotated[
        list[Path],
        typer.Argument(
            metavar="FIT...",
            help="A saved fit for each target (text.nc code.nc).",
            show_default=False,
        ),
    ]
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="W,...", help="The weight of each target, in order.  [default: equal]"
        ),
    ] = None
    limit: Annotated[
        list[str],
        typer.Option(
            metavar="DOMAIN=LOW:HIGH",
            help="Smallest and largest share of a domain: web=0.1:0.6, or code=:0.3. Repeatable.",
            show_default=False,
        ),
    ] = field(default_factory=list)
    mixture: Annotated[
        str | None,
        typer.Option(
            metavar="DOMAIN=SHARE,...",
            help="Judge this mixture, too: web=0.5,code=0.3,books=0.2.",
        ),
    ] = None
    at: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=VALUE",
            help="Another input of the law, by its column: params=1B. Repeatable.",
            show_default=False,
        ),
    ] = field(default_factory=list)

    def options(self, names: list[str]) -> dict[str, Any]:
        """Return them as :func:`bayescale.best_mixture` takes them.

        Raises
        ------
        BayescaleError
            When one is not written as it should be, or the weights do not go with the fits.
        """
        weights = None
        if self.weights is not None:
            values = quantities("--weights", self.weights, "number")
            if len(values) != len(names):
                raise BayescaleError(
                    f"--weights {self.weights}: pass one weight for each of {', '.join(names)}"
                )
            weights = dict(zip(names, values, strict=True))
        limits = pairs("--limit", self.limit, "web=0.1:0.6")
        mixture = None
        if self.mixture is not None:
            example = "web=0.5,code=0.3,books=0.2"
            given = pairs("--mixture", self.mixture.split(","), example)
            mixture = {name: _share(f"--mixture {name}", text) for name, text in given.items()}
        return {
            "mixture": mixture,
            "weights": weights,
            "limits": {name: _ends(name, text) for name, text in limits.items()},
            "at": pairs("--at", self.at, "params=1B"),
        }


def _share(option: str, text: str) -> float:
    (share, *more) = quantities(option, text, "number")
    if more:
        raise BayescaleError(f"{option}={text}: give one share, such as 0.3")
    return share


def _ends(name: str, text: str) -> tuple[float, float]:
    """Read the limits of a share, either of which may be left out."""
    low, colon, high = (part.strip() for part in text.partition(":"))
    if not colon or not (low or high):
        raise BayescaleError(f"--limit {name}={text}: write it as --limit {name}=0.1:0.6")
    option = f"--limit {name}"
    return _share(option, low) if low else 0.0, _share(option, high) if high else 1.0


def best_mixture(mixing: _Mixing, showing: Showing, seed: Seed = None) -> None:
    r"""Find the data mixture of least expected loss.

    One fit of a mixture law for each target. Intervals are those of each draw's own best mixture.

    \b
    bayescale best-mixture text.nc code.nc --weights 2,1 --limit web=0.1:0.6
    """
    from bayescale.decisions.mixture import best_mixture

    fits = load_fits([str(path) for path in mixing.fits])
    found = best_mixture(fits, **mixing.options(list(fits)), random_seed=seed)
    domains, choices = _answers(found, showing.width)
    beyond = found.attrs["extrapolation"]
    with judged(*fits.values()):
        if showing.json:
            known = {"fits": {k: header(fit) for k, fit in fits.items()}, "ci_prob": showing.width}
            emit({**known, "domains": domains, "choices": choices, "extrapolation": beyond})
            return
        say(*(title(fit) for fit in fits.values()), heading(showing.width), "")
        names = {"best": "best share", "given": "given share", "own": "best of each draw"}
        shown = [names.get(name, name) for name in domains[0]]
        say(table(shown, [[_cell(v) for v in row.values()] for row in domains]), "")
        mean = "weighted mean of the losses" if len(fits) > 1 else found.attrs["target"]
        columns = ["mixture", mean, "given up beside each draw's best", "on average"]
        say(table(columns, [[_cell(v) for v in row.values()] for row in choices]))
        if beyond:
            say("", f"no run had such shares, so that the law is not tested there: {beyond}")


def _answers(
    found: "xr.Dataset", width: float
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return a record for each domain and for each choice."""
    from bayescale.prediction.intervals import estimate

    shares = found["share"].to_pandas().to_dict()
    domains = [
        {
            "domain": str(name),
            **{str(choice): float(share) for choice, share in shares[name].items()},
            "own": estimate(found["best_share"].sel(domain=name), width)._asdict(),
        }
        for name in found["domain"].values
    ]
    choices = [
        {
            "choice": str(name),
            "loss": estimate(found["loss"].sel(choice=name), width)._asdict(),
            "regret": estimate(found["regret"].sel(choice=name), width)._asdict(),
            "mean_regret": float(found["regret"].sel(choice=name).mean()),
        }
        for name in found["choice"].values
    ]
    return domains, choices


def _cell(value: Any) -> Cell:
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, str):
        return value
    return column_formatter([value["median"], value["lower"], value["upper"]], digits=3)
