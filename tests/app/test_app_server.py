"""What the running server refuses: pages of other sites, and hosts that are not this machine."""

from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from app_server import served

FOREIGN = "attacker.example"
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


class Proxy(BaseHTTPRequestHandler):
    """Refuse and note every request that is made beyond this machine."""

    asked: list[str] = []  # noqa: RUF012

    def _note(self) -> None:
        self.asked.append(self.path)
        self.send_error(502)

    do_GET = do_CONNECT = do_POST = _note

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def asked_elsewhere() -> Iterator[tuple[str, list[str]]]:
    """Return the address of a proxy, and what is asked of it."""
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    Thread(target=proxy.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{proxy.server_port}", Proxy.asked
    proxy.shutdown()
    proxy.server_close()


@pytest.fixture(scope="module")
def here(
    tmp_path_factory: pytest.TempPathFactory, asked_elsewhere: tuple[str, list[str]]
) -> Iterator[str]:
    """Return the host and port of a server whose every request elsewhere goes to the proxy."""
    ways = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"))
    proxies = {name: asked_elsewhere[0] for name in ways} | {"no_proxy": "", "NO_PROXY": ""}
    with served(tmp_path_factory.mktemp("server"), **proxies) as address:
        yield address.removeprefix("http://").rstrip("/")


def status(here: str, method: str, path: str, body: str = "", **headers: str | None) -> int:
    """Return how the server answers a request with these headers."""
    connection = HTTPConnection(here, timeout=60)
    named = {name.replace("_", "-"): value for name, value in headers.items() if value}
    connection.request(method, path, body or None, named)
    found = connection.getresponse().status
    connection.close()
    return found


@pytest.mark.parametrize(
    ("host", "origin", "answer"),
    [
        ("{here}", "http://{here}", 101),
        ("{here}", None, 101),
        ("{here}", f"http://{FOREIGN}", 403),
        ("{here}", f"https://127.0.0.1.{FOREIGN}", 403),
        ("{here}", "null", 403),
        (FOREIGN, f"http://{FOREIGN}", 403),
        (FOREIGN, None, 403),
        ("localhost." + FOREIGN, "http://{here}", 403),
    ],
)
def test_only_its_own_page_connects(
    here: str, asked_elsewhere: tuple[str, list[str]], host: str, origin: str | None, answer: int
) -> None:
    """A page of another site is refused by its origin, one that rebinds its name by the host."""
    asked_elsewhere[1].clear()
    headers = {"Host": host.format(here=here), "Origin": origin and origin.format(here=here)}
    assert status(here, "GET", "/_stcore/stream", **UPGRADE, **headers) == answer
    assert not asked_elsewhere[1], "it asks another machine to judge an origin"


def test_nothing_is_uploaded_or_driven_without_its_page(here: str) -> None:
    assert status(here, "PUT", "/_stcore/upload_file/session/file", "text", Host=here) in (400, 403)
    for path in ("interact", "mcp"):
        answer = status(
            here, "POST", f"/_stcore/agent/{path}", "{}", Host=here, Content_Type="application/json"
        )
        assert answer >= 400


def test_no_other_machine_reaches_it(here: str) -> None:
    """It listens on the loopback address alone."""
    port = int(here.split(":")[1])
    tables = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
    if not tables[0].exists():
        pytest.skip("needs Linux")
    lines = [
        line.split()
        for table in tables
        if table.exists()
        for line in table.read_text().splitlines()[1:]
    ]
    listening = [line[1] for line in lines if line[3] == "0A"]
    assert [one.split(":")[0] for one in listening if int(one.split(":")[1], 16) == port] == [
        "0100007F"
    ]
