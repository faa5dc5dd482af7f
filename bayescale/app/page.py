"""The app's page, which Streamlit runs from top to bottom at every change.

No text of a table is shown as Markdown or HTML: it stands in blocks of plain text and in tables.
"""

import shutil
import tempfile
import time
import warnings
import weakref
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from bayescale.app.job import Job, start
from bayescale.app.request import Request, allowed_laws, chosen_laws, safe_name
from bayescale.data.aliases import CONVENTIONS
from bayescale.data.runs import Runs
from bayescale.errors import BayescaleError

SHOWN = 1_000
"""Rows of a table that are shown."""

LARGEST = 2**53
"""Beyond it a browser marks whole numbers as inexact."""

HEIGHT = 900
"""Pixels of the report, which scrolls."""

NAMED = ("params", "tokens", "flops", "loss", "accuracy", "run")
"""Columns that a user may name."""

INTRODUCTION = """
A table has a row per training run (or checkpoint), in columns such as `params`, `tokens` or
`flops`, and `loss`: CSV, JSON, Parquet, Arrow or Excel, compressed or not. It stays on this
machine.
"""


class Folder:
    """A folder that goes when nothing refers to it any more, at the latest with the app."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="bayescale-app-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def main() -> None:
    """Show the page."""
    st.set_page_config(page_title="bayescale", layout="centered")
    st.title("From a table of runs to a decision")
    uploaded = st.file_uploader("Table of training runs", key="table")
    if uploaded is None:
        st.markdown(INTRODUCTION)
        return
    request = Request(safe_name(uploaded.name), _reading())
    folder = _stored(uploaded, request.file)
    try:
        runs = _read(request, folder)
    except BayescaleError as error:
        _refused("This table cannot be used as it is", str(error))
        return
    except Exception as error:
        _refused("This file cannot be read", f"{type(error).__name__}: {error}")
        return
    _show_reading(runs)
    asked = _ask(request, runs)
    if asked is not None:
        _do(asked, folder, runs)


def _reading() -> dict[str, Any]:
    """Ask how the table is read, where that is not as it should be."""
    with st.expander("Read it otherwise"):
        st.markdown(
            "A column by its name, or a formula of columns such as `unique_tokens * epochs`; "
            "`none` says that there is none. Empty fields are recognised."
        )
        named = {name: st.text_input(name, key=f"column_{name}") for name in NAMED}
        where = st.text_input("Use only these rows", placeholder="params > 1e8", key="where")
        unit = st.text_input("Unit of the loss", placeholder="nats/token", key="loss_unit")
        counted = st.selectbox(
            "What params counts", CONVENTIONS, index=None, placeholder="as the table says"
        )
        decimal = st.selectbox(
            "What marks decimals", (".", ","), index=None, placeholder="by the table's cells"
        )
    columns = {name: text.strip() for name, text in named.items() if text.strip()}
    found = {
        "columns": {k: None if v.lower() == "none" else v for k, v in columns.items()},
        "where": where.strip(),
        "params_convention": counted,
        "loss_unit": unit.strip(),
        "decimal": decimal,
    }
    return {name: value for name, value in found.items() if value}


def _stored(uploaded: UploadedFile, name: str) -> Path:
    """Return the folder of an uploaded table, which goes with the session or the next table."""
    kept = st.session_state.get("stored")
    if kept is None or kept[0] != uploaded.file_id:
        _stop()
        folder = Folder()
        (folder.path / name).write_bytes(uploaded.getbuffer())
        st.session_state["stored"] = kept = (uploaded.file_id, folder)
        st.session_state.pop("read", None)
    return kept[1].path


def _read(request: Request, folder: Path) -> Runs:
    """Read the table, once for each way to read it."""
    way = repr((str(folder), request.reading))
    if st.session_state.get("read", ("",))[0] != way:
        with st.spinner("Reading ..."), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # rows set aside are shown below
            st.session_state["read"] = (way, request.read(folder))
    return st.session_state["read"][1]


def _refused(title: str, said: str) -> None:
    st.error(title)
    _plain(said)


def _plain(text: str) -> None:
    """Show text as it is."""
    st.code(text, language=None, wrap_lines=True)


def _show_reading(runs: Runs) -> None:
    """Show what was read: columns, notes, and the rows set aside."""
    st.header("What was read")
    _plain(runs.describe())
    with st.expander("The rows"):
        st.dataframe(_shown(runs.table))
    if len(runs.set_aside):
        with st.expander(f"{len(runs.set_aside):,} rows set aside, with the reason"):
            st.dataframe(_shown(runs.set_aside))


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    """Return the first rows, their reason first, what a table of numbers cannot hold as text."""
    first = ["reason"] if "reason" in table else []
    head = table[[*first, *(c for c in table if c not in first)]].head(SHOWN)
    return pd.DataFrame({name: _shown_column(cells) for name, cells in head.items()})


def _shown_column(cells: pd.Series) -> pd.Series:
    """Return a column of numbers as it is, but for numbers that a browser cannot count to."""
    if not pd.api.types.is_numeric_dtype(cells):
        return cells.astype(str)
    large = bool((cells.abs() > LARGEST).any())
    return cells.map("{:.6g}".format) if large else cells


def _ask(request: Request, runs: Runs) -> Request | None:
    """Ask for laws and budgets; return the request when a fit is wanted or has been made."""
    st.header("What to fit")
    try:
        own = ", ".join(chosen_laws(runs))
    except BayescaleError as error:
        own = ""
        _plain(str(error))
    laws = st.multiselect(
        "Laws",
        allowed_laws(runs),
        key="laws",
        placeholder=f"what the table allows: {own}" if own else "choose",
        help="Several laws are weighed by how well each predicts the larger runs.",
    )
    flops = st.multiselect(
        "Budgets in FLOP",
        [],
        key="flops",
        accept_new_options=True,
        placeholder="10 and 100 times the largest run; type others: 1e24, 100 PF-days",
    )
    seed = st.number_input("Seed", min_value=0, value=1, step=1, key="seed")
    asked = Request(request.file, request.reading, tuple(laws), tuple(flops), int(seed))
    with st.expander("The Python code that does the same"):
        _plain(asked.code())  # colours of syntax would have too little contrast
    if not st.button("Fit", type="primary", disabled=not (own or laws), key="fit"):
        return asked
    try:
        asked.check()
    except BayescaleError as error:
        _refused("This budget cannot be used", str(error))
        return None
    _stop()
    st.session_state["job"] = None
    return asked


def _do(asked: Request, folder: Path, runs: Runs) -> None:
    """Start the fit that was asked for, and show how far it is or what came of it."""
    if "job" not in st.session_state:
        return
    if st.session_state["job"] is None:
        st.session_state["job"] = start(asked, folder, len(asked.laws or chosen_laws(runs)))
    job: Job = st.session_state["job"]
    st.header("What to train")
    if job.running:
        _follow(job)
        return
    if job.error:
        _refused("No answer", job.error)
        return
    if job.request != asked:
        st.warning("The answer below is to the previous choices. Fit again for the present ones.")
    for text in job.warned():
        _plain(text)
    _export(job)
    # A height of its content would be measured by a script that the report's policy forbids.
    st.iframe(job.report.read_text("utf-8"), height=HEIGHT, alt="The report of the fit")


@st.fragment(run_every=1.0)
def _follow(job: Job) -> None:
    """Show how far a fit is, and a button that stops it."""
    if not job.running:
        st.rerun()
    *done, present = job.lines() or ["starting ..."]
    share = min(len(done) / job.steps, 1.0)
    st.progress(share, f"{present} {time.monotonic() - job.began:.0f} s")
    if st.button("Stop", key="stop"):
        _stop()
        st.rerun()


def _stop() -> None:
    """End what runs, and forget it."""
    job = st.session_state.pop("job", None)
    if job is not None and job.running:
        job.stop()


def _export(job: Job) -> None:
    """Offer the report, the fits and the code of what was fitted."""
    files = (
        ("Report", job.report.read_bytes(), "report.html", "text/html"),
        ("Fits", job.fits.read_bytes(), "fits.nc", "application/x-netcdf"),
        ("Code", job.request.code(), "bayescale_app.py", "text/x-python"),
    )
    with st.container(horizontal=True):
        for label, data, name, kind in files:
            st.download_button(label, data, name, kind, on_click="ignore", key=f"save_{label}")


if __name__ == "__main__":
    main()
