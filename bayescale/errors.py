"""What bayescale raises and warns with."""


class BayescaleError(ValueError):
    """Input that cannot be used; the message says what, where, and what to do."""


class BayescaleWarning(UserWarning):
    """Something a user should know about an answer that is given all the same."""
