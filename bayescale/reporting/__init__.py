"""The credible-interval report: one page of results, their uncertainty and their assumptions."""

from bayescale.reporting.narrative import answer, caution
from bayescale.reporting.page import report

__all__ = ["answer", "caution", "report"]
