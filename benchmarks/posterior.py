"""The fits of public data that the tests hold to their bars, as numbers."""

import warnings

from bars import Bar

import bayescale as bs

GOPHER = 5.76e23
SKALING = {
    "hoffmann2022": None,
    "gemstones2025": "set == 'cooldown_end'",
    "openeurollm2026_optima": None,
    "bhagia2024_ladder_lmloss": "is_final",
}


def quick(*arguments, **options) -> bs.Fit:
    """Fit with a seed and no progress bar."""
    return bs.fit(*arguments, random_seed=1, progressbar=False, **options)


def hoffmann() -> list[Bar]:
    """Chinchilla on the 245 runs of Hoffmann et al. (2022)."""
    study = bs.load_study("hoffmann2022")
    runs = bs.study_runs(study)
    fit, normal = quick(study), quick(study, noise="normal")
    without = quick(runs.where("in_besiroglu_fit"), "chinchilla")
    median, found = fit.posterior.median(), fit.diagnostics
    size, size_without = (float(bs.optimum(f, GOPHER)["params"].median()) for f in (fit, without))
    worst = bs.outliers(fit).index[:5]
    dropped = {
        label
        for label, kept in zip(runs.labels(), runs.table["in_besiroglu_fit"], strict=True)
        if not kept
    }
    ranking = bs.compare({"student_t": fit, "normal": normal})
    best = ranking.loc["student_t"]
    verdicts = bs.identify(fit)["verdict"]
    return [
        Bar("hoffmann2022: E", float(median["E"]), 1.77, 1.83),
        Bar("hoffmann2022: alpha", float(median["alpha"]), 0.323, 0.363),
        Bar("hoffmann2022: beta", float(median["beta"]), 0.342, 0.382),
        Bar("hoffmann2022: R-hat", found.rhat, high=1.01),
        Bar("hoffmann2022: min ESS", found.ess, 2000),
        Bar("hoffmann2022: divergences", found.divergences, high=0),
        Bar("hoffmann2022: N* at 5.76e23 FLOP", size, 6.5e10, 8.2e10),
        Bar("N* without the five outlying runs, change", abs(size_without / size - 1), high=0.06),
        Bar("the five among the worst five outliers", len(dropped & set(worst)), 5),
        Bar("identified of E, alpha, beta", int((verdicts == "identified").sum()), 3),
        Bar("elpd of Student-t over normal", -float(ranking.loc["normal", "elpd_diff"]), 150),
        Bar(
            "WAIC to LOO, in standard errors",
            abs(best["elpd_waic"] - best["elpd_loo"]) / best["se_loo"],
            high=1,
        ),
    ]


def skaling() -> list[Bar]:
    """Skaling on four public sets."""
    bars = []
    for name, where in SKALING.items():
        runs = bs.read_runs(bs.load_dataset(name))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bs.BayescaleWarning)  # the bars say it
            found = quick(runs.where(where) if where else runs, "skaling").diagnostics
        bars += [
            Bar(f"skaling on {name}: R-hat", found.rhat, high=1.01),
            Bar(f"skaling on {name}: min ESS", found.ess, 400),
            Bar(f"skaling on {name}: divergences", found.divergences, high=0),
        ]
    return bars


def measure() -> list[Bar]:
    """Measure all of them."""
    return hoffmann() + skaling()
