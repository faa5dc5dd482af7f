r"""Laws of data mixtures: the loss on one domain over the shares of all domains in training.

>>> from bayescale.laws.registry import get_law
>>> law = get_law("additive_mixture_5")
>>> law.inputs["h"].columns()[:2], list(law.parameters)[:4], len(law.parameters)
(['proportion_1', 'proportion_2'], ['E', 'gamma', 'least', 'a_1'], 8)

A law is made for its number of domains, which ends its name. Each target, the loss on one
validation set, is fitted by itself.
"""

from dataclasses import replace
from functools import cache
from typing import Any

from bayescale.errors import BayescaleError
from bayescale.laws.base import Law
from bayescale.laws.chain import takes
from bayescale.laws.functions import exp, log, node_values
from bayescale.laws.inputs import Input
from bayescale.laws.parameters import Parameter, Positive, Real
from bayescale.laws.transforms import from_total_ratio, total_ratio

MOST_DOMAINS = 100
"""Domains of the largest mixture."""


def _made(
    name: str,
    domains: int,
    parameters: dict[str, Parameter],
    each: Parameter,
    equation: Any,
    **said: Any,
) -> type[Law]:
    """Make a mixture law; its equation takes the values of all inputs and parameters by name."""
    if not 2 <= domains <= MOST_DOMAINS:
        raise BayescaleError(
            f"{name}_{domains}: a mixture is of 2 to {MOST_DOMAINS} domains, {name}_5 say"
        )
    h = Input(
        "proportion",
        relative=False,
        nodes=domains,
        span=(0.0, 1.0),
        simplex=True,
        about="share of each domain in the training data; they sum to one",
    )
    own = {f"a_{i}": replace(each, about=f"{each.about} {i}") for i in range(1, domains + 1)}
    inputs = [*(k for k, value in said.items() if isinstance(value, Input)), "h"]
    space = {
        **said,
        "name": f"{name}_{domains}",
        "h": h,
        **parameters,
        **own,
        "equation": staticmethod(takes(equation, [*inputs, *parameters, *own])),
    }
    return type(name.title().replace("_", ""), (Law,), space)


def _of_each(values: dict[str, Any], domains: int) -> list[tuple[Any, Any]]:
    """Return the share of each domain, in multiples of an equal share, and its parameter."""
    shares = node_values(values["h"], domains)
    return [(domains * share, values[f"a_{i}"]) for i, share in enumerate(shares, 1)]


_ALL = Positive(0.3, 0.95, of="target", about="loss of a mixture that teaches all there is")


_GAMMA = Positive(0.1, 1.2, about="exponent of a share")


_LEAST = Positive(0.002, 0.2, about="what a domain left out counts for, in equal shares")


_ALONE = Positive(
    0.05, 20.0, of="target", about="excess loss where one equal share is all, of domain"
)


_SHUKOR = (
    "Shukor et al. (2025), arXiv:2507.09404, the additive law (one exponent for all domains and "
    "what a domain left out counts for are ours)"
)


def _excess(values: dict[str, Any], domains: int) -> Any:
    """Return the excess loss of a mixture whose domains add to what is learnt."""
    least, gamma = values["least"], values["gamma"]
    return 1 / sum(
        exp(gamma * log((share + least) / (1 + least))) / a
        for share, a in _of_each(values, domains)
    )


def additive_mixture(domains: int) -> type[Law]:
    r"""Make the law in which domains add to what is learnt of the target, with falling returns."""

    def equation(**values: Any) -> Any:
        return values["E"] + _excess(values, domains)

    text = r"""Domains add to what is learnt of the target, each with falling returns.

    With :math:`x_i = n h_i` the share of domain i in multiples of an equal share. A domain left out
    counts for little and not for nothing: a loss is finite on a domain that was never seen.

    .. math:: L(h) = E + \left[ \sum_i \frac{1}{a_i}
              \left( \frac{x_i + x_0}{1 + x_0} \right)^{\gamma} \right]^{-1}
    """
    parameters: dict[str, Parameter] = {"E": _ALL, "gamma": _GAMMA, "least": _LEAST}
    said = {"__doc__": text, "reference": _SHUKOR, **_levels(domains, 0)}
    return _made("additive_mixture", domains, parameters, _ALONE, equation, **said)


