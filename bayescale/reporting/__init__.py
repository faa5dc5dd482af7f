"""The credible-interval report: one page that says what the runs say, and what they do not."""

from bayescale.reporting.narrative import answer, caution
from bayescale.reporting.page import report

__all__ = ["answer", "caution", "report"]
