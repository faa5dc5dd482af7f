"""What every posterior answers, whether of one law, of one group, or of an average of laws.

Each holds draws alike, so that a question is asked of any by :meth:`PosteriorLike.mix`.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import xarray as xr

from bayescale.inference.result import Fit

if TYPE_CHECKING:
    from bayescale.prediction.discrepancy import Discrepancy


@runtime_checkable
class PosteriorLike(Protocol):
    """What checks take for a posterior: a :class:`Fit` or a :class:`bayescale.Average`.

    Nothing here depends on how many laws there are, or on what a law's parameters are. A group of a
    hierarchical fit (:func:`bayescale.group_fit`) is a :class:`Fit`.
    """

    @property
    def label(self) -> str:
        """The law's name, or those of an average with their weights."""
        ...

    @property
    def weights(self) -> Mapping[str, float]:
        """The weight of each fit by name; they sum to one."""
        ...

    @property
    def representative(self) -> Fit:
        """The fit of largest weight: it speaks for the runs, columns and units of all."""
        ...

    @property
    def target(self) -> str:
        """The column that is predicted."""
        ...

    @property
    def unit(self) -> str:
        """The unit of the target, "" where it has none or it is not known."""
        ...

    @property
    def observed(self) -> xr.DataArray:
        """The observed target, dim run."""
        ...

    @property
    def inputs(self) -> Mapping[str, xr.DataArray]:
        """The representative's inputs of the fitted runs, in their own units, dim run."""
        ...

    @property
    def seed(self) -> int:
        """The seed that it was drawn with, which its questions use where none is given."""
        ...

    def members(self) -> dict[str, Fit]:
        """Return the fits of positive weight by name, largest weight first."""
        ...

    def typical(self, discrepancy: "Discrepancy | None") -> "Discrepancy | None":
        """Return one discrepancy that stands for those of all members."""
        ...

    def mix(
        self,
        ask: "Callable[[Fit, Discrepancy | None], xr.Dataset]",
        discrepancy: "Discrepancy | None" = None,
    ) -> xr.Dataset:
        """Ask each member, and return draws in proportion to the weights."""
        ...
