"""Bayesian neural scaling laws: from a table of training runs to a decision.

>>> import bayescale as bs
>>> runs = bs.simulate("chinchilla", bs.isoflop_design([1e19, 1e20, 1e21], [5, 10, 20, 40, 80]),
...                    {"E": 1.8, "a": 480, "alpha": 0.35, "b": 2100, "beta": 0.37}, random_seed=1)
>>> fit = bs.fit(runs, "chinchilla", random_seed=1)  # doctest: +SKIP
>>> bs.credible_intervals(bs.optimum(fit, flops=1e24))  # doctest: +SKIP

In the examples of the docstrings ``bs`` is this package, ``np`` NumPy and ``pd`` pandas; ``runs``
is a table of forty runs like the one above, ``fit`` the fit of ``"chinchilla"`` to it, and ``fits``
has that of ``"skaling"`` besides, by their names.

Names are imported on first use, so that ``import bayescale`` and the command line's ``--help`` do
not wait for PyMC.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bayescale.capabilities.discrepancy import ScoreDiscrepancy
    from bayescale.capabilities.family_backtest import leave_family_out
    from bayescale.capabilities.fit import CapabilityFit, fit_capabilities
    from bayescale.capabilities.index import capability_index
    from bayescale.capabilities.predict import equivalent_compute, predict_scores
    from bayescale.data.datasets.catalogue import list_datasets
    from bayescale.data.datasets.load import load_dataset
    from bayescale.data.derive import non_embedding_params, total_params
    from bayescale.data.pass_at_k import coverage_table, pass_at_k
    from bayescale.data.read import read_runs
    from bayescale.data.runs import Runs, loss_in_nats
    from bayescale.data.schedule import with_schedule
    from bayescale.decisions.compute_gain import EffectiveCompute
    from bayescale.decisions.effective_compute import effective_compute
    from bayescale.decisions.frontier_constants import frontier_constants
    from bayescale.decisions.mixture import best_mixture
    from bayescale.decisions.optimum import optimum
    from bayescale.decisions.regret import regret, regret_summary
    from bayescale.decisions.scenario import Hardware, Scenario, load_scenario
    from bayescale.decisions.targets import crossover_compute, required_compute
    from bayescale.design.identify import identify
    from bayescale.design.least_useful import least_useful
    from bayescale.design.plan import Plan, plan
    from bayescale.design.principal_directions import principal_directions
    from bayescale.errors import BayescaleError, BayescaleWarning
    from bayescale.evaluation.adequacy import Adequacy, adequacy
    from bayescale.evaluation.backtest import Backtest, backtest, backtest_point_fit
    from bayescale.evaluation.compare import compare
    from bayescale.evaluation.curve_average import fit_average
    from bayescale.evaluation.family_forecast import FamilyForecast, forecast_largest
    from bayescale.evaluation.findings import Finding
    from bayescale.evaluation.forecast_files import RegisteredForecast
    from bayescale.evaluation.influence import stability
    from bayescale.evaluation.published import check_published
    from bayescale.evaluation.registered_forecasts import register, score
    from bayescale.evaluation.residuals import outliers, residuals
    from bayescale.evaluation.sweeps import sweep_minima
    from bayescale.evaluation.waic import waic
    from bayescale.inference.fit import build_model, fit
    from bayescale.inference.fitted_runs import fitted_runs
    from bayescale.inference.groups import group_fit, population_prior
    from bayescale.inference.io import load, save
    from bayescale.inference.models import Model, load_model
    from bayescale.inference.parallel import Fitted, fit_many
    from bayescale.inference.result import Fit
    from bayescale.inference.sampling import Sampler
    from bayescale.inference.update import add_runs
    from bayescale.laws.base import Law
    from bayescale.laws.inputs import Input
    from bayescale.laws.parameters import Fraction, Positive, Real
    from bayescale.model.literature_priors import literature_priors
    from bayescale.model.noise.base import Noise
    from bayescale.model.prior import Multiple
    from bayescale.model.simulate import isoflop_design, simulate, typical_design
    from bayescale.model.spec import make_spec
    from bayescale.plots.backtest import plot_backtest
    from bayescale.plots.bands import plot_bands
    from bayescale.plots.capabilities import plot_capabilities
    from bayescale.plots.compare import plot_compare
    from bayescale.plots.effective_compute import plot_effective_compute
    from bayescale.plots.exponents import plot_exponents
    from bayescale.plots.frontier import plot_frontier
    from bayescale.plots.identify import plot_identify
    from bayescale.plots.isoflop import plot_isoflop
    from bayescale.plots.plan import plot_plan
    from bayescale.plots.plot_data import get_plot_data
    from bayescale.plots.prior_posterior import plot_prior_posterior
    from bayescale.plots.regret import plot_regret
    from bayescale.plots.residuals import plot_residuals
    from bayescale.plots.ridge import plot_ridge
    from bayescale.prediction.averaging import Average, average
    from bayescale.prediction.discrepancy import Discrepancy
    from bayescale.prediction.intervals import credible_interval, credible_intervals
    from bayescale.prediction.predict import predict
    from bayescale.prediction.summary import derived_parameters, summary
    from bayescale.reporting.analyze import Analysis, analyze
    from bayescale.reporting.report import report
    from bayescale.studies.citation import cite
    from bayescale.studies.law_cards import describe_law, list_laws
    from bayescale.studies.runs import study_runs
    from bayescale.studies.study import Study, list_studies, load_study


_HOME = {
    "capabilities.discrepancy": ("ScoreDiscrepancy",),
    "capabilities.family_backtest": ("leave_family_out",),
    "capabilities.fit": (
        "CapabilityFit",
        "fit_capabilities",
    ),
    "capabilities.index": ("capability_index",),
    "capabilities.predict": (
        "equivalent_compute",
        "predict_scores",
    ),
    "data.datasets.catalogue": ("list_datasets",),
    "data.datasets.load": ("load_dataset",),
    "data.derive": (
        "non_embedding_params",
        "total_params",
    ),
    "data.pass_at_k": (
        "coverage_table",
        "pass_at_k",
    ),
    "data.read": ("read_runs",),
    "data.runs": (
        "Runs",
        "loss_in_nats",
    ),
    "data.schedule": ("with_schedule",),
    "decisions.compute_gain": ("EffectiveCompute",),
    "decisions.effective_compute": ("effective_compute",),
    "decisions.frontier_constants": ("frontier_constants",),
    "decisions.mixture": ("best_mixture",),
    "decisions.optimum": ("optimum",),
    "decisions.regret": (
        "regret_summary",
        "regret",
    ),
    "decisions.scenario": (
        "Hardware",
        "Scenario",
        "load_scenario",
    ),
    "decisions.targets": (
        "crossover_compute",
        "required_compute",
    ),
    "design.principal_directions": ("principal_directions",),
    "design.identify": ("identify",),
    "design.least_useful": ("least_useful",),
    "design.plan": (
        "Plan",
        "plan",
    ),
    "errors": (
        "BayescaleError",
        "BayescaleWarning",
    ),
    "evaluation.adequacy": (
        "Adequacy",
        "adequacy",
    ),
    "evaluation.backtest": (
        "Backtest",
        "backtest",
        "backtest_point_fit",
    ),
    "evaluation.compare": ("compare",),
    "evaluation.family_forecast": (
        "FamilyForecast",
        "forecast_largest",
    ),
    "evaluation.findings": ("Finding",),
    "evaluation.forecast_files": ("RegisteredForecast",),
    "evaluation.curve_average": ("fit_average",),
    "evaluation.influence": ("stability",),
    "evaluation.published": ("check_published",),
    "evaluation.registered_forecasts": (
        "register",
        "score",
    ),
    "evaluation.residuals": (
        "outliers",
        "residuals",
    ),
    "evaluation.sweeps": ("sweep_minima",),
    "evaluation.waic": ("waic",),
    "inference.fit": (
        "build_model",
        "fit",
    ),
    "inference.fitted_runs": ("fitted_runs",),
    "inference.groups": (
        "group_fit",
        "population_prior",
    ),
    "inference.io": (
        "load",
        "save",
    ),
    "inference.models": (
        "Model",
        "load_model",
    ),
    "inference.parallel": (
        "Fitted",
        "fit_many",
    ),
    "inference.result": ("Fit",),
    "inference.sampling": ("Sampler",),
    "inference.update": ("add_runs",),
    "laws.base": ("Law",),
    "laws.inputs": ("Input",),
    "laws.parameters": (
        "Fraction",
        "Positive",
        "Real",
    ),
    "model.literature_priors": ("literature_priors",),
    "model.noise.base": ("Noise",),
    "model.prior": ("Multiple",),
    "model.simulate": (
        "isoflop_design",
        "simulate",
        "typical_design",
    ),
    "model.spec": ("make_spec",),
    "plots.backtest": ("plot_backtest",),
    "plots.bands": ("plot_bands",),
    "plots.capabilities": ("plot_capabilities",),
    "plots.compare": ("plot_compare",),
    "plots.effective_compute": ("plot_effective_compute",),
    "plots.exponents": ("plot_exponents",),
    "plots.frontier": ("plot_frontier",),
    "plots.identify": ("plot_identify",),
    "plots.isoflop": ("plot_isoflop",),
    "plots.plan": ("plot_plan",),
    "plots.plot_data": ("get_plot_data",),
    "plots.prior_posterior": ("plot_prior_posterior",),
    "plots.regret": ("plot_regret",),
    "plots.residuals": ("plot_residuals",),
    "plots.ridge": ("plot_ridge",),
    "prediction.averaging": (
        "Average",
        "average",
    ),
    "prediction.discrepancy": ("Discrepancy",),
    "prediction.intervals": (
        "credible_interval",
        "credible_intervals",
    ),
    "prediction.predict": ("predict",),
    "prediction.summary": (
        "derived_parameters",
        "summary",
    ),
    "reporting.analyze": (
        "Analysis",
        "analyze",
    ),
    "reporting.report": ("report",),
    "studies.law_cards": (
        "describe_law",
        "list_laws",
    ),
    "studies.citation": ("cite",),
    "studies.runs": ("study_runs",),
    "studies.study": (
        "Study",
        "load_study",
        "list_studies",
    ),
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
