"""The app's server: on this machine alone, without anything sent elsewhere."""

import sys
from pathlib import Path
from typing import Any

from bayescale.data.limits import MAX_TEXT

LOOPBACK = "127.0.0.1"

PAGE = Path(__file__).with_name("page.py")


def settings(port: int, browser: bool) -> dict[str, Any]:
    """Return Streamlit's settings: loopback only, no telemetry, no traceback, uploads limited."""
    return {
        "server.address": LOOPBACK,
        "server.port": port,
        "server.headless": not browser,
        "server.showEmailPrompt": False,
        "server.allowedHosts": [LOOPBACK, "localhost"],
        "server.enableCORS": True,
        "server.enableXsrfProtection": True,
        "server.enableStaticServing": False,
        "server.enableAgentApi": False,
        "server.fileWatcherType": "none",
        "server.maxUploadSize": MAX_TEXT // 1_000_000,
        "browser.gatherUsageStats": False,
        "client.showErrorDetails": "none",
        "client.toolbarMode": "viewer",
        "logger.hideWelcomeMessage": True,
        "logger.level": "error",
        "runner.magicEnabled": False,
        "global.developmentMode": False,
    }


def serve(port: int, browser: bool) -> None:
    """Serve the app until it is interrupted.

    Parameters
    ----------
    port : int
        Where to listen, on 127.0.0.1.
    browser : bool
        Open it in a browser.

    Raises
    ------
    ModuleNotFoundError
        When the extra ``app`` is not installed.
    """
    from streamlit import net_util
    from streamlit.web import bootstrap

    # A page of another origin that asks to connect would have it ask the network for its address.
    net_util.get_external_ip = lambda: None
    print(f"bayescale app: http://{LOOPBACK}:{port} (Ctrl-C ends it)", file=sys.stderr, flush=True)
    asked = settings(port, browser)
    bootstrap.load_config_options(asked)
    bootstrap.run(str(PAGE), False, [], asked)
