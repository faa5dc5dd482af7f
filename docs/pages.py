"""Write the pages: laws, models and published values, calibration, extrapolation, families, comparison, API.

    python docs/pages.py

The pages of laws and of public names come from the code; the others from the numbers that ``make check-models``,
``make calibrate`` and ``make bars`` saved.
"""

import inspect
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markdown_tables import said, table
from pictures import write_extrapolation, write_pictures

import bayescale
from bayescale.studies.law_cards import LawCard, describe_laws, interval_text

FOLDER = Path(__file__).parent
BENCHMARKS = FOLDER.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import answers
import beyond
import calibrate
import check_models
import comparison_page
import hierarchical
import speed_page

LAWS_INTRO = """# Laws

Written by `make docs` from the laws themselves. `bayescale laws NAME` prints the same in a terminal,
`bs.cite(NAME)` the citation. Inputs with a subscript zero in a formula are reference points: the
middle of the fitted runs. An interval holds 90 % of the default prior; "typical loss" is the
geometric mean of the observed ones. A figure shows the prior predictive
distribution along the law's first input, the others at mid range: median, central 50 % and 90 %.
"""
MODELS_INTRO = """# Models and published values

Every model file, fitted with the package's defaults, and the values its paper published. Written by
`make docs` from what `make check-models` saved; `bayescale check NAME` checks one file. A published
value is for comparison, not the truth. Ours is the posterior median and the 90 % interval.
"""
CALIBRATION_INTRO = """# Parameter recovery of every law

Written by `make docs` from what `make calibrate` saved. A hundred data sets per law, thirty of the slowest: true parameters
are drawn from the default priors, the simulated runs fill the typical range of the inputs, and the
default fit gives 90 % intervals. A parameter is identified when the posterior's sd is on average at most half the
prior's, on the link scale. Every fit counts, whatever its diagnostics. How true parameters are
drawn is documented in `benchmarks/calibrate.py`. The twice broken law, by parallel tempering: R-hat < 1.01 in 60 % of its fits, at most
1.51, coverage of all its parameters .81, 50 s per fit on one core; by NUTS alone 60 %, at most 10^15, .81, 217 s. In five of the thirty
sets the climbs ended before they arrived at the best optimum, and in one of these all chains stayed around a lesser one, with a
good R-hat. Since then the ten highest of sixty climbs (thirty before) go on, and find it in four of the five, that one among them.
The thirty sets were not run again with that.
"""


def laws_page() -> str:
    """Return the page of the laws."""
    cards = describe_laws()
    index = table(
        ["law", "description", "inputs"],
        [[f"[`{c.name}`](#{c.name})", c.about, _columns(c)] for c in cards],
    )
    return "\n".join([LAWS_INTRO, index, "", *(_law_section(card) for card in cards)])


def _columns(card: LawCard) -> str:
    return ", ".join(given.column for given in card.inputs)


def _law_section(card: LawCard) -> str:
    inputs = table(
        ["input", "column", "unit", "typical range", "meaning"],
        [
            [f"`{i.name}`", i.column, i.unit, f"{i.low:g} to {i.high:g}", i.about]
            for i in card.inputs
        ],
    )
    parameters = table(
        ["parameter", "kind", "90 % by default", "meaning"],
        [[f"`{p.name}`", p.kind.lower(), interval_text(p), p.about] for p in card.parameters],
    )
    models = ", ".join(f"[{name}](../models/{name}.toml)" for name in card.models) or "none yet"
    through = "".join(f" through the intermediate response `{column}`" for column in card.steps)
    return f"""## {card.name}

{card.about}

```math
{card.formula}
```

![{card.target} along {card.inputs[0].column}, prior predictive distribution](images/laws/{card.name}.png)

Predicts `{card.target}`{through}, with `{card.noise}` noise by default.

{inputs}

{parameters}

Reference: {card.reference}. Models: {models}.
"""


def models_page() -> str:
    """Return the page of the models, from saved checks."""
    records = [record for name in check_models.names() if (record := check_models.load(name))]
    missing = [name for name in check_models.names() if not check_models.load(name)]
    lines = [
        [
            f"[{record['name']}](../models/{record['name']}.toml)" if first else "",
            row["quantity"],
            _number(row["published"]),
            _ours(row),
            row["verdict"],
            f"{row['reason']} ({row['source']})",
        ]
        for record in records
        for first, row in _marked(record["published"])
    ]
    columns = ["model", "quantity", "published", "ours", "verdict", "reason (source)"]
    verdicts = [row["verdict"] for record in records for row in record["published"]]
    counts = ", ".join(f"{v}: {verdicts.count(v)}" for v in dict.fromkeys(verdicts))
    fits = table(
        ["model", "law", "runs", "R-hat", "ESS", "divergences", "seconds"],
        [
            [
                r["name"],
                r["law"],
                r["runs"],
                f"{r['rhat']:.3f}",
                r["ess"],
                r["divergences"],
                r["seconds"],
            ]
            for r in records
        ],
    )
    fitted = f"{len(records)} of {len(records) + len(missing)} models fitted"
    said = f"{fitted}. Verdicts: {counts or 'none'}."
    return (
        "\n\n".join([MODELS_INTRO.rstrip(), said, table(columns, lines), "## The fits", fits])
        + "\n"
    )


