"""Do independent samplers and an independent implementation give the same posteriors?

    python benchmarks/samplers.py                    # the laws that are not measured yet
    python benchmarks/samplers.py chinchilla kaplan  # these, again

Ten laws: the package's own fit with 40,000 draws against PyMC's sampler and numpyro's, both on the
PyMC model that :func:`bayescale.build_model` gives, and against a Stan program, in which equation,
transformations and likelihood are written by hand below and only the priors' centres and widths
are taken from the package. Means and standard deviations of every parameter are compared on its
link scale, in units of their Monte Carlo error.

Needs numpyro (``uv run --with numpyro python benchmarks/samplers.py``) and for Stan a C++ compiler;
``--stan`` is the command under whose Python httpstan runs.
"""

import argparse
import json
import shlex
import subprocess
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import arviz as az
import numpy as np
import pandas as pd
import pymc as pm
import xarray as xr
from bars import RESULTS, Bar
from scipy.special import logit

import bayescale as bs
from bayescale.inference.sampling import Sampler
from bayescale.model.build import pymc_model
from bayescale.model.link_scale import to_link
from bayescale.model.observations import Data, extract
from bayescale.model.spec import Spec, make_spec

FOLDER = RESULTS / "samplers"
CHAINS = 4
DRAWS = {"bayescale": 10_000, "pymc": 1_000, "numpyro": 4_000, "stan": 5_000}
"""Of each chain, by sampler: as many as its speed allows."""
TUNE = 1_000
LIMIT = 3.5
"""Of a difference, in Monte Carlo errors."""


@dataclass(frozen=True)
class Program:
    """A law by hand, in Stan.

    Attributes
    ----------
    inputs : dict of str to str
        Input by name, with its column.
    parameters : dict of str to str
        By name the transformation from the link scale: ``exp``, ``inv_logit`` or nothing.
    curve : str
        The equation, of inputs relative to their reference points.
    scale : str
        Where the Student-t scatter is additive: ``log``, ``logit`` or nothing.
    runs : tuple or mapping
        A public table and which of its rows, or the truth of simulated runs.
    """

    inputs: Mapping[str, str]
    parameters: Mapping[str, str]
    curve: str
    scale: str
    runs: tuple[str, str | None] | Mapping[str, float]


EXP = "exp"
N_AND_D = {"N": "params", "D": "tokens"}

PROGRAMS = {
    "chinchilla": Program(
        N_AND_D,
        dict.fromkeys(["E", "a", "alpha", "b", "beta"], EXP),
        "E + a * N ^ (-alpha) + b * D ^ (-beta)",
        "log",
        ("hoffmann2022", None),
    ),
    "skaling": Program(
        N_AND_D,
        {"E": EXP, "R": EXP, "s": "inv_logit", "alpha": EXP, "beta": EXP, "k": EXP},
        "E + R * (s * N ^ (-alpha) + (1 - s) * D ^ (-beta)) ^ k",
        "log",
        ("gemstones2025", "set == 'cooldown_end'"),
    ),
    "kaplan": Program(
        N_AND_D,
        {"L0": EXP, "s": "inv_logit", "alpha_N": EXP, "alpha_D": EXP},
        "L0 * (s * N ^ (-alpha_N / alpha_D) + (1 - s) / D) ^ alpha_D",
        "log",
        {"L0": 2.8, "s": 0.5, "alpha_N": 0.08, "alpha_D": 0.1},
    ),
    "kaplan_steps": Program(
        {"N": "params", "S": "steps_min"},
        {"L0": EXP, "s": "inv_logit", "alpha_N": EXP, "alpha_S": EXP},
        "L0 * (s * N ^ (-alpha_N) + (1 - s) * S ^ (-alpha_S))",
        "log",
        {"L0": 2.8, "s": 0.5, "alpha_N": 0.08, "alpha_S": 0.5},
    ),
    "isoflop": Program(
        {"N": "params", "C": "flops"},
        {"E": EXP, "r": EXP, "gamma": EXP, "kappa": EXP, "n": EXP, "a": "inv_logit"},
        "E + r * C ^ (-gamma) * (1 + kappa / 2 * (log(N) - log(n) - a * log(C)) ^ 2)",
        "log",
        {"E": 1.7, "r": 1.0, "gamma": 0.15, "kappa": 0.1, "n": 1.0, "a": 0.5},
    ),
    "rosenfeld": Program(
        {"N": "params", "D": "examples"},
        dict.fromkeys(["e0", "c", "a", "alpha", "b", "beta"], EXP),
        "(c + a * N ^ (-alpha) + b * D ^ (-beta))"
        " / sqrt(1 + square((c + a * N ^ (-alpha) + b * D ^ (-beta)) / e0))",
        "log",
        {"e0": 0.9, "c": 0.05, "a": 0.15, "alpha": 0.5, "b": 0.2, "beta": 0.5},
    ),
    "power_law_floor": Program(
        {"x": "flops"},
        {"E": EXP, "scale": EXP, "exponent": EXP},
        "E + scale * x ^ (-exponent)",
        "log",
        {"E": 1.7, "scale": 0.8, "exponent": 0.2},
    ),
    "accuracy_from_loss": Program(
        {"L": "loss"},
        {"guess": "inv_logit", "reach": "inv_logit", "odds": "", "steepness": EXP},
        "guess + (1 - guess) * reach * inv_logit(odds - steepness * (L - 1))",
        "logit",
        {"guess": 0.25, "reach": 0.9, "odds": 0.5, "steepness": 10.0, "sigma": 0.05},
    ),
    "error_from_loss": Program(
        {"L": "loss"},
        dict.fromkeys(["level", "headroom", "rate"], EXP),
        "level + headroom * (1 - exp(-rate * (L - 1)))",
        "",
        {"level": 0.5, "headroom": 0.3, "rate": 3.0, "sigma": 0.005},
    ),
    "brier_score": Program(
        {"N": "params", "K": "options"},
        {"a": EXP, "alpha": EXP},
        "K / (K - 1) * square(expm1(-a * N ^ (-alpha)))",
        "",
        {"a": 0.8, "alpha": 0.3, "sigma": 0.01},
    ),
}


