r"""Scatter that falls with training compute.

Small runs scatter more than large ones: they are further from the law's power laws, and seeds and
settings move them more. So the scatter of a run of compute C (FLOP) is

.. math:: \sigma(C) = \sigma \, (C / 10^{20})^{-s}, \quad s > 0,

where s is ``sigma_exponent``. It does not grow: a wrong law misses the largest runs most, and
scatter that may grow would take that for chance. Measured on public runs in
``docs/extrapolation.md``.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from bayescale.errors import BayescaleError
from bayescale.laws.functions import exp
from bayescale.laws.parameters import Positive
from bayescale.model.noise.base import Known
from bayescale.model.noise.location_scale import LOG, LOG_SIZE, STUDENT, Scatter

REFERENCE_FLOPS = 1e20
"""The compute of a run whose scatter is ``sigma``."""


SIGMA = replace(LOG_SIZE, about="residual scale on log loss of a run of 1e20 FLOP (0.01 is 1 %)")


EXPONENT = Positive(
    0.02, 0.3, about="how fast the scatter falls: sigma (C / 1e20 FLOP) ** -sigma_exponent"
)


class Heteroscedastic(Scatter):
    """A Student-t on log loss whose size may fall with compute.

    The table needs the compute of each run: ``flops``, which follows from ``params`` and
    ``tokens``.
    """

    known: Mapping[str, tuple[str, float | None]] = {
        **Scatter.known,
        "log_compute": ("_log_compute", float("nan")),
    }

    def __init__(self) -> None:
        about = "Student-t on log loss, less of it the more compute a run took"
        super().__init__("heteroscedastic", about, LOG, STUDENT, SIGMA)
        self.parameters = {**self.parameters, "sigma_exponent": EXPONENT}

    def take(self, table: pd.DataFrame, column: str) -> dict[str, np.ndarray]:
        """Return standard errors, and the logarithm of each run's compute over 1e20 FLOP.

        Raises
        ------
        BayescaleError
            Where a run's compute is unknown.
        """
        known = super().take(table, column)
        flops = table["flops"].to_numpy(float) if "flops" in table else np.nan
        found = np.where(np.isnan(known["log_compute"]), _log_compute(flops), known["log_compute"])
        if not np.isfinite(found).all():
            raise BayescaleError(
                f"noise={self.name!r} needs the compute of each run: params and tokens, or flops, "
                "all positive"
            )
        return {**known, "log_compute": found}

    def data(self, observed: np.ndarray, known: Known) -> dict[str, np.ndarray]:
        """Return observed values and errors on the scale, and where runs lie along compute."""
        return {
            **super().data(observed, known),
            "observed_log_compute": np.asarray(known["log_compute"], float),
        }

    def typical(self, known: Known, flops: Any = None) -> dict[str, Any]:
        """Return what to assume known of a new run; the compute of the largest if not given."""
        compute = np.max(known["log_compute"]) if flops is None else _log_compute(flops)
        return {**super().typical(known), "log_compute": compute}

    def _sigma(self, parameters: Mapping[Any, Any], known: Known) -> Any:
        return parameters["sigma"] * exp(-parameters["sigma_exponent"] * known["log_compute"])


def _log_compute(flops: Any) -> Any:
    """Return the logarithm of compute over the reference; none of what is not positive."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(flops / REFERENCE_FLOPS)


HETEROSCEDASTIC = (Heteroscedastic(),)
