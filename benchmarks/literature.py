"""Priors from the literature: public families pooled once, and what they do to a small study.

    python benchmarks/literature.py          # the small studies, each family left out in turn
    python benchmarks/literature.py --write  # the priors that the package ships, from all families

Each family is forty of its finished runs, drawn at random, fitted with the default priors.
``bayescale/model/literature.toml`` holds what the families say of the next one: exponents, and the
floor as a multiple of the loss at one billion parameters and twenty billion tokens. The families of
a paper count as one, and its mean of each parameter is a draw from a normal population on the link
scale whose spread is estimated, its prior half-normal (:func:`population`); what the default prior
adds to a family's posterior is taken out before. Amplitudes keep their own priors.

A small study is ten runs of one family, drawn from the half with the least compute, three times;
the runs of the other half are predicted, by the default priors and by those of the other families
(those of the same paper left out, too). Scores are of log loss with the default discrepancy, a
family counting once. Rows are saved in ``results/literature_rows.json``.

``literature_forms.py`` has the forms of the priors that were tried on the same studies, and chose
this one. The families of ``OTHERS`` chose nothing and are in no population: Farseer's loss is in
bits per character, and the models of Gordon et al. translate.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest.mock import patch

import kept
import numpy as np
import pandas as pd
from bars import RESULTS, Bar
from kept import SEED, rows_of, save_rows
from sets import BESIDE, SETS, Set, rows_of_set, runs_of

import bayescale as bs
import bayescale.model.literature_priors as shipped
from bayescale.evaluation.backtest import score_split
from bayescale.evaluation.scores import summarise
from bayescale.evaluation.splits import Split
from bayescale.inference.sampling import Sampler
from bayescale.laws.parameters import Z90
from bayescale.laws.registry import get_law
from bayescale.model.link_scale import to_link
from bayescale.model.observations import extract
from bayescale.prediction.discrepancy import DISCREPANCY

RUNS, SMALL, STUDIES = 40, 10, 3
KEPT = {"chinchilla": ("E", "alpha", "beta"), "skaling": ("E", "alpha", "beta", "k")}
"""Parameters of each law that mean the same at every reference point."""
STUDIED = ("chinchilla",)
"""Laws whose priors are tried on small studies."""
AT = {"N": 1e9, "D": 2e10}
"""The run whose loss the floor's prior is a multiple of."""
SPREAD = 0.5
"""Scale of the half-normal prior of the population's spread, on the link scale."""
SPREADS = np.linspace(0.005, 1.5, 300)
BYTES_PER_TOKEN = 4.5
"""By which the bytes of Gordon et al.'s training sets are taken to tokens."""
OPENWEBTEXT2 = Set(
    "porian2024_isoflop",
    "dataset == 'owt2' and hparams == 'tuned' and param_count == 'standard' "
    "and loss_split == 'val' and loss < 4.5",
)
CORPORA = {"c4": "c4_original", "redpajama": "rpj", "refinedweb": "rw_original"}
"""Corpora of Gadre et al.'s ladders, and what their table calls them."""
HEAD = """\
# Written by benchmarks/literature.py: what public families say of the next one. Intervals are
# in the parameter's unit, or multiples of the loss of a run of the size "at" where the law declares
# a multiple; "typical" is the law of a typical family, in the same multiples."""
SAVED = RESULTS / "literature_rows.json"
PLAN = {
    "runs": RUNS,
    "small": SMALL,
    "studies": STUDIES,
    "seed": SEED,
    "at": AT,
    "spread": SPREAD,
    "discrepancy": str(DISCREPANCY),
    "error": kept.STRUCTURE,
}
WAYS = ("default", "literature")


@cache
def families() -> dict[str, pd.DataFrame]:
    """Return params, tokens and loss of each public family."""
    own = {name: runs_of(name) for name in SETS if name not in BESIDE}
    own["porian2024_openwebtext2"] = rows_of_set(OPENWEBTEXT2)
    ladders = bs.study_runs(bs.load_study("gadre2024_corpora")).table
    for name, corpus in CORPORA.items():
        runs = ladders.loc[ladders["family"] == corpus, ["params", "tokens", "loss"]]
        own[f"gadre2024_{name}"] = runs.dropna()
    return own


def paper(name: str) -> str:
    """Return which paper a family is of."""
    return name.split("_")[0]


def others() -> dict[str, pd.DataFrame]:
    """Return params, tokens and loss of families that chose nothing, and are in no population."""
    bits = bs.load_dataset("sld_farseer_train").rename(columns={"loss_bits_per_char": "loss"})
    found = {"farseer2025": bits[["params", "tokens", "loss"]]}
    pairs = bs.load_dataset("gordon2021").query("used_in_published_fit == 1")
    for pair, table in pairs.groupby("lang_pair"):
        loss, tokens = table["dev_cross_entropy"], table["data_bytes"] / BYTES_PER_TOKEN
        runs = pd.DataFrame({"params": table["params"], "tokens": tokens, "loss": loss})
        found[f"gordon2021_{pair}"] = runs.dropna().reset_index(drop=True)
    return found


