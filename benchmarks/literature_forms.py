"""Forms of the priors from the literature that were tried, on the small studies of literature.py.

    python benchmarks/literature_forms.py

Nothing is fitted anew: the posterior with another prior is the draws of the study's fit with the
default priors, weighted by the one prior over the other. A study's paper is left out of the
population. Each form is scored by CRPS over that of the default priors. Rows are saved in
``results/literature_forms_rows.json``; where few draws carry the weight (``ess``), the score is
rough.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import scipy.stats
import xarray as xr
from bars import RESULTS
from kept import SEED, rows_of, save_rows
from literature import (
    AT,
    PLAN,
    families,
    paper,
    population,
    small_studies,
    typical_of,
)

import bayescale as bs
from bayescale.evaluation.backtest import score_split
from bayescale.evaluation.scores import summarise
from bayescale.evaluation.splits import Split
from bayescale.inference.sampling import Sampler
from bayescale.model.link_scale import to_link
from bayescale.model.observations import Data, extract
from bayescale.model.prior_distribution import log_prior
from bayescale.prediction.discrepancy import DISCREPANCY

LAW = "chinchilla"
SAVED = RESULTS / "literature_forms_rows.json"
AMPLITUDES = {"a": ("N", "alpha"), "b": ("D", "beta")}
DRAWS = 4000


@dataclass(frozen=True)
class Form:
    """A prior: which parameters, the floor's unit, degrees of freedom, and the mixture's weight."""

    unit: str = "there"
    names: tuple[str, ...] = ("E", "alpha", "beta")
    student: bool = False
    weight: float = 1.0
    jointly: bool = True
    wider: float = 1.0


FORMS = {
    "multiples of the runs' loss": Form("runs"),
    "the same, in a mixture, .8": Form("runs", weight=0.8),
    "the same, in a mixture, .5": Form("runs", weight=0.5),
    "the same, a mixture per parameter, .5": Form("runs", weight=0.5, jointly=False),
    "the same, Student t": Form("runs", student=True),
    "the same, 1.5 times as wide": Form("runs", wider=1.5),
    "exponents only": Form(names=("alpha", "beta")),
    "nats/token": Form("nats"),
    "multiples of the loss at 1B and 20B": Form(),
    "multiples there, in a mixture, .8": Form(weight=0.8),
    "multiples there, in a mixture, .5": Form(weight=0.5),
    "multiples there, Student t": Form(student=True),
    "multiples there, floor only": Form(names=("E",)),
    "multiples there, and amplitudes": Form(names=("E", "a", "alpha", "b", "beta")),
}


@cache
def known(without: str, unit: str) -> tuple[Mapping[str, tuple[float, float]], int]:
    """Return a population, and of how many papers it is."""
    papers = {paper(name) for name in families()} - {without}
    return population(LAW, without, unit), len(papers)


def log_weights(form: Form, fit: bs.Fit, without: str) -> np.ndarray:
    """Return the log of one prior over the default's at each draw, shape (draw,)."""
    default = log_prior(fit.spec, fit.scales, fit.posterior)
    moments, papers = known(without, form.unit)
    typical, curve = typical_of(LAW, known(without, "there")[0]), fit.law.curve
    unit = {
        "runs": fit.scale,
        "nats": 1.0,
        "there": fit.scale * curve(AT, AT, typical) / curve(fit.scales, AT, typical),
    }[form.unit]
    each = []
    for name in form.names:
        parameter, value = fit.spec.free[name], fit.posterior[name]
        if name in AMPLITUDES:  # at the population's reference point; the change keeps the volume
            of, exponent = AMPLITUDES[name]
            value = value * (AT[of] / fit.references[of]) ** -fit.posterior[exponent]
        link = to_link(parameter, value, {"target": unit})
        (mean, sd), freedom = moments[name], papers - 1 if form.student else np.inf
        density = scipy.stats.t.logpdf(link, freedom, mean, form.wider * sd)
        each.append((density - default[name].values).ravel())
    added = [sum(each)] if form.jointly else each
    rest = np.log1p(-form.weight) if form.weight < 1 else -np.inf
    return sum(np.logaddexp(np.log(form.weight) + one, rest) for one in added)


def weighted(fit: bs.Fit, log_weight: np.ndarray) -> tuple[bs.Fit, float]:
    """Draw anew from a fit's draws by their weights; return how many draws they are worth, too."""
    share = np.exp(log_weight - log_weight.max())
    share /= share.sum()
    rng, draws = np.random.default_rng(SEED), fit.posterior.sizes["draw"]
    at = (np.arange(DRAWS) + rng.random()) / DRAWS
    chosen = rng.permutation(np.searchsorted(np.cumsum(share), at).clip(max=len(share) - 1))
    chosen = chosen.reshape(4, -1)
    chain, draw = (xr.DataArray(k, dims=("chain", "draw")) for k in divmod(chosen, draws))
    new = {"chain": np.arange(4), "draw": np.arange(chosen.shape[1])}

    def take(group: xr.Dataset) -> xr.Dataset:
        if group.sizes.get("draw") != draws:
            return group
        return group.isel(chain=chain, draw=draw).assign_coords(new)

    found = replace(fit, tree=fit.tree.map_over_datasets(take))
    return found, float(1 / (share**2).sum())


def studies() -> Iterator[tuple[str, bs.Fit, Data, Split]]:
    """Fit the small studies with the default priors."""
    for name, table in families().items():
        for both, held_out in small_studies(table):
            runs = both[~held_out]
            fit = bs.fit(
                runs,
                LAW,
                sampler=Sampler(cores=1, draws=DRAWS),
                random_seed=SEED,
                progressbar=False,
            )
            distance = np.log10(both["flops"].to_numpy()[held_out] / runs["flops"].max())
            data = extract(bs.make_spec(LAW), bs.read_runs(both))
            yield name, fit, data, Split("lower half", held_out, distance)


def rows() -> list[dict[str, Any]]:
    """Score the forms, unless they are saved."""
    done = rows_of(SAVED, PLAN)
    if done:
        return done
    for name, fit, data, split in studies():
        for form, prior in {"default": None, **FORMS}.items():
            log_weight = np.zeros(fit.posterior.sizes["draw"] * fit.posterior.sizes["chain"])
            if prior is not None:
                log_weight = log_weights(prior, fit, paper(name))
            drawn, ess = weighted(fit, log_weight)
            scored = score_split(drawn, {LAW: data}, split, DISCREPANCY, SEED)
            found = summarise(scored, int((~split.held_out).sum()), True)
            numbers = {k: round(float(found[k]), 6) for k in ("crps", "cover_90", "width_90")}
            done.append({"family": name, "form": form, "ess": round(ess, 1), **numbers})
        print(f"  {name}", file=sys.stderr, flush=True)
    save_rows(SAVED, PLAN, done)
    return done


def table_of(found: list[dict[str, Any]]) -> pd.DataFrame:
    """Return each form's CRPS over the default's, its worst family, coverage and width."""
    means = pd.DataFrame(found).groupby(["form", "family"])[["crps", "cover_90"]].mean()
    default, lines = means.loc["default", "crps"], {}
    for form in FORMS:
        crps = means.loc[form, "crps"]
        share = crps / default
        lines[form] = {
            "CRPS over default": crps.mean() / default.mean(),
            "worst family": share.max(),
            "families better": str(int((share < 1).sum())),
            "cover_90": means.loc[form, "cover_90"].mean(),
        }
    return pd.DataFrame(lines).T.rename_axis("form")


if __name__ == "__main__":
    print(table_of(rows()).round(3).to_string())
