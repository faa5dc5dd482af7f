"""The credible-interval report: one page of results, their uncertainty and their assumptions."""

from bayescale.reporting.narrative import answer, caution
from bayescale.reporting.report import report

__all__ = ["answer", "caution", "report"]
