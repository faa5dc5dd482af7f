"""The kinds of parameter of a law, and their priors as 90 % intervals."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from bayescale.errors import BayescaleError
from bayescale.laws import functions as fn
from bayescale.laws.functions import Value

Z90 = 1.6448536269514722
"""Half width of a central 90 % interval of the standard normal."""


@dataclass(frozen=True)
class Parameter:
    """A parameter and its prior: a normal on its link scale, given as a 90 % interval.

    Parameters
    ----------
    low, high : float
        The prior puts 5 % below ``low`` and 5 % above ``high``.
    of : str or None
        ``"target"`` multiplies both bounds by the geometric mean of the observed target, so that
        the prior does not depend on the unit of the loss; the column of one of the law's steps, by
        that step's reference point.
    about : str
        One line for the catalogue and the report.

    Raises
    ------
    BayescaleError
        When the interval is empty or leaves the parameter's bounds.
    """

    low: float
    high: float
    of: str | None = None
    about: str = ""

    bounds: ClassVar[tuple[float, float]]

    def __post_init__(self) -> None:
        self.check(self.low, self.high)

    def check(self, low: float, high: float) -> None:
        """Raise unless ``low < high``, both inside the parameter's open bounds."""
        least, most = self.bounds
        if not least < low < high < most:
            raise BayescaleError(
                f"({low:g}, {high:g}) is not a 90 % interval of a {type(self).__name__} parameter: "
                f"it needs {least:g} < low < high < {most:g}"
            )

    def check_value(self, value: float) -> None:
        """Raise unless a fixed value is finite and within the parameter's closed bounds."""
        if not self.can_be(value):
            least, most = self.bounds
            raise BayescaleError(
                f"{value:g} is no value of a {type(self).__name__} parameter: it must be finite, "
                f"from {least:g} to {most:g}"
            )

    def can_be(self, value: float | np.ndarray) -> Any:
        """Say of each value whether it is finite and within the parameter's closed bounds."""
        least, most = self.bounds
        return np.isfinite(value) & (value >= least) & (value <= most)

    def link(self, value: Value) -> Any:
        """Take a value to the real line, where the prior is normal."""
        raise NotImplementedError

    def inverse(self, z: Value) -> Any:
        """Bring a point of the real line back to the parameter's own scale."""
        raise NotImplementedError

    def log_jacobian(self, z: Value) -> Any:
        """Log derivative of :meth:`inverse` at ``z``."""
        raise NotImplementedError

    def normal(self, low: float, high: float) -> tuple[float, float]:
        """Mean and sd, on the link scale, of the prior with this 90 % interval."""
        self.check(low, high)
        below, above = float(self.link(low)), float(self.link(high))
        return (below + above) / 2, (above - below) / (2 * Z90)


class Positive(Parameter):
    """A parameter above zero; its prior is log-normal.

    Parameters
    ----------
    low, high : float
        The prior puts 5 % below ``low`` and 5 % above ``high``, both above zero and finite.
    of : str or None
        ``"target"`` makes them multiples of the geometric mean of the observed target.
    about : str
        One line for the catalogue and the report.

    Raises
    ------
    BayescaleError
        When the interval is empty or leaves these bounds.

    See Also
    --------
    Real : A parameter of either sign.
    Fraction : A parameter between zero and one.
    Law : Declares its parameters by these.

    Examples
    --------
    >>> alpha = bs.Positive(0.1, 0.8, about="size exponent")
    >>> median = np.exp(alpha.normal(alpha.low, alpha.high)[0])
    >>> round(float(median), 3)
    0.283
    """

    bounds = (0.0, float("inf"))

    def link(self, value: Value) -> Any:
        """Natural logarithm."""
        return fn.log(value)

    def inverse(self, z: Value) -> Any:
        """Exponential."""
        return fn.exp(z)

    def log_jacobian(self, z: Value) -> Any:
        """The exponential is its own derivative."""
        return z


class GreaterThanOne(Positive):
    """A parameter above one; the prior of what it exceeds one by is log-normal.

    Parameters
    ----------
    low, high : float
        The prior puts 5 % below ``low`` and 5 % above ``high``, both above one and finite.
    of : str or None
        ``"target"`` makes them multiples of the geometric mean of the observed target.
    about : str
        One line for the catalogue and the report.

    Raises
    ------
    BayescaleError
        When the interval is empty or leaves these bounds.

    Examples
    --------
    >>> nu = GreaterThanOne(1.5, 30.0, about="degrees of freedom")
    >>> median = nu.inverse(nu.normal(nu.low, nu.high)[0])
    >>> round(float(median), 2)
    4.81
    """

    bounds = (1.0, float("inf"))

    def link(self, value: Value) -> Any:
        """Natural logarithm of what is above one."""
        return fn.log(value - 1)

    def inverse(self, z: Value) -> Any:
        """One more than the exponential."""
        return 1 + fn.exp(z)


class Fraction(Parameter):
    """A parameter between zero and one; its prior is logit-normal.

    Parameters
    ----------
    low, high : float
        The prior puts 5 % below ``low`` and 5 % above ``high``, both between zero and one.
    of : str or None
        ``"target"`` makes them multiples of the geometric mean of the observed target.
    about : str
        One line for the catalogue and the report.

    Raises
    ------
    BayescaleError
        When the interval is empty or leaves these bounds.

    See Also
    --------
    Positive : A parameter above zero.
    Real : A parameter of either sign.

    Examples
    --------
    >>> share = bs.Fraction(0.1, 0.9, about="share of the repeated data that counts")
    >>> share.low, share.high
    (0.1, 0.9)
    """

    bounds = (0.0, 1.0)

    def link(self, value: Value) -> Any:
        """Log odds."""
        return fn.logit(value)

    def inverse(self, z: Value) -> Any:
        """Logistic function."""
        return fn.sigmoid(z)

    def log_jacobian(self, z: Value) -> Any:
        """The log of p (1 - p)."""
        return -fn.softplus(z) - fn.softplus(-z)


class Real(Parameter):
    """A parameter of either sign; its prior is normal.

    Parameters
    ----------
    low, high : float
        The prior puts 5 % below ``low`` and 5 % above ``high``, both finite.
    of : str or None
        ``"target"`` makes them multiples of the geometric mean of the observed target.
    about : str
        One line for the catalogue and the report.

    Raises
    ------
    BayescaleError
        When the interval is empty or leaves these bounds.

    See Also
    --------
    Positive : A parameter above zero.
    Fraction : A parameter between zero and one.

    Examples
    --------
    >>> drift = bs.Real(-0.2, 0.2, about="change of the exponent with size")
    >>> tuple(round(float(x), 3) for x in drift.normal(drift.low, drift.high))
    (0.0, 0.122)
    """

    bounds = (float("-inf"), float("inf"))

    def link(self, value: Value) -> Any:
        """The value itself."""
        return value

    def inverse(self, z: Value) -> Any:
        """The value itself."""
        return z

    def log_jacobian(self, z: Value) -> Any:
        """Zero."""
        return 0.0 * z