def _marked(rows: Sequence[Mapping[str, Any]]) -> list[tuple[bool, Mapping[str, Any]]]:
    return [(i == 0, row) for i, row in enumerate(rows)]


def _ours(row: Mapping[str, Any]) -> str:
    if row["median"] is None:
        return ""
    return f"{_number(row['median'])} ({_number(row['lower'])} to {_number(row['upper'])})"


def _number(value: float) -> str:
    return f"{value:.4g}"


def calibration_page() -> str:
    """Return the page of the calibration, from saved recoveries."""
    records = calibrate.records()
    if not records:
        return f"{CALIBRATION_INTRO}\nNo results yet: run `make calibrate`.\n"
    rows = [calibrate.row_of(record) for record in records]
    lines = [[_short(value) for value in row.values()] for row in rows]
    bars = "\n".join(f"- {said(bar)}" for bar in calibrate.bars_of(records))
    parts = [CALIBRATION_INTRO.rstrip(), bars, table(list(rows[0]), lines), *_by_parameter(records)]
    return "\n\n".join(parts) + "\n"


def _by_parameter(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the heading and the table of how each parameter fared."""
    rows = [
        [
            record["law"],
            name,
            f"{row['hits']} of {row['data_sets']}",
            _short(row["sd_ratio"]),
            "yes" if row["identified"] else "no",
            _short(row["p"]),
        ]
        for record in records
        for name, row in calibrate.table_of(record).iterrows()
    ]
    head = ["law", "parameter", "intervals that hold it", "posterior over prior sd", "identified"]
    return ["## By parameter", table([*head, "p of uniform ranks"], rows)]


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


API_INTRO = """# Public names

Written by `make docs` from `bayescale.__all__`. Every name is imported from the package itself,
`import bayescale as bs`; the module is where it is defined. `help(bs.fit)` documents its parameters,
with examples. In those, `runs` is a table of forty simulated runs, `fit` a fit of `"chinchilla"` to it,
and `fits` has one of `"skaling"` besides.
"""


def api_page() -> str:
    """Return the page of public names, by module."""
    rows = [
        [f"`{name}`", *_returned(getattr(bayescale, name)), f"`{module_of(name)}`"]
        for name in sorted(bayescale.__all__, key=lambda name: (module_of(name), name))
    ]
    return f"{API_INTRO}\n{table(['name', 'returns', 'in short', 'module'], rows)}\n"


def module_of(name: str) -> str:
    """Return the module in which a public name is defined."""
    return getattr(bayescale, name).__module__


def _returned(value: Any) -> tuple[str, str]:
    """Return the type and the first words of the Returns section, or what a class is."""
    text = inspect.getdoc(value) or ""
    if inspect.isclass(value):
        return "class", _first_words(text.split("\n\n")[0])
    section = re.search(r"^Returns\n-+\n(.+)((?:\n    .*)*)", text, re.MULTILINE)
    if section is None:
        raise ValueError(f"{value.__name__} has no Returns section: add one to its docstring")
    kind = re.sub(r"\b\w+\.(?=\w)", "", section[1]).strip()
    return kind, _first_words(section[2])


def _first_words(text: str) -> str:
    """Return a text up to its first full stop, colon or semicolon outside of brackets."""
    plain = re.sub(r":\w+:`~?([^`]*)`", r"`\1`", " ".join(text.split())).replace("``", "`")
    found = re.match(r"(?:\([^)]*\)|[^(.:;]|[.:;](?=\S))*", plain)
    return found[0].strip() if found else plain


PAGES = {
    "api": api_page,
    "laws": laws_page,
    "models": models_page,
    "calibration": calibration_page,
    "extrapolation": beyond.page,
    "families": hierarchical.page,
    "first_answers": answers.page,
    "comparison": comparison_page.page,
    "speed": speed_page.page,
}


if __name__ == "__main__":
    for name, page in PAGES.items():
        (FOLDER / f"{name}.md").write_text(page())
    write_pictures()
    if len(league := beyond.league_rows()):
        write_extrapolation(league)