def sized_mixture(domains: int) -> type[Law]:
    r"""Make the law of an additive mixture for models of several sizes."""

    def equation(**values: Any) -> Any:
        of_size = values["b"] * values["N"] ** -values["alpha"]
        return values["E"] + of_size + _excess(values, domains)

    text = r"""Domains add to what is learnt of the target, beside a power law in model size.

    .. math:: L(N, h) = E + b \, (N / N_0)^{-\alpha} + \left[ \sum_i \frac{1}{a_i}
              \left( \frac{x_i + x_0}{1 + x_0} \right)^{\gamma} \right]^{-1}, \quad x_i = n h_i
    """
    parameters: dict[str, Parameter] = {
        "E": Positive(0.2, 0.95, of="target", about="irreducible loss"),
        "b": Positive(0.01, 1.0, of="target", about="excess loss of a model of the reference size"),
        "alpha": Positive(0.1, 0.8, about="size exponent"),
        "gamma": _GAMMA,
        "least": _LEAST,
    }
    said = {"__doc__": text, "reference": _SHUKOR, **_levels(domains, 2)}
    size = Input("params", about="model parameters")
    return _made("sized_mixture", domains, parameters, _ALONE, equation, N=size, **said)


def _levels(domains: int, of_size: int) -> dict[str, Any]:
    """Return coordinates: the level of an equal mixture, what makes it up, and local log-slopes.

    ``of_size`` is the number of parameters of the power law in model size, none or two. The slope
    in the shares is that of their exponent alone, as if a domain were the only one that teaches.
    """
    first = 1 + of_size

    def forward(*at: Any) -> tuple[Any, ...]:
        learnt, ratios = -at[first + 2], []
        for a in at[first + 3 :]:
            learnt, ratio = total_ratio(learnt, -a)
            ratios.append(ratio)
        level, share = total_ratio(at[0], -learnt)
        size = []
        if of_size:
            level, size_share = total_ratio(level, at[1])
            size = [size_share, at[2] + at[1] - level]
        slope = at[first] - learnt - level
        return level, *size, slope, at[first + 1], share, *ratios

    def backward(*to: Any) -> tuple[Any, ...]:
        level, *size = to[0], *to[1:first]
        if of_size:
            slope = size[1]
            level, b = from_total_ratio(level, size[0])
            size = [b, slope - b + to[0]]
        E, excess = from_total_ratio(level, to[first + 2])
        gamma = to[first] - excess + to[0]
        learnt, each = -excess, []
        for ratio in reversed(to[first + 3 :]):
            learnt, a = from_total_ratio(learnt, ratio)
            each.append(-a)
        return E, *size, gamma, to[first + 1], -learnt, *reversed(each)

    names = ["E", *("b", "alpha")[:of_size], "gamma", "least"]
    names += [f"a_{i}" for i in range(1, domains + 1)]
    return {
        "coordinates": staticmethod(takes(forward, names)),
        "from_coordinates": staticmethod(backward),
    }


def exponential_mixture(domains: int) -> type[Law]:
    """Make Ye's law of data mixing: the excess loss is an exponential of the shares."""

    def equation(**values: Any) -> Any:
        worth = sum(a * share / domains for share, a in _of_each(values, domains))
        return values["E"] + values["R"] * exp(worth)

    parameters: dict[str, Parameter] = {
        "E": _ALL,
        "R": Positive(0.05, 1.5, of="target", about="excess loss of domains of no worth"),
    }
    each = Real(-5.0, 1.0, about="change of log excess loss in the share of domain")
    text = r"""The excess loss is an exponential of a linear function of the shares.

    .. math:: L(h) = E + R \, \exp\Big( \sum_i a_i \, h_i \Big)
    """
    said = {"__doc__": text, "reference": "Ye et al. (2024), arXiv:2403.16952"}
    return _made("exponential_mixture", domains, parameters, each, equation, **said)


MIXTURES = {
    "additive_mixture": additive_mixture,
    "sized_mixture": sized_mixture,
    "exponential_mixture": exponential_mixture,
}
"""How a mixture law is made, by what its name begins with."""


@cache
def mixture(name: str) -> type[Law] | None:
    """Return the mixture law of that name, None where it names none."""
    kind, _, domains = name.rpartition("_")
    if kind not in MIXTURES or not domains.isdecimal():
        return None
    return MIXTURES[kind](int(domains))
