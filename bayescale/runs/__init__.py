"""The run table: read, recognise, check, convert."""

from bayescale.runs.describe import Column
from bayescale.runs.params import non_embedding_params, total_params
from bayescale.runs.read import read_runs
from bayescale.runs.table import Runs
from bayescale.runs.units import in_nats

__all__ = ["Column", "Runs", "in_nats", "non_embedding_params", "read_runs", "total_params"]
