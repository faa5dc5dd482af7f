"""Pictures of the answers, one figure a file.

Every ``plot_*`` draws on the axes it is given, or makes a figure of its own, and returns the axes.
The function of the same name that ends in ``_data`` returns the numbers it draws. No global setting
of matplotlib is read or changed beyond the user's fonts.
"""

from bayescale.plots.backtest import backtest_data, plot_backtest
from bayescale.plots.bands import bands_data, plot_bands
from bayescale.plots.capabilities import capabilities_data, plot_capabilities
from bayescale.plots.compare import compare_data, plot_compare
from bayescale.plots.effective_compute import effective_compute_data, plot_effective_compute
from bayescale.plots.exponents import exponents_data, plot_exponents
from bayescale.plots.frontier import frontier_data, plot_frontier
from bayescale.plots.identify import identify_data, plot_identify
from bayescale.plots.isoflop import isoflop_data, plot_isoflop
from bayescale.plots.plan import plan_data, plot_plan
from bayescale.plots.prior_posterior import plot_prior_posterior, prior_posterior_data
from bayescale.plots.regret import plot_regret, regret_data
from bayescale.plots.residuals import plot_residuals, residuals_data
from bayescale.plots.ridge import plot_ridge, ridge_data

__all__ = [
    "backtest_data",
    "bands_data",
    "capabilities_data",
    "compare_data",
    "effective_compute_data",
    "exponents_data",
    "frontier_data",
    "identify_data",
    "isoflop_data",
    "plan_data",
    "plot_backtest",
    "plot_bands",
    "plot_capabilities",
    "plot_compare",
    "plot_effective_compute",
    "plot_exponents",
    "plot_frontier",
    "plot_identify",
    "plot_isoflop",
    "plot_plan",
    "plot_prior_posterior",
    "plot_regret",
    "plot_residuals",
    "plot_ridge",
    "prior_posterior_data",
    "regret_data",
    "residuals_data",
    "ridge_data",
]
