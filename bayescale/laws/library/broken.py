"""Power laws whose slope changes: smooth breaks between straight pieces on log-log paper.

How many breaks runs have, leave-one-out decides: fit ``power_law_floor`` (none, with
``columns={"x": "tokens"}`` or whatever the breaks are along), ``broken_power_law`` (one),
``twice_broken_power_law`` (two), ``broken_power_law_3``, ... to the same runs, give the fits to
:func:`bayescale.compare`, and take the fewest breaks whose ``elpd_diff`` is within twice its
``dse`` of the best. For a forecast a backtest decides: :func:`bayescale.fit_average` weighs the
same laws by how well each predicts the later part of the curve from the earlier. A break that the
runs do not show is what a fit with too many fails on: its chains find it at either end.

A break can be learnt where runs lie on both of its sides, so priors place it among the runs: within
a factor of five of their geometric mean, or two of them symmetrically about it. A break known to
be elsewhere is said so, ``priors={"place": (10, 100)}``.
"""

from bayescale.laws.base import Law
from bayescale.laws.functions import Value, exp, log, softplus
from bayescale.laws.inputs import Input
from bayescale.laws.parameters import Positive, Real
from bayescale.laws.transforms import from_total_ratio, total_ratio


def ramp(log_x: Value, log_place: Value, width: Value) -> Value:
    """The ramp of a broken power law: a smooth version of max(0, log_x - log_place)."""
    return width * softplus((log_x - log_place) / width)


def bend(log_x: Value, log_place: Value, width: Value) -> Value:
    """The bend of a broken power law: the ramp, shifted to zero at the reference, log_x = 0."""
    return ramp(log_x, log_place, width) - ramp(0.0, log_place, width)


class BrokenPowerLaw(Law):
    r"""A power law above a floor that bends once, smoothly, to another slope (BNSL with one break).

    .. math:: L(x) = E + R \, (x / x_0)^{-s_0} \left[ \frac{1 + (x / (d x_0))^{1 / w}}
              {1 + d^{-1 / w}} \right]^{-(s_1 - s_0) w}

    Whether the runs have that break, :func:`bayescale.compare` with a fit of ``power_law_floor``
    says.
    """

    reference = "Caballero et al. (2022), arXiv:2210.14891, eq. 1 with one break"
    multimodal = True

    x = Input("tokens", about="data, parameters or compute")
    E = Positive(0.1, 0.95, of="target", about="irreducible loss")
    R = Positive(0.1, 2.0, of="target", about="excess loss at the reference point")
    slope_before = Real(-0.3, 1.0, about="exponent before the break; negative where loss rises")
    slope_after = Real(-2.0, 5.0, about="exponent after the break; negative where loss rises")
    place = Positive(0.2, 5.0, about="place of the break, relative to the reference point")
    width = Positive(0.02, 2.0, about="width of the break, in natural logarithms of x")

    @staticmethod
    def equation(
        x: Value,
        E: Value,
        R: Value,
        slope_before: Value,
        slope_after: Value,
        place: Value,
        width: Value,
    ) -> Value:
        """Loss at relative input x."""
        bent = (slope_after - slope_before) * bend(log(x), log(place), width)
        return E + R * exp(-slope_before * log(x) - bent)

    @staticmethod
    def coordinates(
        E: Value, R: Value, slope_before: Value, slope_after: Value, place: Value, width: Value
    ) -> tuple[Value, ...]:
        """Level and floor to reducible loss at the reference point; the rest as it is."""
        return *total_ratio(E, R), slope_before, slope_after, place, width

    @staticmethod
    def from_coordinates(
        level: Value,
        floor_ratio: Value,
        slope_before: Value,
        slope_after: Value,
        place: Value,
        width: Value,
    ) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        return *from_total_ratio(level, floor_ratio), slope_before, slope_after, place, width

    @staticmethod
    def derived(
        x: Value,
        E: Value,
        R: Value,
        slope_before: Value,
        slope_after: Value,
        place: Value,
        width: Value,
    ) -> dict[str, Value]:
        """Caballero's constants: L = E + b x^-c_0 (1 + (x / d_1)^(1 / f_1))^(-c_1 f_1)."""
        change = slope_after - slope_before
        return {
            "b": R * exp(slope_before * log(x) + change * ramp(0.0, log(place), width)),
            "c_0": slope_before,
            "c_1": change,
            "d_1": place * x,
            "f_1": width,
        }


