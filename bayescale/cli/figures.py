"""Pictures as files."""

from pathlib import Path
from typing import Any

from bayescale.cli.options import check_folder
from bayescale.errors import BayescaleError


def check_figure(output: Path) -> None:
    """Refuse, before the work is done, a picture that could not be written after it."""
    hide_display()
    from matplotlib.figure import Figure

    check_folder(output)
    if output.suffix[1:].lower() not in Figure().canvas.get_supported_filetypes():
        raise BayescaleError(f"cannot draw {output}: end it in .png, .pdf or .svg")


def save_figure(drawn: Any, output: Path) -> None:
    """Save the figure of the axes, or array of axes, that a plot returned."""
    import numpy as np

    np.ravel(drawn)[0].figure.savefig(output, dpi=150, bbox_inches="tight")


def hide_display() -> None:
    """Draw without a window, wherever the command runs."""
    import matplotlib

    matplotlib.use("Agg")
