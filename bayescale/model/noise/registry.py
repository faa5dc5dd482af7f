"""The noise models by name."""

from collections.abc import Collection

from bayescale.errors import BayescaleError, closest
from bayescale.model.noise.autocorrelated import CHECKPOINTS, FOLLOWING
from bayescale.model.noise.base import Noise
from bayescale.model.noise.counts import COUNTS, UNTIL
from bayescale.model.noise.heteroscedastic import HETEROSCEDASTIC
from bayescale.model.noise.interval_censored import ROUNDED
from bayescale.model.noise.location_scale import SCATTERS

NOISES: dict[str, Noise] = {
    noise.name: noise
    for noise in (*SCATTERS, *HETEROSCEDASTIC, *CHECKPOINTS, *ROUNDED, *COUNTS, *UNTIL)
}


def get_noise(noise: str | Noise) -> Noise:
    """Return the noise of that name; a Noise is returned as it is.

    Raises
    ------
    BayescaleError
        When there is none of that name.
    """
    if isinstance(noise, Noise):
        return noise
    if noise in NOISES:
        return NOISES[noise]
    raise BayescaleError(
        f"no noise named {noise!r}{closest(noise, NOISES)}; there are {', '.join(NOISES)}"
    )


def following(noise: Noise, law: Collection[str]) -> Noise | None:
    """Return the noise that has the rows of one run follow from one another, if there is one.

    There is none for a law of whose parameters, ``law``, one has the name of the noise's.
    """
    name = FOLLOWING.get(noise.name)
    return NOISES[name] if name and not set(NOISES[name].parameters) & set(law) else None
