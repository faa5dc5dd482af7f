"""Where the fitted runs lie along training compute."""

import numpy as np

from bayescale.data import derive
from bayescale.inference.result import Fit


def run_columns(fit: Fit) -> dict[str, np.ndarray]:
    """Return the fitted runs' inputs by column, and their compute 6 N D where it follows.

    Inputs with nodes have no one value a run and are left out.
    """
    columns = {
        fit.spec.column(name): values.to_numpy()
        for name, values in fit.inputs.items()
        if values.ndim == 1
    }
    if {"params", "tokens"} <= set(columns):
        columns = {"flops": derive.flops(columns["params"], columns["tokens"])} | columns
    return columns


def main_column(fit: Fit) -> str:
    """Return the column that runs are laid out along: compute, or the law's first input."""
    return next(iter(run_columns(fit)))
