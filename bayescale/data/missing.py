"""Words for a cell that holds nothing."""

MISSING = {"", "-", "--", "–", "—", "na", "n/a", "#n/a", "<na>", "nan", "none", "null"}
