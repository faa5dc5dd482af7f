"""Bayesian neural scaling laws: from a table of training runs to a decision.

>>> import bayescale as bs
>>> runs = bs.simulate("chinchilla", bs.isoflop_design([1e19, 1e20, 1e21], [5, 10, 20, 40, 80]),
...                    {"E": 1.8, "a": 480, "alpha": 0.35, "b": 2100, "beta": 0.37}, random_seed=1)
>>> fit = bs.fit(runs, "chinchilla", random_seed=1)  # doctest: +SKIP
>>> bs.intervals(bs.optimum(fit, flops=1e24))  # doctest: +SKIP

Names are imported on first use, so that ``import bayescale`` and the command line's ``--help`` do
not wait for PyMC.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bayescale.analysis.backtest import Backtest, backtest, backtest_point_fit
    from bayescale.analysis.check import check
    from bayescale.analysis.compare import compare
    from bayescale.analysis.directions import directions
    from bayescale.analysis.fit_average import fit_average
    from bayescale.analysis.identify import identify
    from bayescale.analysis.intervals import interval, intervals
    from bayescale.analysis.optimum import growth, optimum
    from bayescale.analysis.outliers import outliers, residuals
    from bayescale.analysis.plan import Plan, least_useful, plan
    from bayescale.analysis.predict import predict
    from bayescale.analysis.regret import decision, regret
    from bayescale.analysis.stability import stability
    from bayescale.analysis.summary import constants, summary
    from bayescale.analysis.targets import crossing, reach
    from bayescale.analysis.waic import waic
    from bayescale.averaging import Average, average
    from bayescale.capabilities.compute import equivalent_compute
    from bayescale.capabilities.discrepancy import ScoreDiscrepancy
    from bayescale.capabilities.fit import CapabilityFit, fit_capabilities
    from bayescale.capabilities.predict import predict_scores
    from bayescale.catalogue import describe_law, laws
    from bayescale.citation import cite
    from bayescale.datasets import datasets, load_dataset
    from bayescale.discrepancy import Discrepancy
    from bayescale.errors import BayescaleError, BayescaleWarning
    from bayescale.fitting import Fit, fit
    from bayescale.law import Fraction, Input, Law, Positive, Real
    from bayescale.many import Fitted, fit_many
    from bayescale.members import member, population
    from bayescale.model import build_model
    from bayescale.more_runs import add_runs, fitted_runs
    from bayescale.noise import Noise
    from bayescale.passk import coverage_table, pass_at_k
    from bayescale.plots import (
        plot_backtest,
        plot_bands,
        plot_capabilities,
        plot_compare,
        plot_exponents,
        plot_frontier,
        plot_identify,
        plot_isoflop,
        plot_plan,
        plot_prior_posterior,
        plot_regret,
        plot_residuals,
        plot_ridge,
    )
    from bayescale.prior_sets import Multiple, literature_priors
    from bayescale.reporting import report
    from bayescale.runs import Runs, in_nats, non_embedding_params, read_runs, total_params
    from bayescale.sampling import Sampler
    from bayescale.scenario import Hardware, Scenario, load_scenario
    from bayescale.schedule import with_schedule
    from bayescale.simulation import isoflop_design, simulate, typical_design
    from bayescale.spec import make_spec
    from bayescale.store import load, save
    from bayescale.study import Study, load_model, models
    from bayescale.study_data import study_runs

_HOME = {
    "analysis.backtest": ("Backtest", "backtest", "backtest_point_fit"),
    "analysis.check": ("check",),
    "analysis.compare": ("compare",),
    "analysis.directions": ("directions",),
    "analysis.fit_average": ("fit_average",),
    "analysis.identify": ("identify",),
    "analysis.intervals": ("interval", "intervals"),
    "analysis.optimum": ("growth", "optimum"),
    "analysis.outliers": ("outliers", "residuals"),
    "analysis.plan": ("Plan", "least_useful", "plan"),
    "analysis.predict": ("predict",),
    "analysis.regret": ("decision", "regret"),
    "analysis.stability": ("stability",),
    "analysis.summary": ("constants", "summary"),
    "analysis.targets": ("crossing", "reach"),
    "analysis.waic": ("waic",),
    "averaging": ("Average", "average"),
    "capabilities.compute": ("equivalent_compute",),
    "capabilities.discrepancy": ("ScoreDiscrepancy",),
    "capabilities.fit": ("CapabilityFit", "fit_capabilities"),
    "capabilities.predict": ("predict_scores",),
    "catalogue": ("describe_law", "laws"),
    "citation": ("cite",),
    "datasets": ("datasets", "load_dataset"),
    "discrepancy": ("Discrepancy",),
    "errors": ("BayescaleError", "BayescaleWarning"),
    "fitting": ("Fit", "fit"),
    "law": ("Fraction", "Input", "Law", "Positive", "Real"),
    "many": ("Fitted", "fit_many"),
    "members": ("member", "population"),
    "model": ("build_model",),
    "more_runs": ("add_runs", "fitted_runs"),
    "noise": ("Noise",),
    "passk": ("coverage_table", "pass_at_k"),
    "plots": (
        "plot_backtest",
        "plot_bands",
        "plot_capabilities",
        "plot_compare",
        "plot_exponents",
        "plot_frontier",
        "plot_identify",
        "plot_isoflop",
        "plot_plan",
        "plot_prior_posterior",
        "plot_regret",
        "plot_residuals",
        "plot_ridge",
    ),
    "prior_sets": ("Multiple", "literature_priors"),
    "reporting": ("report",),
    "runs": ("Runs", "in_nats", "non_embedding_params", "read_runs", "total_params"),
    "sampling": ("Sampler",),
    "scenario": ("Hardware", "Scenario", "load_scenario"),
    "schedule": ("with_schedule",),
    "simulation": ("isoflop_design", "simulate", "typical_design"),
    "spec": ("make_spec",),
    "store": ("load", "save"),
    "study": ("Study", "load_model", "models"),
    "study_data": ("study_runs",),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}

__all__ = [*_MODULE]


def __getattr__(name: str) -> Any:
    if name not in _MODULE:
        raise AttributeError(f"module 'bayescale' has no attribute {name!r}")
    value = getattr(import_module(f"bayescale.{_MODULE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


class _Package(ModuleType):
    """Keeps ``bayescale.laws`` and ``bayescale.datasets`` the functions of that name.

    Importing a subpackage binds it on its parent; here a public name is never bound to a module.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _MODULE and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
