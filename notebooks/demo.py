"""From a table of small runs to a decision, in a minute: what ``make demo`` runs.

Simulates forty runs, fits Chinchilla's law, prints the intervals, and writes into ``demo/`` the
table, the fit, two pictures and the report. No data and no network needed.
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

    fit = bs.fit(
        bs.read_runs(FOLDER / "runs.csv", params_convention="total", loss_unit="nats/token"),
        "chinchilla",
        random_seed=1,
    )
    bs.save(fit, FOLDER / "fit.nc")
    pd.set_option("display.width", 120, "display.max_columns", 12, "display.precision", 4)
    print(f"\n{fit.diagnostics}\n\nThe parameters (the simulated truth is {TRUTH}):")
    print(bs.summary(fit)[["median", "lower", "upper", "ess", "rhat"]])
    print("\nWhat the runs can tell:")
    print(bs.identify(fit)[["verdict", "contraction", "partner"]])
    print(f"\nThe compute-optimal model at {BUDGET:.0e} FLOP, a thousand times the largest run:")
    print(bs.credible_intervals(bs.optimum(fit, BUDGET))[["quantity", "median", "lower", "upper"]])

    bs.plot_bands(fit).figure.savefig(FOLDER / "bands.png", dpi=150, bbox_inches="tight")
    bs.plot_isoflop(fit).figure.savefig(FOLDER / "isoflop.png", dpi=150, bbox_inches="tight")
    bs.report(fit, FOLDER / "report.html", flops=[BUDGET])
    print(f"\nwrote {', '.join(str(p) for p in sorted(FOLDER.iterdir()))}")


if __name__ == "__main__":
    main()