def stan_code(program: Program) -> str:
    """Write the program: link scale, priors, curve and scatter of each run.

    What is not named by the law ends in an underscore.
    """
    names = [*program.parameters, "sigma", "nu"]
    transform = {**program.parameters, "sigma": EXP, "nu": EXP}
    scaled = "\n".join(
        f"  real {name} = size_[{i}] * {transform[name]}(z_[{i}]);"
        for i, name in enumerate(names, 1)
    )
    columns = "\n".join(f"  vector[runs_] {name}_;" for name in program.inputs)
    inputs = "\n".join(f"    real {name} = {name}_[i_];" for name in program.inputs)
    return f"""data {{
  int runs_;
  int numbers_;
  vector[numbers_] centre_;
  vector[numbers_] width_;
  vector[numbers_] size_;
  vector[runs_] y_;
{columns}
}}
parameters {{ vector[numbers_] z_; }}
transformed parameters {{
{scaled}
}}
model {{
  z_ ~ normal(centre_, width_);
  for (i_ in 1:runs_) {{
{inputs}
    real curve = {program.curve};
    y_[i_] ~ student_t(nu, {program.scale}(curve), sigma);
  }}
}}
"""


def problem_of(law: str) -> tuple[Spec, Data]:
    """Return what is fitted to which runs."""
    program = PROGRAMS[law]
    if isinstance(program.runs, tuple):
        name, where = program.runs
        runs, spec = bs.read_runs(bs.load_dataset(name)), make_spec(law)
        return spec, extract(spec, runs.where(where) if where else runs)
    design = bs.typical_design(law, 60, random_seed=1)
    spec = make_spec(law)
    middle = {
        name: float(np.exp(np.log(design[spec.column(name)]).mean()))
        for name, declared in spec.law.inputs.items()
        if declared.relative
    }
    simulated = bs.simulate(law, design, program.runs, references=middle, random_seed=1)
    return spec, extract(spec, bs.read_runs(simulated))


def stan_data(law: str, spec: Spec, data: Data) -> dict[str, Any]:
    """Return the program's data: priors, runs relative to their reference points, the target."""
    program = PROGRAMS[law]
    names = [*program.parameters, "sigma", "nu"]
    centre, width = spec.normal_priors(names, data.scales)
    parameters = spec.parameters
    size = [data.scales[of] if (of := parameters[name].of) else 1.0 for name in names]
    seen = data.observed
    target = {"log": np.log, "logit": logit, "": np.asarray}[program.scale](seen)
    columns = {
        f"{name}_": (data.inputs[name] / data.references.get(name, 1.0)).tolist()
        for name in program.inputs
    }
    return {
        "runs_": len(seen),
        "numbers_": len(names),
        "centre_": list(map(float, centre)),
        "width_": list(map(float, width)),
        "size_": size,
        "y_": target.tolist(),
        **columns,
    }


