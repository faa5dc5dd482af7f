"""The gallery: every figure with the lines that draw it, drawn when the site is built."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

import bayescale

DPI = 150
SETUP = """import bayescale as bs

truth = {"E": 1.8, "a": 480, "alpha": 0.35, "b": 2100, "beta": 0.37}
design = bs.isoflop_design([1e18, 6e18, 3e19, 2e20, 1e21], [2, 4, 8, 15, 30, 60, 100, 200])
table = bs.simulate("chinchilla", design, truth, random_seed=1)
runs = bs.read_runs(table, params_convention="total", loss_unit="nats/token")
fits = {
    law: bs.fit(runs, law, random_seed=1, progressbar=False) for law in ("chinchilla", "skaling")
}
fit = fits["chinchilla"]
"""
SCORES = """import numpy as np
import pandas as pd

rng, flops = np.random.default_rng(1), np.geomspace(1e21, 1e24, 16)
skill = np.log10(flops) - 22.5 + rng.normal(0, 0.2, 16)
models = pd.DataFrame({"model": [f"m{i}" for i in range(16)], "flops": flops})
models["family"] = ["ours", "theirs"] * 8
guessing = {"mmlu": 0.25, "hellaswag": 0.25, "gsm8k": 0.0}
for name, low in guessing.items():
    models[name] = low + (1 - low) / (1 + np.exp(-skill)) + rng.normal(0, 0.02, 16)

observational = bs.fit_capabilities(
    models,
    list(guessing),
    factors=1,
    floors=guessing,
    sampler=bs.Sampler(target_accept=0.99),
    random_seed=1,
    progressbar=False,
)
bs.plot_capabilities(observational)
"""


@dataclass(frozen=True)
class Example:
    """A figure: what it shows, what is seen in it, and the lines that draw it."""

    name: str
    title: str
    seen: str
    code: str


EXAMPLES = (
    Example(
        "plot_bands",
        "Bands along compute",
        "Forty runs, and the bands of the law and of a new run to a thousand times the largest.",
        'bs.plot_bands(fit, x="flops", beyond=1000)',
    ),
    Example(
        "plot_isoflop",
        "IsoFLOP curves",
        "Loss over size at three budgets, the runs of each, and the interval of the best size.",
        'bs.plot_isoflop(fit, ["1e18", "3e19", "1e21"])',
    ),
    Example(
        "plot_frontier",
        "The compute-optimal frontier",
        "The best size and data of each budget, beside the rule of 20 tokens per parameter.",
        'bs.plot_frontier(fit, flops=["1e20", "1e24"])',
    ),
    Example(
        "plot_regret",
        "Regret of a size",
        "The loss that each size gives up at a budget, and the sizes that are nearly as good.",
        'bs.plot_regret(fit, "1e23", ["3B", "30B"])',
    ),
    Example(
        "plot_residuals",
        "Residuals",
        "Standardised residuals over compute: a curve in them is what the law misses.",
        "bs.plot_residuals(fit)",
    ),
    Example(
        "plot_prior_posterior",
        "Prior and posterior",
        "What the runs added to each prior. Where both coincide, the runs were uninformative.",
        "bs.plot_prior_posterior(fit)",
    ),
    Example(
        "plot_ridge",
        "A pair of parameters",
        "The joint posterior of the pair that trades off most.",
        "bs.plot_ridge(fit)",
    ),
    Example(
        "plot_identify",
        "What the runs identify",
        "Contraction of every parameter, the worst ridge, prior and posterior.",
        "bs.plot_identify(fit)",
    ),
    Example(
        "plot_plan",
        "Which runs next",
        "The fitted runs, the candidates, the chosen ones, and the uncertainty that they remove.",
        'bs.plot_plan(bs.plan(fit, budget="1e21", about="flops=1e23", runs=2))',
    ),
    Example(
        "plot_backtest",
        "A backtest",
        "Errors of predictions of larger runs with their bands, and how they grow with distance.",
        'bs.plot_backtest(\n    bs.backtest(runs, "chinchilla", cuts=[0.5, 0.7], random_seed=1, progressbar=False)\n)',
    ),
    Example(
        "plot_compare",
        "Laws compared",
        "How far each law falls behind the best by LOO, with standard errors and weights.",
        "bs.plot_compare(bs.compare(fits))",
    ),
    Example(
        "plot_exponents",
        "Exponents beside published ones",
        "Exponents and irreducible loss of several fits, and what papers published.",
        'bs.plot_exponents(fits, bs.load_study("hoffmann2022").published)',
    ),
    Example(
        "plot_effective_compute",
        "The compute that a recipe saves",
        "The compute-equivalent gain of a recipe of which there are three runs, over budgets.",
        'recipe = table.tail(3).assign(loss=table["loss"].tail(3) / 1.02)\n'
        "bs.plot_effective_compute(bs.effective_compute(fit, recipe, discrepancy=None))",
    ),
    Example(
        "plot_capabilities",
        "Capabilities of public models",
        "A latent capability of every model over its compute, and the lines of two families.",
        SCORES,
    ),
)
INTRO = """# Gallery

Every figure of the package, by the lines that draw it. Each `plot_*` takes axes (`ax=` or `axes=`) or makes its own,
and returns them. Below, every figure but the last uses these runs and fits:

```python
{setup}```
"""


def write(folder: Path) -> None:
    """Draw every figure below a folder, and write the page that shows them."""
    known = {name for name in bayescale.__all__ if name.startswith("plot_")}
    if missing := known - {example.name for example in EXAMPLES}:
        raise ValueError(f"add to EXAMPLES in docs/gallery.py: {sorted(missing)}")
    matplotlib.use("Agg")
    found: dict[str, Any] = {}
    exec(SETUP, found)
    for example in EXAMPLES:
        _draw(example, found).savefig(folder / f"{example.name}.png", dpi=DPI, bbox_inches="tight")
        plt.close("all")
    sections = [_section(example) for example in EXAMPLES]
    (folder / "index.md").write_text("\n".join([INTRO.format(setup=SETUP), *sections]))


def _draw(example: Example, found: Mapping[str, Any]) -> Figure:
    """Run the lines of an example, and return the figure that they made."""
    exec(example.code, dict(found))
    (number,) = plt.get_fignums()
    return plt.figure(number)


def _section(example: Example) -> str:
    return f"""## {example.title}

{example.seen}

![{example.title}: {example.seen}]({example.name}.png)

```python
{example.code.rstrip()}
```

Reference: {{func}}`bayescale.{example.name}`.
"""
