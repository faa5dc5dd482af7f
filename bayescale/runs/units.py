"""Converting the loss of a run table to nats."""

import dataclasses
import math

import numpy as np

from bayescale.errors import BayescaleError
from bayescale.runs.table import Runs


def in_nats(runs: Runs) -> Runs:
    """Convert the loss of a run table, and its standard error, from bits or perplexity to nats.

    Parameters
    ----------
    runs : Runs
        A table whose ``loss_unit`` is known: ``bits/token``, ``bits/byte``, ``perplexity``, or nats
        already.

    Returns
    -------
    Runs
        Per the same token, byte or character: bits/byte become nats/byte. Perplexity becomes
        nats/token.

    Raises
    ------
    BayescaleError
        When the unit is not known or is none of these.
    """
    unit = runs.loss_unit
    if unit.startswith("nats"):
        return runs
    table = runs.table.copy()
    loss = table["loss"].to_numpy(float)
    if unit.startswith("bits"):
        slope, converted = np.full(len(loss), math.log(2)), loss * math.log(2)
        name = unit.replace("bits", "nats", 1)
    elif unit == "perplexity":
        slope, converted, name = 1 / loss, np.log(loss), "nats/token"
    else:
        raise BayescaleError(
            f"cannot convert a loss in {unit!r} to nats: say what it is, "
            'read_runs(..., loss_unit="bits/byte") or "bits/token" or "perplexity"'
        )
    table["loss"] = converted
    if "loss_se" in table:
        table["loss_se"] = table["loss_se"].to_numpy(float) * slope
    note = f"loss converted from {unit} to {name}"
    return dataclasses.replace(runs, table=table, loss_unit=name, notes=(*runs.notes, note))
