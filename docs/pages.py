"""Write the pages of the catalogue: laws, models beside what was published, calibration.

    python docs/pages.py

The laws' page comes from the laws; the others from the numbers that ``make check-models`` and
``make calibrate`` saved.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pictures import write_extrapolation, write_pictures

from bayescale.catalogue import LawCard, describe_laws, interval_text

FOLDER = Path(__file__).parent
BENCHMARKS = FOLDER.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import calibrate
import check_models
import extrapolation
import pandas as pd
from bars import Bar
from sets import BESIDE, SETS

LAWS_INTRO = """# Laws

Written by `make docs` from the laws themselves. `bayescale laws NAME` says the same in a terminal,
`bs.cite(NAME)` what to cite. Inputs with a subscript zero in a formula are reference points: the
middle of the fitted runs. An interval holds 90 % of the default prior; "typical loss" is the
geometric mean of the observed ones. A picture shows, before any data, what these priors expect
along the law's first input, the others in mid range: median, central 50 % and 90 %.
"""
MODELS_INTRO = """# Models beside what was published

Every model file, fitted with the package's defaults, and the values its paper published. Written by
`make docs` from what `make check-models` saved; `bayescale check NAME` does one. A published value
is something to compare with, not the truth. Ours is the posterior median and the 90 % interval.
"""
CALIBRATION_INTRO = """# Does every law recover itself?

Written by `make docs` from what `make calibrate` saved. Thirty data sets a law: a truth is drawn
from the default priors, its runs fill the typical range of the inputs, and the default fit is asked
for 90 % intervals. A parameter is identified when the posterior's sd is on average at most half the
prior's, on the link scale. Every fit counts, whatever its diagnostics. How truths are drawn is
said at the top of `benchmarks/calibrate.py`.
"""


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Lay out a table in Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|")


def laws_page() -> str:
    """Return the page of the laws."""
    cards = describe_laws()
    index = table(
        ["law", "what it says", "inputs"],
        [[f"[`{c.name}`](#{c.name})", c.about, _columns(c)] for c in cards],
    )
    return "\n".join([LAWS_INTRO, index, "", *(_law_section(card) for card in cards)])


def _columns(card: LawCard) -> str:
    return ", ".join(given.column for given in card.inputs)


def _law_section(card: LawCard) -> str:
    inputs = table(
        ["input", "column", "unit", "typical range", "what it is"],
        [
            [f"`{i.name}`", i.column, i.unit, f"{i.low:g} to {i.high:g}", i.about]
            for i in card.inputs
        ],
    )
    parameters = table(
        ["parameter", "kind", "90 % by default", "what it is"],
        [[f"`{p.name}`", p.kind.lower(), interval_text(p), p.about] for p in card.parameters],
    )
    models = ", ".join(f"[{name}](../models/{name}.toml)" for name in card.models) or "none yet"
    through = "".join(f" through `{column}`, which is observed too" for column in card.steps)
    return f"""## {card.name}

{card.about}

```math
{card.formula}
```

![{card.target} along {card.inputs[0].column}, as the prior expects it](images/laws/{card.name}.png)

Predicts `{card.target}`{through}, with `{card.noise}` noise unless told otherwise.

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
    columns = ["model", "quantity", "published", "ours", "verdict", "why (source)"]
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
        return f"{CALIBRATION_INTRO}\nNothing measured yet: run `make calibrate`.\n"
    rows = [calibrate.row_of(record) for record in records]
    lines = [[_short(value) for value in row.values()] for row in rows]
    bars = "\n".join(f"- {_bar(bar)}" for bar in calibrate.bars_of(records))
    return "\n\n".join([CALIBRATION_INTRO.rstrip(), bars, table(list(rows[0]), lines)]) + "\n"


def _bar(bar: Bar) -> str:
    return " ".join(str(bar).split())


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