@cache
def fitted(name: str, law: str) -> bs.Fit:
    """Fit some runs of a family with the default priors, amplitudes at ``AT``."""
    table = families()[name]
    runs = bs.read_runs(table.sample(min(RUNS, len(table)), random_state=SEED))
    return kept.fitted(runs, law, references=AT)


UNITS: dict[str, Callable[[bs.Fit], Any]] = {
    "there": lambda fit: fit.law.curve(AT, AT, fit.posterior),
    "runs": lambda fit: fit.scale,
    "nats": lambda fit: 1.0,
}
"""What a family's floor and amplitudes are taken as multiples of; the first is what ships."""


def seen(fit: bs.Fit, name: str, unit: str) -> tuple[float, float]:
    """Return mean and variance of what a family's runs alone say of a parameter, on its link scale.

    Parameters
    ----------
    fit
        Of the family, with the default priors.
    name
        The parameter.
    unit
        What it is taken as a multiple of where the law declares one: a key of ``UNITS``.
    """
    parameter, (mean, sd) = fit.spec.free[name], fit.spec.normal_priors([name], fit.scales)
    link = to_link(parameter, fit.posterior[name], fit.scales)
    if parameter.of:
        more = np.log(fit.scale / UNITS[unit](fit))
        link, mean = link + more, mean + float(np.mean(more))
    precision = 1 / float(link.var()) - 1 / sd[0] ** 2
    if precision * float(link.var()) < 0.05:  # the runs say nothing
        return float(link.mean()), 20 * float(link.var())
    alone = (float(link.mean() / link.var()) - mean[0] / sd[0] ** 2) / precision
    return alone, 1 / precision


def next_of(means: np.ndarray, variances: np.ndarray) -> tuple[float, float]:
    """Return mean and sd of the next draw of a normal population that was seen with errors."""
    total = variances + SPREADS[:, None] ** 2  # shape (spread, paper)
    weight = 1 / total
    centre = (weight * means).sum(1) / weight.sum(1)
    log_density = 0.5 * (np.log(weight) - weight * (means - centre[:, None]) ** 2).sum(1)
    log_density -= 0.5 * np.log(weight.sum(1)) + 0.5 * (SPREADS / SPREAD) ** 2
    share = np.exp(log_density - log_density.max())
    share /= share.sum()
    middle = float(share @ centre)
    variance = share @ (SPREADS**2 + 1 / weight.sum(1) + (centre - middle) ** 2)
    return middle, float(variance) ** 0.5


def population(law: str, without: str = "", unit: str = "there") -> dict[str, tuple[float, float]]:
    """Return mean and sd on the link scale of each parameter of the next family.

    Parameters
    ----------
    law
        The law.
    without
        A paper whose families are left out.
    unit
        What floors and amplitudes are multiples of: a key of ``UNITS``.
    """
    fits = {name: fitted(name, law) for name in families() if paper(name) != without}
    found = {}
    for parameter in get_law(law).parameters:
        each = pd.DataFrame({k: seen(fit, parameter, unit) for k, fit in fits.items()}).T
        of_papers = each.groupby([paper(name) for name in each.index]).mean().to_numpy()
        found[parameter] = next_of(*of_papers.T)
    return found


