"""Run every notebook from start to end, and fail where one fails.

python notebooks/run.py           # run
python notebooks/run.py --save    # and keep the outputs in the files
python notebooks/run.py 02        # those whose name begins so
python notebooks/run.py --drawn 3 # three of them, drawn by the commit
"""

import argparse
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent
AT_ONCE = 2
PLACE = re.compile(r"\S*ipykernel_\d+\S*\.py:\d+: ")
"""The temporary file that a warning names, another one each time."""


def chosen(beginning: str, drawn: int | None) -> list[Path]:
    """Return the notebooks to run, in the order of their names."""
    paths = sorted(FOLDER.glob(f"{beginning}*.ipynb"))
    if drawn is None:
        return paths
    sys.path.insert(0, str(FOLDER.parent / "tests"))
    from rotation import drawn_by_commit

    return [FOLDER / name for name in drawn_by_commit([p.name for p in paths], drawn)]


def run(path: Path, save: bool) -> None:
    """Run one notebook."""
    started = time.perf_counter()
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": FOLDER}}).execute()
    print(f"{path.name}: {time.perf_counter() - started:.0f} s", flush=True)
    if save:
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)
            for output in cell.get("outputs", []):
                if output.get("name") == "stderr":
                    output["text"] = PLACE.sub("", output["text"])
        nbformat.write(notebook, path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("beginning", nargs="?", default="")
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--drawn", type=int)
    given = parser.parse_args()
    # Each runs in a process of its own, most of its time on one core.
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in pool.map(lambda path: run(path, given.save), chosen(given.beginning, given.drawn)):
            pass
