"""Model files as what predicts: read by name, fitted when they are first asked.

>>> from bayescale.inference.models import load_model
>>> model = load_model("sld_domain_mixture")
>>> model.study.law, list(model.targets)[:2]
('sized_mixture_5', ['loss_domain_1', 'loss_domain_2'])
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import xarray as xr

from bayescale.data.units import Quantities
from bayescale.inference.fit import fit
from bayescale.inference.result import Fit
from bayescale.studies.study import Study, load_study


@dataclass(frozen=True, eq=False)
class Model:
    """A model file that is fitted when it is first asked: one fit for each target.

    Attributes
    ----------
    study : Study
        The runs, the law, what it predicts, and how wrong it may be away from the runs.
    random_seed : int or None
        Seed of the fits; chosen, and recorded in them, when None.

    See Also
    --------
    load_model : Read one.
    predict : Predict new rows of its table.
    fit : Fit its law to other runs: ``fit(runs, model.study)``.

    Examples
    --------
    >>> model = bs.load_model("hoffmann2022", random_seed=1)
    >>> model.targets
    ('loss',)
    >>> model.predict(params="70B", tokens="1.4T")["law"].dims  # doctest: +SKIP
    ('chain', 'draw', 'point')
    """

    study: Study
    random_seed: int | None = None

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns that are predicted."""
        return tuple(self.study.of_targets())

    @cached_property
    def fits(self) -> dict[str, Fit]:
        """The fit of each target, by its column."""
        return {
            column: fit(study, random_seed=self.random_seed, progressbar=False)
            for column, study in self.study.of_targets().items()
        }

    def fit(self, random_seed: int | None = None) -> Any:
        """Fit it, with the defaults and what the model file says.

        Parameters
        ----------
        random_seed : int, optional
            Seed of the fits in place of the model's own.

        Returns
        -------
        Fit or Model
            The fit of one target; of several, the model with a fit of each, which predicts alike.
        """
        model = self if random_seed is None else Model(self.study, random_seed)
        fits = list(model.fits.values())
        return fits[0] if len(fits) == 1 else model

    def predict(
        self,
        at: Any = None,
        *,
        params: Quantities | None = None,
        tokens: Quantities | None = None,
        flops: Quantities | None = None,
        random_seed: int | None = None,
    ) -> xr.Dataset:
        """Predict its targets at new points; see :func:`bayescale.predict`.

        Parameters
        ----------
        at, params, tokens, flops, random_seed
            As for :func:`bayescale.predict`; a DataFrame has the columns of the model's own table.

        Returns
        -------
        xarray.Dataset, dims (chain, draw, point) or (target, chain, draw, point)
            ``law``, ``outcome`` and ``new_run``; of several targets, by their columns.
        """
        import bayescale

        return bayescale.predict(
            self, at, params=params, tokens=tokens, flops=flops, random_seed=random_seed
        )


def load_model(name_or_path: str | Path, random_seed: int | None = None) -> Model:
    """Read a model file as what predicts: it is fitted when it is first asked.

    Parameters
    ----------
    name_or_path : str or Path
        The name of a model that comes with bayescale (:func:`list_studies`), or the path of a
        ``.toml`` file.
    random_seed : int, optional
        Makes its fits reproducible.

    Returns
    -------
    Model
        ``fit(model)`` and ``predict(model, table)`` take it; the rows to predict have the columns
        of its own table, under the names they have there.

    Raises
    ------
    BayescaleError
        When there is no such model, or the file is not a valid model file.

    See Also
    --------
    load_study : The model file alone, to read it or to fit other runs.
    predict : Predict new rows.

    Examples
    --------
    >>> model = bs.load_model("sld_parallel")
    >>> model.study.law, model.targets
    ('parallel_streams', ('loss',))
    """
    return Model(load_study(name_or_path), random_seed)
