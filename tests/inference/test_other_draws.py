"""The shift of every sampler's seed, by which the suite is run with draws of other processors."""

import os
import subprocess
import sys
from pathlib import Path

import other_draws

CODE = """
import numpy as np
import pandas as pd
import other_draws
other_draws.move()
import bayescale as bs
x = np.geomspace(1e17, 1e21, 12)
loss = 3 * (x / 1e19) ** -0.1 * (1 + 0.01 * np.sin(np.arange(12)))
runs = pd.DataFrame({"flops": x, "loss": loss})
sampler = bs.Sampler(draws=300, tune=300, chains=2)
columns = {"x": "flops"}
fit = bs.fit(runs, "power_law", columns=columns, sampler=sampler, random_seed=1, progressbar=False)
print(float(fit.posterior["exponent"][0, 0]), fit.record["seed"])
"""


def drawn(seed: str) -> list[str]:
    """Return the first draw and the recorded seed of a fit in a process of its own."""
    environment = os.environ | {other_draws.VARIABLE: seed}
    ran = subprocess.run(
        [sys.executable, "-c", CODE],
        cwd=Path(other_draws.__file__).parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split()


def test_the_shift_moves_the_draws_and_not_the_recorded_seed() -> None:
    as_asked, moved = drawn("0"), drawn("3")
    assert as_asked[0] != moved[0]
    assert as_asked[1] == moved[1] == "1"