class TwiceBrokenPowerLaw(Law):
    r"""A power law above a floor that bends twice, smoothly (BNSL with two breaks, in order).

    .. math:: L(x) = E + R \, (x / x_0)^{-s_0} \prod_{i=1}^{2} \left[
              \frac{1 + (x / (d_i x_0))^{1 / w_i}}{1 + d_i^{-1 / w_i}}
              \right]^{-(s_i - s_{i-1}) w_i}, \quad d_2 = d_1 e^{g}

    Whether the runs have both breaks, :func:`bayescale.compare` with a fit of ``broken_power_law``
    says.
    """

    reference = "Caballero et al. (2022), arXiv:2210.14891, eq. 1 with two breaks"
    multimodal = True

    x = Input("tokens", about="data, parameters or compute")
    E = Positive(0.1, 0.95, of="target", about="irreducible loss")
    R = Positive(0.1, 2.0, of="target", about="excess loss at the reference point")
    slope_before = Real(-0.3, 1.0, about="exponent before the first break")
    slope_between = Real(-2.0, 5.0, about="exponent between the breaks")
    slope_after = Real(-0.3, 1.0, about="exponent after the second break")
    place = Positive(0.1, 2.0, about="place of the first break, relative to the reference point")
    gap = Positive(0.4, 4.0, about="from the first break to the second, in natural logarithms of x")
    width = Positive(0.02, 2.0, about="width of the first break, in natural logarithms of x")
    width_after = Positive(0.02, 2.0, about="width of the second break, in natural logarithms of x")

    @staticmethod
    def equation(
        x: Value,
        E: Value,
        R: Value,
        slope_before: Value,
        slope_between: Value,
        slope_after: Value,
        place: Value,
        gap: Value,
        width: Value,
        width_after: Value,
    ) -> Value:
        """Loss at relative input x."""
        first = (slope_between - slope_before) * bend(log(x), log(place), width)
        second = (slope_after - slope_between) * bend(log(x), log(place) + gap, width_after)
        return E + R * exp(-slope_before * log(x) - first - second)

    @staticmethod
    def coordinates(
        E: Value,
        R: Value,
        slope_before: Value,
        slope_between: Value,
        slope_after: Value,
        place: Value,
        gap: Value,
        width: Value,
        width_after: Value,
    ) -> tuple[Value, ...]:
        """Level and floor to reducible loss at the reference point; the rest as it is."""
        slopes = slope_before, slope_between, slope_after
        return *total_ratio(E, R), *slopes, place, gap, width, width_after

    @staticmethod
    def from_coordinates(
        level: Value,
        floor_ratio: Value,
        slope_before: Value,
        slope_between: Value,
        slope_after: Value,
        place: Value,
        gap: Value,
        width: Value,
        width_after: Value,
    ) -> tuple[Value, ...]:
        """Invert :meth:`coordinates`."""
        slopes = slope_before, slope_between, slope_after
        return *from_total_ratio(level, floor_ratio), *slopes, place, gap, width, width_after

    @staticmethod
    def derived(
        x: Value,
        E: Value,
        R: Value,
        slope_before: Value,
        slope_between: Value,
        slope_after: Value,
        place: Value,
        gap: Value,
        width: Value,
        width_after: Value,
    ) -> dict[str, Value]:
        """Caballero's constants: b, c_0, then the change of slope c_i at break d_i of width f_i."""
        first, second = slope_between - slope_before, slope_after - slope_between
        ramps = first * ramp(0.0, log(place), width)
        ramps = ramps + second * ramp(0.0, log(place) + gap, width_after)
        return {
            "b": R * exp(slope_before * log(x) + ramps),
            "c_0": slope_before,
            "c_1": first,
            "c_2": second,
            "d_1": place * x,
            "d_2": place * x * exp(gap),
            "f_1": width,
            "f_2": width_after,
        }
