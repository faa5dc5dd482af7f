"""Excel files, through calamine: the first sheet that holds a table."""

import io
import zipfile
import zlib
from typing import Any

import pandas as pd

from bayescale.data import limits
from bayescale.data.delimited import header_place
from bayescale.data.duplicate_columns import refuse_columns
from bayescale.data.limits import refuse_large
from bayescale.data.table_files import Loaded, TableFile
from bayescale.errors import BayescaleError


def read_excel(file: TableFile) -> Loaded:
    """Read the first sheet with cells; its first row of several cells names the columns.

    Raises
    ------
    BayescaleError
        It is no Excel file, beyond the limits, or python-calamine is not there.
    """
    try:
        from python_calamine import CalamineError, CalamineWorkbook
    except ImportError as error:
        raise BayescaleError(
            f"reading {file.name!r} needs python-calamine: pip install 'bayescale[excel]'"
        ) from error
    source: Any = io.BytesIO(file.content) if file.content is not None else file.path
    try:
        _check_archive(source, file)
        with CalamineWorkbook.from_object((file.content and source) or str(file.path)) as book:
            sheets = [book.get_sheet_by_name(name) for name in book.sheet_names]
            sheet = next((one for one in sheets if one.height), None)
            if sheet is None:
                raise BayescaleError(f"{file.name!r} is empty: it needs a header and rows")
            if sheet.height > limits.MAX_ROWS + 1:
                raise refuse_large(repr(file.name), sheet.height)
            rows = sheet.to_python()
            others = [one.name for one in sheets if one.height and one.name != sheet.name]
    except (CalamineError, OSError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        raise BayescaleError(f"{file.name!r} is not an Excel file: {error}") from error
    head = header_place([list(map(str, row)) for row in rows[: limits.MAX_TITLES + 1]])
    names = [str(cell).strip() or f"column {n}" for n, cell in enumerate(rows[head], start=1)]
    refuse_columns(names, repr(file.name))
    index = pd.RangeIndex(head + 2, len(rows) + 1, name="line")
    cells = [[None if cell == "" else cell for cell in row] for row in rows[head + 1 :]]
    frame = pd.DataFrame(cells, index=index, columns=pd.Index(names))
    frame = frame.loc[frame.notna().any(axis=1)]
    notes = [f"rows above the header were skipped: {head}"] if head else []
    if others:
        notes.append(f"read the sheet {sheet.name!r}; there are others: {', '.join(others)}")
    return Loaded(frame.infer_objects(), notes=notes)


def _check_archive(source: Any, file: TableFile) -> None:
    """Refuse an archive that says it holds more than the limit: nothing is unpacked before."""
    with zipfile.ZipFile(source) as archive:
        if sum(part.file_size for part in archive.infolist()) > limits.MAX_TEXT:
            raise limits.too_long(file.name)
        broken = archive.testzip()  # reads no more of a part than it declares
        if broken is not None:
            raise BayescaleError(f"{file.name!r} is damaged: {broken!r} is not what it declares")
    if hasattr(source, "seek"):
        source.seek(0)
