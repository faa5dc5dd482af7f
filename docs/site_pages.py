"""Pages of the site that come from elsewhere: notebooks, reference, gallery, files at the top."""

import shutil
from importlib import import_module, metadata
from itertools import groupby
from pathlib import Path

import click
import gallery
import pages
from typer.main import get_command

import bayescale
from bayescale.cli import app

ROOT = Path(__file__).parent.parent
GROUPS = {
    "data": "Run tables",
    "inference": "Fitting",
    "prediction": "Prediction",
    "decisions": "Decisions",
    "design": "Which runs next",
    "evaluation": "Checks and comparison",
    "reporting": "Analysis and reports",
    "plots": "Plots",
    "laws": "Laws of your own",
    "model": "The model, priors and simulation",
    "studies": "Studies and the catalogue",
    "capabilities": "Benchmark scores",
    "errors": "Errors and warnings",
}
COPIED = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CODE_OF_CONDUCT.md": "conduct.md",
    "models/README.md": "model_files.md",
}
"""Files of the checkout that are pages of the site, in the folder ``project``."""


def mathjax() -> str:
    """Return the path of MathJax, which a package brings, so that no page needs the network."""
    files = metadata.files("sphinx-mathjax-offline") or []
    return str(next(f for f in files if f.name == "tex-svg.js").locate())


def write(folder: Path) -> None:
    """Write notebooks, reference and gallery below the folder of the site's sources."""
    for name in ("notebooks", "reference", "gallery", "project"):
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir()
    _notebooks(folder / "notebooks")
    (folder / "reference" / "index.rst").write_text(reference_page())
    (folder / "reference" / "commands.md").write_text(commands_page())
    (folder / "reference" / "internals.rst").write_text(internals_page())
    gallery.write(folder / "gallery")
    for source, page in COPIED.items():
        (folder / "project" / page).write_text(_moved((ROOT / source).read_text()))


def _notebooks(folder: Path) -> None:
    """Copy the notebooks, as saved, and a page that lists them."""
    names = []
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        shutil.copy(path, folder)
        names.append(path.stem)
    entries = "\n".join(names)
    (folder / "index.md").write_text(
        "# Notebooks\n\nEach starts from a question, on real runs, and is shown as it was last "
        "run. The files are in the folder `notebooks/` of the source.\n\n"
        f"```{{toctree}}\n:maxdepth: 1\n\n{entries}\n```\n"
    )


def reference_page() -> str:
    """Return the index of public names, by the package that they live in."""
    package = {name: pages.module_of(name).split(".")[1] for name in bayescale.__all__}
    if missing := set(package.values()) - set(GROUPS):
        raise ValueError(f"give these packages a heading in GROUPS: {sorted(missing)}")
    order = list(GROUPS)
    names = sorted(package, key=lambda name: (order.index(package[name]), name.lower()))
    sections = [
        _section(title, list(members))
        for title, members in groupby(names, key=lambda name: package[name])
    ]
    return "\n".join([REFERENCE, *sections])


REFERENCE = """Reference
=========

Every public name, imported from the package itself: ``import bayescale as bs``. Examples run in the
test suite; in them ``runs`` is a table of forty simulated runs, ``fit`` a fit of ``"chinchilla"`` to it,
and ``fits`` has one of ``"skaling"`` besides. Results are pandas frames, or xarray data sets with the
dimensions ``chain`` and ``draw``; :func:`bayescale.credible_intervals` turns the latter into a table.

The :doc:`command line <commands>` does most of it without Python. What public functions lead to, such as
the numbers of every figure, is :doc:`documented, too <internals>`.

.. toctree::
   :hidden:

   commands
   internals

.. currentmodule:: bayescale
"""
INTERNALS = """Behind the public names
=======================

What docstrings refer to and ``import bayescale as bs`` does not hold: the numbers of every figure, and the
pieces that laws of your own and model files are made of. These may change between releases.

Numbers of the figures
----------------------

.. autosummary::
   :toctree: .
   :nosignatures:

{figures}

Pieces of a model
-----------------

.. autosummary::
   :toctree: .
   :nosignatures:

   bayescale.model.spec.Spec
   bayescale.laws.parameters.Parameter
   bayescale.laws.functions.total
   bayescale.capabilities.model.evaluated
   bayescale.evaluation.point_estimate.point_fit
"""


def _section(package: str, names: list[str]) -> str:
    title = GROUPS[package]
    about = (import_module(f"bayescale.{package}").__doc__ or "").split("\n\n")[0].strip()
    listed = "\n".join(f"   {name}" for name in names)
    return (
        f"\n{title}\n{'-' * len(title)}\n\n{about}\n\n"
        f".. autosummary::\n   :toctree: .\n   :nosignatures:\n\n{listed}\n"
    )


def internals_page() -> str:
    """Return the page of what docstrings refer to and is not public."""
    plots = [name[5:] for name in sorted(bayescale.__all__) if name.startswith("plot_")]
    figures = "\n".join(f"   bayescale.plots.{name}.{name}_data" for name in plots)
    return INTERNALS.format(figures=figures)


def commands_page() -> str:
    """Return what ``--help`` says of every command."""
    program = get_command(app)
    context = click.Context(program, info_name="bayescale", terminal_width=88, max_content_width=88)
    sections = []
    for name in program.list_commands(context):
        command = program.get_command(context, name)
        inner = click.Context(command, context, name, max_content_width=88, terminal_width=88)
        sections.append(f"## {name}\n\n```text\n{command.get_help(inner)}\n```\n")
    return "\n".join([f"# Command line\n\n```text\n{program.get_help(context)}\n```\n", *sections])


def _moved(text: str) -> str:
    """Let the links of a file at the top of the checkout lead to pages of the site."""
    for source, page in COPIED.items():
        text = text.replace(f"]({source})", f"]({page})")
    return text.replace("](docs/api.md)", "](../reference/index.rst)")
