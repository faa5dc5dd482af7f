"""Run every notebook from start to end, and fail where one fails.

python notebooks/run.py           # run
python notebooks/run.py --save    # and keep the outputs in the files
python notebooks/run.py 02        # those whose name begins so
"""

import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent


def main(save: bool, beginning: str) -> None:
    """Run the notebooks in order of their names."""
    for path in sorted(FOLDER.glob(f"{beginning}*.ipynb")):
        started = time.perf_counter()
        notebook = nbformat.read(path, as_version=4)
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": FOLDER}}).execute()
        print(f"{path.name}: {time.perf_counter() - started:.0f} s", flush=True)
        if save:
            for cell in notebook.cells:
                cell.metadata.pop("execution", None)
            nbformat.write(notebook, path)


if __name__ == "__main__":
    names = [argument for argument in sys.argv[1:] if argument != "--save"]
    main(save="--save" in sys.argv[1:], beginning=names[0] if names else "")
