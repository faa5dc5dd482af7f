"""The credible-interval report: one page that says what the runs say, and what they do not."""

from bayescale.reporting.page import report
from bayescale.reporting.words import answer, caution

__all__ = ["answer", "caution", "report"]
