"""The vector that is sampled: parameters on the link scale, or coordinates that mix better.

A law may name coordinates in which its posterior has an easy shape: levels, ratios and local slopes
that the runs see. They mix the parameters, so a parameter that is known far better than the runs
could tell, by a narrow prior or because it is fixed, would be a thin curved sheet in them. Such a
parameter is therefore sampled as itself, in place of a coordinate that it moves one for one:

>>> from bayescale.laws.registry import get_law
>>> sampled = Coordinates.of(get_law("chinchilla"), fixed={}, narrow=("alpha",))
>>> [(sampled.names[s.parameter], s.coordinate) for s in sampled.swaps]
[('alpha', 3)]

The map stays closed-form, invertible and volume-preserving.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, Self

import numpy as np

from bayescale.laws.base import Law

LAW_LINK = "law_link"
"""Name, in the PyMC model, of the vector of the law's free parameters."""


NOISE_LINK = "noise_link"
"""Name of the vector of the noise's parameters."""


MOST_SWAPS = 3
"""Narrow or fixed parameters up to which coordinates are kept; with more there is little to mix."""


_STEP = 0.5


_EXACT = 1e-9


class _Swap(NamedTuple):
    """A parameter that is sampled in place of a coordinate.

    Attributes
    ----------
    parameter, coordinate : int
        Their places.
    sign : float
        The parameter's change on its link scale when the coordinate grows by one: 1 or -1.
    """

    parameter: int
    coordinate: int
    sign: float


@dataclass(frozen=True)
class Coordinates:
    """What is sampled of a law's parameters, and the way there and back.

    Attributes
    ----------
    law : Law class
        Whose parameters; its coordinates are used where ``mixed``.
    fixed : mapping of str to float
        Parameters that are not sampled, with their value on the link scale, which may be a tensor.
    swaps : tuple of Swap
        Parameters that are sampled, or fixed, as themselves.
    mixed : bool
        Whether the law's coordinates are used at all.
    """

    law: type[Law]
    fixed: Mapping[str, Any]
    swaps: tuple[_Swap, ...]
    mixed: bool

    @classmethod
    def of(cls, law: type[Law], fixed: Mapping[str, Any], narrow: Sequence[str]) -> Self:
        """Choose the coordinates in which a law is sampled.

        Parameters
        ----------
        law
            The law.
        fixed
            Its fixed parameters, on the link scale.
        narrow
            Parameters whose prior is far narrower than the law's own.
        """
        apart = (*fixed, *(name for name in narrow if name not in fixed))
        swaps = _find_swaps(law, apart)
        return cls(law, fixed, swaps or (), mixed=swaps is not None)

    @property
    def names(self) -> list[str]:
        """The law's parameters, free or fixed."""
        return list(self.law.parameters)

    def forward(self, link: Any) -> list[Any]:
        """Take the free parameters, on the link scale, to what is sampled: as many numbers."""
        if not self.mixed:
            return [link[i] for i in range(len(self.names) - len(self.fixed))]
        full = self._filled(link)
        point = list(self.law.coordinates(*full))
        for swap in self.swaps:
            point[swap.coordinate] = full[swap.parameter]
        return [point[i] for i in range(len(point)) if i not in self._places_of_fixed()]

    def backward(self, sampled: Any) -> list[Any]:
        """Invert :meth:`forward`."""
        if not self.mixed:
            return [sampled[i] for i in range(len(self.names) - len(self.fixed))]
        known = self._places_of_fixed()
        given = iter([sampled[i] for i in range(len(self.names) - len(known))])
        point = [known[i] if i in known else next(given) for i in range(len(self.names))]
        link = _parameters(self.law, point, self.swaps)
        return [value for name, value in zip(self.names, link, strict=True) if name in self._free()]

    def _free(self) -> list[str]:
        return [name for name in self.names if name not in self.fixed]

    def _filled(self, link: Any) -> list[Any]:
        """Put the fixed parameters among the free ones."""
        place = {name: i for i, name in enumerate(self._free())}
        return [link[place[n]] if n in place else self.fixed[n] for n in self.names]

    def _places_of_fixed(self) -> dict[int, Any]:
        """Return the coordinates in whose place a parameter is fixed, with its value."""
        names = self.names
        return {
            s.coordinate: self.fixed[names[s.parameter]]
            for s in self.swaps
            if names[s.parameter] in self.fixed
        }


def _parameters(law: type[Law], point: Sequence[Any], swaps: Sequence[_Swap]) -> list[Any]:
    """Return all parameters on the link scale at a point some of whose coordinates are swapped."""
    point = list(point)
    for i in reversed(range(len(swaps))):
        swap = swaps[i]
        value = point[swap.coordinate]
        point[swap.coordinate] = 0.0
        without = _parameters(law, point, swaps[:i])[swap.parameter]
        point[swap.coordinate] = swap.sign * (value - without)
    return list(law.from_coordinates(*point))


@lru_cache
def _find_swaps(law: type[Law], apart: tuple[str, ...]) -> tuple[_Swap, ...] | None:
    """Find, for each named parameter, a coordinate in whose place it can be sampled.

    That is one which the parameter follows with a slope of 1 or -1 wherever the others are, so that
    the swap has a closed form and keeps the volume.

    Parameters
    ----------
    law
        The law.
    apart
        The parameters, in the order in which they are swapped.

    Returns
    -------
    tuple of Swap or None
        None where the law has no coordinates, or one of the parameters no such coordinate.
    """
    if not hasattr(law, "coordinates") or len(apart) > MOST_SWAPS:
        return None
    names, swaps = list(law.parameters), []
    centre = np.array([p.normal(p.low, p.high)[0] for p in law.parameters.values()])
    rng = np.random.default_rng(0)
    points = [np.array(law.coordinates(*(centre + rng.normal(0, 1, len(names))))) for _ in range(6)]
    for name in apart:
        parameter, taken = names.index(name), {swap.coordinate for swap in swaps}
        slopes = np.array([_slopes(law, point, swaps, parameter) for point in points])
        exact = (np.ptp(slopes, axis=0) < _EXACT) & (np.abs(np.abs(slopes[0]) - 1) < _EXACT)
        found = [i for i in np.flatnonzero(exact) if i not in taken]
        if not found:
            return None
        swaps.append(_Swap(parameter, int(found[0]), float(np.round(slopes[0, found[0]]))))
    return tuple(swaps)


def _slopes(law: type[Law], point: np.ndarray, swaps: list[_Swap], parameter: int) -> np.ndarray:
    """Return the change of a parameter for a step of each coordinate, per unit of the step."""
    # any point of the swapped space will do: the map between them is a bijection
    at = _parameters(law, list(point), swaps)[parameter]
    steps = _STEP * np.eye(len(point))
    return np.array(
        [(_parameters(law, list(point + s), swaps)[parameter] - at) / _STEP for s in steps]
    )
