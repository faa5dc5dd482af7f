"""``app``: a page on this machine that takes a table to a decision."""

from typing import Annotated

import typer


def app(
    port: Annotated[
        int, typer.Option(min=1024, max=65535, metavar="PORT", help="Where to listen.")
    ] = 8501,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open it in a browser.")
    ] = True,
) -> None:
    r"""Open a local page: drop a table, fit, decide.

    \b
    pip install 'bayescale[app]'
    bayescale app

    The page is of this machine alone (127.0.0.1); nothing is sent elsewhere. Ctrl-C ends it.
    """
    from bayescale.app.server import serve

    serve(port, browser)
