"""Sample a Stan program: a script of its own, for httpstan runs under another Python.

Reads JSON from standard input (``program``, ``data``, ``chains``, ``draws``, ``seed``) and writes
the draws of the program's parameters to standard output as JSON, name to chains of draws.
"""

import asyncio
import gzip
import json
import os
import sys
from typing import Any

import httpstan.cache
import httpstan.models
import httpstan.services_stub

NUTS = "stan::services::sample::hmc_nuts_diag_e_adapt"


async def run(asked: dict[str, Any]) -> dict[str, list[list[float]]]:
    """Compile the program unless that was done, and sample each chain."""
    name = httpstan.models.calculate_model_name(asked["program"])
    try:
        httpstan.models.import_services_extension_module(name)
    except KeyError:
        await httpstan.models.build_services_extension_module(asked["program"])
    chains = []
    for chain in range(1, asked["chains"] + 1):
        fit = f"{name}/fits/{os.getpid()}{chain}"
        await httpstan.services_stub.call(
            NUTS,
            name,
            fit,
            data=asked["data"],
            init={},
            random_seed=asked["seed"],
            chain=chain,
            num_warmup=1000,
            num_samples=asked["draws"],
            delta=0.95,
        )
        chains.append(draws_of(httpstan.cache.load_fit(fit)))
        httpstan.cache.delete_fit(fit)
    return {k: [chain[k] for chain in chains] for k in chains[0]}


def draws_of(saved: bytes) -> dict[str, list[float]]:
    """Read the draws of a chain after warm-up out of what the services wrote."""
    while saved[:2] == b"\x1f\x8b":
        saved = gzip.decompress(saved)
    rows = [json.loads(line) for line in saved.splitlines() if b'"sample"' in line]
    rows = [row["values"] for row in rows if isinstance(row["values"], dict)]
    names = [name for name in rows[0] if not name.endswith("_") and "." not in name]
    return {name: [row[name] for row in rows] for name in names}


if __name__ == "__main__":
    json.dump(asyncio.run(run(json.load(sys.stdin))), sys.stdout)
