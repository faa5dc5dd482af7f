"""The run table: read, recognise, check, convert."""

from bayescale.runs.describe import Column
from bayescale.runs.read import read_runs
from bayescale.runs.table import Runs

__all__ = ["Column", "Runs", "read_runs"]
