"""From a table of small runs to a decision, in a minute: what ``make demo`` runs.

Simulates forty runs of Chinchilla's law, lets ``analyze`` fit, judge and weigh laws, and says what
to train. Then it shows one of the laws more closely. Writes into ``demo/`` the table, the weighted
laws, the report and two pictures. No data and no network needed.
"""

from pathlib import Path

import numpy as np
import pandas as pd

import bayescale as bs

FOLDER = Path("demo")
BUDGET = 1e24
TRUTH = {"E": 1.8, "a": 480, "alpha": 0.35, "b": 2100, "beta": 0.37}


def main() -> None:
    """Run the demo."""
    FOLDER.mkdir(exist_ok=True)
    design = bs.isoflop_design(np.geomspace(1e18, 1e21, 5), np.geomspace(2, 200, 8))
    runs = bs.simulate("chinchilla", design, TRUTH, random_seed=1)
    runs.to_csv(FOLDER / "runs.csv", index=False)
    print(bs.read_runs(FOLDER / "runs.csv", params_convention="total", loss_unit="nats/token"))

    analysis = bs.analyze(runs, flops=BUDGET, random_seed=1)
    print(f"\n{analysis}")
    bs.save(analysis.posterior, FOLDER / "laws.nc")
    analysis.report(FOLDER / "report.html")

    fit = analysis.fits["chinchilla"]
    pd.set_option("display.width", 120, "display.max_columns", 12, "display.precision", 4)
    print(f"\nThe parameters of Chinchilla's law (the simulated truth is {TRUTH}):")
    print(bs.summary(fit)[["median", "lower", "upper", "ess", "rhat"]])
    print("\nWhat the runs can tell of them:")
    print(bs.identify(fit)[["verdict", "contraction", "partner"]])
    bs.plot_bands(analysis.posterior).figure.savefig(
        FOLDER / "bands.png", dpi=150, bbox_inches="tight"
    )
    bs.plot_isoflop(fit).figure.savefig(FOLDER / "isoflop.png", dpi=150, bbox_inches="tight")
    print(f"\nwrote {', '.join(str(p) for p in sorted(FOLDER.iterdir()))}")


if __name__ == "__main__":
    main()
