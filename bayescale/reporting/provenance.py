"""The sections of a report on the basis of its results: data and versions."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayescale.data.number_format import format_value, kind_of
from bayescale.inference.result import Fit
from bayescale.reporting.narrative import sentence
from bayescale.reporting.page_elements import Block, Bullets, Section, Table, Text


def data_section(fit: Fit) -> Section:
    """Say what was fitted: each column's origin, the excluded rows, and the conventions."""
    runs: Mapping[str, Any] = fit.record["runs"]
    said = [f"{fit.observed.size:,} runs of {runs.get('source') or 'a table'} were fitted."]
    known = runs.get("params_convention", "unknown")
    if fit.input_of("params") and known != "unknown":
        said.append(f"Parameters counted: {known}.")
    elif fit.input_of("params"):
        said.append("Which parameters are counted: not known (params_convention= says).")
    if fit.target == "loss":
        said.append(f"Unit of the loss: {fit.unit or 'not known (loss_unit= says)'}.")
    blocks: list[Block] = [Text(" ".join(said)), _columns(fit, runs)]
    if runs.get("notes"):
        blocks.append(Bullets([sentence(str(note)) for note in runs["notes"]]))
    aside = [(str(row["row"]), str(row["reason"])) for row in runs.get("set_aside", [])]
    if aside:
        plural = "row was" if len(aside) == 1 else "rows were"
        blocks.append(Text(f"{len(aside):,} {plural} excluded:"))
        blocks.append(Table(("row", "reason"), aside).shortened())
    else:
        blocks.append(Text("No row was excluded."))
    return Section("Data", blocks)


def _columns(fit: Fit, runs: Mapping[str, Any]) -> Table:
    values: dict[Any, Any] = {
        column: row
        for name, found in fit.inputs.items()
        for column, row in zip(fit.spec.columns_of(name), np.atleast_2d(found), strict=True)
    }
    values |= dict(fit.tree_group("observed_data").data_vars)
    rows = []
    for column in runs.get("columns", []):
        name, kind = column["name"], kind_of(column["name"])
        span = ""
        if name in values:
            ends = float(values[name].min()), float(values[name].max())
            span = " to ".join(format_value(end, kind, end / 10) for end in ends)
        source = "filled" if column["source"] is None else f"column {column['source']}"
        unit = f"in {column['unit']} (x {column['factor']:g})" if column["factor"] != 1 else ""
        origin = ", ".join(part for part in (source, unit, column["note"]) if part)
        rows.append((name, origin, span or "not used"))
    return Table(("quantity", "taken from", "fitted range"), rows)


def origin_section(fit: Fit) -> Section:
    """Say how the numbers can be made again."""
    record, sampler = fit.record, fit.record["sampler"]
    rows = [
        ("law", f"{fit.law.name}: {fit.law.about()}"),
        ("reference", fit.law.reference or "none given"),
        ("formula (LaTeX)", fit.law.formula() or "none given"),
        ("noise", f"{fit.spec.noise.name}: {fit.spec.noise.about}"),
        (
            "sampler",
            f"{sampler['name']}, {sampler['chains']} chains of {sampler['draws']:,} draws after "
            f"{sampler['tune']:,} of warm-up, target_accept {sampler['target_accept']:g}, "
            f"{sum(record['seconds'].values()):.1f} s",
        ),
        ("seed", str(record["seed"])),
        ("fitted numbers (hash)", str(record["data"])),
        ("versions", ", ".join(f"{name} {v}" for name, v in record["versions"].items())),
    ]
    return Section("How it was made", [Table(("", ""), rows)])
