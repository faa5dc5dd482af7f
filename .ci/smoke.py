"""Import every public name, fit a law, ask it, save and load it, draw it: with any versions."""

import os
import tempfile
from importlib import metadata

import matplotlib

import bayescale as bs

matplotlib.use("Agg")
os.chdir(tempfile.mkdtemp())
for name in bs.__all__:
    getattr(bs, name)
truth = {"E": 1.8, "a": 480, "alpha": 0.35, "b": 2100, "beta": 0.37}
design = bs.isoflop_design([6e18, 1e20, 6e20], [4, 15, 30, 120])
bs.simulate("chinchilla", design, truth, random_seed=1).to_csv("runs.csv", index=False)
runs = bs.read_runs("runs.csv", params_convention="total", loss_unit="nats/token")
fit = bs.fit(runs, "chinchilla", random_seed=1, progressbar=False)
assert fit.diagnostics.rhat < 1.05, fit.diagnostics
fit.save("fit.nc")
loaded = bs.load("fit.nc")
bands = bs.credible_intervals(loaded.predict(params="7B", tokens="140B")).set_index("quantity")
assert 1.8 < bands.loc["outcome", "lower"] < bands.loc["outcome", "upper"] < 2.4, bands
bs.credible_intervals(loaded.optimum("1e22"))
loaded.summary()
loaded.identify(flops="1e22")
bs.compare({"one": fit, "two": loaded})
loaded.plot()
loaded.report("report.html")
packages = (
    "pymc",
    "arviz",
    "nutpie",
    "numpy",
    "pandas",
    "xarray",
    "scipy",
    "matplotlib",
    "h5netcdf",
)
print(bands, *(f"{name} {metadata.version(name)}" for name in packages), sep="\n")
