"""How an observed number scatters around a law.

A noise is additive scatter on a scale (:mod:`bayescale.model.noise.location_scale`: log loss, raw,
log odds, below a frontier), such scatter along a run
(:mod:`bayescale.model.noise.autocorrelated`), the interval of a rounded value
(:mod:`bayescale.model.noise.interval_censored`), a count of successes
(:mod:`bayescale.model.noise.counts`) or of tries (:mod:`bayescale.model.noise.counts`). Each has
parameters with priors and two faces of one published distribution: PyMC's, for the model, and
SciPy's, for densities and draws on posterior samples.
"""