def posteriors(law: str, stan: str) -> Iterator[tuple[str, xr.Dataset]]:
    """Yield each sampler's draws of the parameters, in their own units."""
    spec, data = problem_of(law)
    names = list(spec.parameters)
    sampler = Sampler(draws=DRAWS["bayescale"], tune=TUNE, chains=CHAINS)
    # A noise that is named keeps every row: others get the same data.
    fit = bs.fit(
        data.runs, law, noise=spec.noise.name, sampler=sampler, random_seed=1, progressbar=False
    )
    yield "bayescale", fit.posterior[names]
    for name in ("pymc", "numpyro"):
        with pymc_model(spec, data):
            tree = pm.sample(
                DRAWS[name],
                tune=TUNE,
                chains=CHAINS,
                cores=1,
                nuts_sampler=name,
                target_accept=0.95,
                random_seed=2,
                progressbar=False,
                compute_convergence_checks=False,
            )
        yield name, tree["posterior"].to_dataset()[names]
    asked = {
        "program": stan_code(PROGRAMS[law]),
        "data": stan_data(law, spec, data),
        "chains": CHAINS,
        "draws": DRAWS["stan"],
        "seed": 3,
    }
    script = Path(__file__).with_name("stan_sampler.py")
    command = [*shlex.split(stan), "python", str(script)]
    answer = subprocess.run(
        command, input=json.dumps(asked), capture_output=True, text=True, check=True
    )
    drawn = json.loads(answer.stdout)
    yield "stan", xr.Dataset({name: (("chain", "draw"), np.array(drawn[name])) for name in names})


def measured(law: str, stan: str) -> pd.DataFrame:
    """Return mean, sd and their Monte Carlo errors by sampler and parameter, on the link scale."""
    spec, data = problem_of(law)
    rows = []
    for sampler, draws in posteriors(law, stan):
        for name, parameter in spec.parameters.items():
            link = to_link(parameter, draws[name], data.scales).values
            rows.append(
                {
                    "law": law,
                    "sampler": sampler,
                    "parameter": name,
                    "mean": float(link.mean()),
                    "sd": float(link.std(ddof=1)),
                    "mcse_mean": float(az.mcse(link, method="mean")),
                    "mcse_sd": float(az.mcse(link, method="sd")),
                    "rhat": float(az.rhat(link)),
                    "ess": float(az.ess(link)),
                }
            )
    return pd.DataFrame(rows)


def differences(table: pd.DataFrame) -> pd.DataFrame:
    """Compare each other sampler with the package's: z of the mean and of the sd."""
    ours = table[table["sampler"] == "bayescale"].set_index(["law", "parameter"])
    theirs = table[table["sampler"] != "bayescale"].set_index(["law", "parameter"])
    both = theirs.join(ours.add_suffix("_ours"))
    for what in ("mean", "sd"):
        error = np.hypot(both[f"mcse_{what}"], both[f"mcse_{what}_ours"])
        both[f"z_{what}"] = (both[what] - both[f"{what}_ours"]) / error
    return both.reset_index()


def measure() -> list[Bar]:
    """Report the saved comparisons."""
    found = [pd.read_json(path, orient="records") for path in sorted(FOLDER.glob("*.json"))]
    table = differences(pd.concat(found))
    z = table[["z_mean", "z_sd"]].to_numpy()
    worst = table.loc[table[["z_mean", "z_sd"]].abs().max(axis=1).idxmax()]
    where = f"{worst['parameter']} of {worst['law']} by {worst['sampler']}"
    laws = table["law"].nunique()
    return [
        Bar("laws compared", laws, 10),
        Bar("largest |z| of a mean or sd", float(np.abs(z).max()), high=LIMIT, note=where),
        Bar("root mean square of z", float(np.sqrt((z**2).mean())), note=f"{z.size} comparisons"),
        Bar("largest R-hat", float(table[["rhat", "rhat_ours"]].max().max()), high=1.01),
    ]


def main() -> None:
    """Measure laws, save them, print the bars."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("laws", nargs="*")
    parser.add_argument("--stan", default="uv run --no-project --python 3.11 --with httpstan")
    asked = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    laws = asked.laws or [law for law in PROGRAMS if not (FOLDER / f"{law}.json").exists()]
    for law in laws:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", bs.BayescaleWarning)
            table = measured(law, asked.stan)
        table.to_json(FOLDER / f"{law}.json", orient="records", indent=1)
        z = differences(table).set_index("sampler")[["z_mean", "z_sd"]].abs()
        print(law, z.groupby(level=0).max().round(2).to_dict("index"), flush=True)
    for bar in measure():
        print(bar)


if __name__ == "__main__":
    main()