EXTRAPOLATION_INTRO = """# How far can bands be trusted?

Written by `make docs` from what `make bars ONLY=extrapolation` saved. Each public data set is cut at
the 50, 70 and 85 % quantile of compute; laws are fitted below and scored above the cut, with equal
weight a cut and a set. Errors, widths and CRPS are of log loss: 0.01 is one per cent. *Believed* is
the textbook posterior; without that word the law may be off by the
[discrepancy](../bayescale/discrepancy.py). *Average* stacks the laws by leave-one-out. *Point fit* is
the literature's: Huber loss, L-BFGS from many starts, bootstrap over runs.
"""
EXTRAPOLATION_CHOICE = """## How the discrepancy was chosen

Its size (1.5 %) and reach (one decade of N or D) were chosen on {chose} alone, with the skaling
law; {others} were scored afterwards. One rule came later and after a look at muennighoff2023: an
average leaves out fits whose diagnostics failed. {beside} stays out of the means, since its runs
have one ratio of tokens to parameters. What was tried, in the order of the evidence on the choosing sets
(mean CRPS of log loss; the law believed has .0069):

| what the law's error is taken to be | CRPS | cover of 50 % and 90 % |
|---|---|---|
| a Matérn-5/2 surface over (log N, log D), 1.5 %, 1 decade, given the residuals (the default) | .0058 | .59, .90 |
| the same, 2 % | .0058 | .63, .91 |
| the same, 1 % | .0061 | .51, .86 |
| the same with a reach of 2 decades, 2 % | .0061 | .48, .85 |
| the same with a reach of half a decade, 2 % | .0063 | .78, .96 |
| rougher: Matérn-3/2, 2 % | .0059 | .67, .93 |
| smoother: squared exponential, 3 % | .0056 | .60, .90 |
| additive cubic splines in log N and log D, best scale | .0064 | .47, .84 |
| additive Brownian paths in log N and log D, best scale | .0065 | .49, .83 |
| quadratic in (log N, log D), best scale | .0067 | .36, .76 |
| one drift in compute, 1 % a decade | .0068 | .52, .87 |
| independent drifts in N and D, beyond the largest run, .7 % a decade | .0069 | .43, .79 |
| the default's surface, its size learnt from the fit's own residuals | .0064 | .39, .80 |

The last line is why the size is not learnt from residuals: a law absorbs in the fit what it will
miss later, so residuals promise too much. The same surface makes the compute-optimal size honest:
fitted to the lower budgets of nine isoFLOP tables ({isoflop}), the 90 % interval of N* held the
minimum of the parabola at 76 higher budgets in 54 % of cases when the law was believed, and in 92 %
with the default.
"""


def extrapolation_page() -> str:
    """Return the page of the league of extrapolation."""
    if not extrapolation.SAVED.exists():
        return f"{EXTRAPOLATION_INTRO}\nNothing measured yet: run `make bars ONLY=extrapolation`.\n"
    rows = pd.DataFrame(json.loads(extrapolation.SAVED.read_text())["rows"])
    league = extrapolation.league(rows)
    columns = ["cover_50", "cover_90", "crps", "abs_error", "mean_error", "log_score", "width_90"]
    overall = table(
        ["rival", *columns],
        [[name, *(f"{row[c]:.4f}" for c in columns)] for name, row in league.iterrows()],
    )
    sets = table(
        ["data set", "rival", "cover_50", "cover_90", "crps", "abs_error", "mean_error"],
        [
            [row["set"], row["rival"], *(f"{row[c]:.4f}" for c in columns[:5])]
            for _, row in rows.sort_values(["set", "crps"]).iterrows()
        ],
    )
    bars = "\n".join(f"- {_bar(bar)}" for bar in extrapolation.bars(rows, league))
    chose = [name for name, chosen in SETS.items() if chosen.chose]
    others = [name for name, chosen in SETS.items() if not chosen.chose and name not in BESIDE]
    choice = EXTRAPOLATION_CHOICE.format(
        chose=", ".join(chose),
        others=", ".join(others),
        beside=", ".join(BESIDE),
        isoflop="porian2024_isoflop's eight and hoffmann2022_apple_isoflop",
    )
    picture = "![coverage and error by decades beyond the data](images/extrapolation.png)"
    return (
        "\n\n".join(
            [
                EXTRAPOLATION_INTRO.rstrip(),
                bars,
                picture,
                overall,
                choice.rstrip(),
                "## Set by set",
                sets,
            ]
        )
        + "\n"
    )


PAGES = {
    "laws": laws_page,
    "models": models_page,
    "calibration": calibration_page,
    "extrapolation": extrapolation_page,
}


if __name__ == "__main__":
    for name, page in PAGES.items():
        (FOLDER / f"{name}.md").write_text(page())
    write_pictures()
    if extrapolation.SAVED.exists():
        write_extrapolation(pd.DataFrame(json.loads(extrapolation.SAVED.read_text())["rows"]))
