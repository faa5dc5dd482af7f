"""How an observed number scatters around a law.

A noise is additive scatter on a scale (:mod:`bayescale.noise.scatter`: log loss, raw, log odds,
below a frontier), such scatter along a run (:mod:`bayescale.noise.checkpoints`), the interval of a
rounded value (:mod:`bayescale.noise.rounding`), a count of successes
(:mod:`bayescale.noise.counts`) or of tries (:mod:`bayescale.noise.until`). Each has parameters with
priors and two faces of one published distribution: PyMC's, for the model, and SciPy's, for
densities and draws on posterior samples.
"""

from bayescale.errors import BayescaleError
from bayescale.law import closest
from bayescale.noise.base import Noise
from bayescale.noise.checkpoints import CHECKPOINTS, FOLLOWING
from bayescale.noise.counts import COUNTS
from bayescale.noise.rounding import ROUNDED
from bayescale.noise.scatter import SCATTERS
from bayescale.noise.until import UNTIL

__all__ = ["NOISES", "Noise", "following", "get_noise"]

NOISES: dict[str, Noise] = {
    noise.name: noise for noise in (*SCATTERS, *CHECKPOINTS, *ROUNDED, *COUNTS, *UNTIL)
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


def following(noise: Noise) -> Noise | None:
    """Return the noise that has the rows of one run follow from one another, if there is one."""
    name = FOLLOWING.get(noise.name)
    return NOISES[name] if name else None