def intervals_of(law: str, known: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
    """Return the 90 % intervals of the parameters that are kept, to three digits."""
    ends: dict[str, Any] = {}
    for name in KEPT[law]:
        (mean, sd), inverse = known[name], get_law(law).parameters[name].inverse
        ends[name] = tuple(_rounded(inverse(mean + sign * Z90 * sd)) for sign in (-1, 1))
    return ends


def typical_of(law: str, known: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """Return the parameters of a typical family, amplitudes in multiples of the loss at ``AT``."""
    declared = get_law(law).parameters
    return {name: _rounded(declared[name].inverse(mean)) for name, (mean, _) in known.items()}


@cache
def _sets_without(without: str) -> dict[str, Any]:
    """Return what the package ships, were a paper left out."""
    found = {}
    for law in KEPT:
        known = population(law, without)
        names = [name for name in families() if paper(name) != without]
        found[law] = {
            "families": names,
            "at": AT,
            "typical": typical_of(law, known),
            "intervals": intervals_of(law, known),
        }
    return found


@contextmanager
def left_out(name: str) -> Iterator[None]:
    """Let ``priors="literature"``, and with it ``analyze``, know nothing of a data set's paper."""
    with patch.object(shipped, "_sets", lambda: _sets_without(paper(name))):
        yield


def _rounded(value: Any) -> float:
    return float(f"{float(value):.3g}")


def small_studies(table: pd.DataFrame) -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
    """Draw small studies; yield their runs with those to predict, and which the latter are."""
    table = table.assign(flops=6 * table["params"] * table["tokens"])
    small = table["flops"] <= table["flops"].median()
    for seed in range(STUDIES):
        rows = table[small].sample(min(SMALL, int(small.sum())), random_state=seed)
        both = pd.concat([rows, table[~small]], ignore_index=True)
        yield both, np.arange(len(both)) >= len(rows)


def score(law: str, priors: Any, table: pd.DataFrame, held_out: np.ndarray) -> Mapping[str, Any]:
    """Fit a small study and predict the other runs."""
    spec = bs.make_spec(law, priors=priors)
    fit = bs.fit(
        table[~held_out], spec, sampler=Sampler(cores=1), random_seed=SEED, progressbar=False
    )
    limit = float(table["flops"][~held_out].max())
    distance = np.log10(table["flops"].to_numpy()[held_out] / limit)
    split = Split(f"flops <= {limit:.3g}", held_out, distance)
    data = {law: extract(spec, bs.read_runs(table))}
    scored = score_split(fit, data, split, DISCREPANCY, SEED)
    return summarise(scored, int((~held_out).sum()), fit.diagnostics.ok)


def rows() -> list[dict[str, Any]]:
    """Score what is not saved yet."""
    done = rows_of(SAVED, PLAN)
    have = {(row["law"], row["family"]) for row in done}
    for law in STUDIED:
        for name, table in {**families(), **others()}.items():
            if (law, name) in have:
                continue
            with left_out(name):
                learnt = bs.literature_priors(law)
            for study, (both, held_out) in enumerate(small_studies(table)):
                for way, priors in zip(WAYS, (None, learnt), strict=True):
                    found = score(law, priors, both, held_out)
                    numbers = {k: round(float(v), 6) for k, v in found.items() if _is_number(v)}
                    done.append(
                        {"law": law, "family": name, "study": study, "priors": way, **numbers}
                    )
            save_rows(SAVED, PLAN, done)
            print(f"  {law} {name}", file=sys.stderr, flush=True)
    return done


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number | np.bool_)


def scores_of(found: list[dict[str, Any]]) -> pd.DataFrame:
    """Return mean scores by law, family and priors."""
    columns = ["crps", "abs_error", "cover_50", "cover_90", "width_90"]
    return pd.DataFrame(found).groupby(["law", "family", "priors"])[columns].mean()


def by_family(found: list[dict[str, Any]]) -> pd.DataFrame:
    """Return each family's CRPS with both priors, and the share of one in the other."""
    table = scores_of(found)["crps"].unstack()[list(WAYS)]
    return table.assign(ratio=table["literature"] / table["default"])


def summary_of(found: list[dict[str, Any]]) -> pd.DataFrame:
    """Return mean scores by law and priors, a family of the population counting once."""
    each = scores_of(found)
    inside = each.index.get_level_values("family").isin(list(families()))
    return each[inside].groupby(["law", "priors"]).mean()


def measure() -> list[Bar]:
    """Say what the literature's priors change in small studies."""
    found = rows()
    means, ratios, bars = summary_of(found), by_family(found)["ratio"], []
    for law in STUDIED:
        each = ratios.loc[law][list(families())]
        beside = ratios.loc[law][list(others())]
        better = f"better on {int((each < 1).sum())} of {len(each)} families"
        learnt, default = (means.loc[(law, way)] for way in reversed(WAYS))
        crps = learnt["crps"] / default["crps"]
        bars += [
            Bar(f"{law}: CRPS, literature over default", crps, high=0.95, note=better),
            Bar(f"{law}: the same, worst family", each.max(), high=1.1, note=each.idxmax()),
            Bar(f"{law}: the same, families that chose nothing", beside.mean()),
            Bar(f"{law}: the same, worst of those", beside.max(), note=beside.idxmax()),
            Bar(
                f"{law}: error, literature over default", learnt["abs_error"] / default["abs_error"]
            ),
            Bar(f"{law}: width, literature over default", learnt["width_90"] / default["width_90"]),
            *(
                Bar(f"{law}: {way}, cover at 90 %", means.loc[(law, way), "cover_90"])
                for way in WAYS
            ),
        ]
    return bars


def write() -> None:
    """Write what the package ships."""
    parts = [HEAD]
    for law in KEPT:
        known = population(law)
        parts += [f"\n[{law}]", f"families = {json.dumps(list(families()))}"]
        for table, values in (("at", AT), ("typical", typical_of(law, known))):
            parts += [f"\n[{law}.{table}]", *(f"{k} = {v!r}" for k, v in values.items())]
        parts += [f"\n[{law}.intervals]"]
        parts += [f"{k} = [{low}, {high}]" for k, (low, high) in intervals_of(law, known).items()]
    shipped.FILE.write_text("\n".join(parts) + "\n")


if __name__ == "__main__":
    if "--write" in sys.argv:
        write()
    else:
        rows()
