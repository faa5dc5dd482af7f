"""Priors from the literature: public families pooled once, and what they do to a small study.

    python benchmarks/literature.py          # the small studies, each family left out in turn
    python benchmarks/literature.py --write  # the priors that the package ships, from all families

Each family is forty of its finished runs, drawn at random. ``bayescale/literature.toml`` holds what
a pooled fit of all of them says of the next one (:func:`bayescale.population_prior`): exponents,
and the floor as a multiple of the typical loss; amplitudes hang on the reference point and stay
out.

A small study is ten runs of one family, drawn from the half with the least compute, three times;
the runs of the other half are foretold, by the default priors and by those of a pooled fit of the
other families (those of the same paper left out, too). Scores are of log loss with the default
discrepancy, a family counting once. Rows are saved in ``results/literature_rows.json``.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import kept
import numpy as np
import pandas as pd
from bars import RESULTS, Bar
from kept import SEED, rows_of, save_rows
from sets import BESIDE, SETS, Set, rows_of_set, runs_of

import bayescale as bs
from bayescale.evaluation.backtest import score_split
from bayescale.evaluation.scores import summarise
from bayescale.evaluation.splits import Split
from bayescale.inference.sampling import Sampler
from bayescale.model.literature_priors import FILE
from bayescale.model.observations import extract
from bayescale.prediction.discrepancy import DISCREPANCY

RUNS, SMALL, STUDIES = 40, 10, 3
KEPT = {"chinchilla": ("E", "alpha", "beta"), "skaling": ("E", "alpha", "beta", "k")}
"""Parameters of each law that mean the same at every reference point."""
STUDIED = ("chinchilla",)
"""Laws whose priors are tried on small studies; a pooled fit is minutes a family left out."""
OPENWEBTEXT2 = Set(
    "porian2024_isoflop",
    "dataset == 'owt2' and hparams == 'tuned' and param_count == 'standard' "
    "and loss_split == 'val' and loss < 4.5",
)
CORPORA = {"c4": "c4_original", "redpajama": "rpj", "refinedweb": "rw_original"}
"""Corpora of Gadre et al.'s ladders, and what their table calls them."""
HEAD = """\
# Written by benchmarks/literature.py: what public families say of the next one. Intervals are
# in the parameter's unit, or multiples of the typical loss where the law declares it as one."""
SAVED = RESULTS / "literature_rows.json"
PLAN = {"runs": RUNS, "small": SMALL, "studies": STUDIES, "seed": SEED}
WAYS = ("default", "literature")


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


def pooled(law: str, without: str = "") -> bs.Fit:
    """Fit all families but those of one paper together, or load the same fit from before."""
    chosen = {
        name: table.sample(min(RUNS, len(table)), random_state=SEED).assign(family=name)
        for name, table in families().items()
        if paper(name) != without
    }
    return kept.pooled(pd.concat(chosen.values(), ignore_index=True), law)


def priors_of(fit: bs.Fit, law: str) -> dict[str, tuple[float, float]]:
    """Return what a pooled fit says of the parameters that are kept."""
    found = bs.population_prior(fit)
    return {name: found[name] for name in KEPT[law]}


def small_studies(table: pd.DataFrame) -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
    """Draw small studies; yield their runs with those to foretell, and which the latter are."""
    table = table.assign(flops=6 * table["params"] * table["tokens"])
    small = table["flops"] <= table["flops"].median()
    for seed in range(STUDIES):
        rows = table[small].sample(min(SMALL, int(small.sum())), random_state=seed)
        both = pd.concat([rows, table[~small]], ignore_index=True)
        yield both, np.arange(len(both)) >= len(rows)


def score(law: str, priors: Any, table: pd.DataFrame, held_out: np.ndarray) -> Mapping[str, Any]:
    """Fit a small study and foretell the other runs."""
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
        for name, table in families().items():
            if (law, name) in have:
                continue
            learnt = priors_of(pooled(law, without=paper(name)), law)
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


def summary_of(found: list[dict[str, Any]]) -> pd.DataFrame:
    """Return mean scores by law and priors, a family counting once."""
    table = pd.DataFrame(found)
    columns = ["crps", "abs_error", "cover_50", "cover_90", "width_90"]
    each = table.groupby(["law", "priors", "family"])[columns].mean()
    return each.groupby(["law", "priors"]).mean()


def measure() -> list[Bar]:
    """Say what the literature's priors change in small studies."""
    found = rows()
    means, table, bars = summary_of(found), pd.DataFrame(found), []
    for law in STUDIED:
        by = table[table["law"] == law].groupby(["family", "priors"])["crps"].mean().unstack()
        better = int((by["literature"] < by["default"]).sum())
        note = f"better on {better} of {len(by)} families"
        learnt, default = (means.loc[(law, way)] for way in reversed(WAYS))
        bars += [
            Bar(
                f"{law}: CRPS, literature over default", learnt["crps"] / default["crps"], note=note
            ),
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
        fit = pooled(law)
        found = priors_of(fit, law)
        parts += [f"\n[{law}]", f"families = {json.dumps(fit.groups)}", f"\n[{law}.intervals]"]
        parts += [f"{k} = [{low:.3g}, {high:.3g}]" for k, (low, high) in found.items()]
        print(law, fit.diagnostics, file=sys.stderr, flush=True)
    FILE.write_text("\n".join(parts) + "\n")


if __name__ == "__main__":
    if "--write" in sys.argv:
        write()
    else:
        rows()
