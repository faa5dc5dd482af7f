"""Public data sets: where they are looked for, how they are fetched, what they become."""

import functools
import shutil
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import pytest
from public_data import each_or_one

from bayescale.data.datasets import fetch
from bayescale.data.datasets.catalogue import CATALOGUE, list_datasets
from bayescale.data.datasets.fetch import ORIGINALS
from bayescale.data.datasets.load import load_dataset
from bayescale.errors import BayescaleError

PUBLIC = [entry.name for entry in CATALOGUE if entry.name != "sardana2024_fits"]
DIGITS = {"steplaw2025_dense": 5e-8, "clark2022_routed_curves": 5e-6}


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no folder of data."""
    monkeypatch.delenv("BAYESCALE_DATA", raising=False)
    monkeypatch.setattr(fetch, "cache_folder", lambda: tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder, served as if it were GitHub."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    handler = functools.partial(QuietHandler, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("BAYESCALE_MIRROR", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield folder
    server.shutdown()
    server.server_close()


def serve(name: str, content: Path | bytes, mirror: Path) -> None:
    original = ORIGINALS[name]
    target = mirror / original.repository / original.commit / original.path
    target.parent.mkdir(parents=True)
    if isinstance(content, bytes):
        target.write_bytes(content)
    else:
        shutil.copy(content, target)


@pytest.mark.parametrize("name", each_or_one(PUBLIC))
def test_the_catalogue_describes_the_table(name: str, data_dir: Path) -> None:
    listed = list_datasets().loc[name]
    assert listed["available"] == "BAYESCALE_DATA"
    assert len(load_dataset(name)) == listed["rows"]


def test_every_table_in_the_folder_is_in_the_catalogue(data_dir: Path) -> None:
    assert {file.stem for file in data_dir.glob("*.csv")} <= set(PUBLIC)


@pytest.mark.parametrize("name", each_or_one(list(ORIGINALS)))
def test_fetched_and_converted_equals_the_table(
    name: str, data_dir: Path, cache: Path, mirror: Path
) -> None:
    expected = pd.read_csv(data_dir / f"{name}.csv")
    serve(name, data_dir / "original" / Path(ORIGINALS[name].path).name, mirror)
    assert list_datasets().loc[name, "available"] == "download"
    fetched = load_dataset(name)
    pd.testing.assert_frame_equal(fetched, expected, rtol=DIGITS.get(name, 1e-9), atol=0)


def test_a_fetched_original_is_kept(data_dir: Path, cache: Path, mirror: Path) -> None:
    serve("hoffmann2022", data_dir / "original" / "svg_extracted_data.csv", mirror)
    first = load_dataset("hoffmann2022")
    shutil.rmtree(mirror)
    pd.testing.assert_frame_equal(load_dataset("hoffmann2022"), first)


def test_a_changed_original_is_refused(cache: Path, mirror: Path) -> None:
    serve("hoffmann2022", b"x,y\n1,2\n", mirror)
    with pytest.raises(BayescaleError, match="hash"):
        load_dataset("hoffmann2022")


def test_without_a_network_the_error_says_what_to_do(cache: Path, mirror: Path) -> None:
    with pytest.raises(BayescaleError, match=r"could not be fetched.*404.*BAYESCALE_DATA"):
        load_dataset("steplaw2025_dense")


def test_the_own_folder_comes_first_then_the_cache(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.mkdir()
    (cache / "gadre2024.csv").write_text("params,loss\n7,2.5\n")
    assert list_datasets().loc["gadre2024", "available"] == "cache"
    assert load_dataset("gadre2024")["loss"].tolist() == [2.5]
    monkeypatch.setenv("BAYESCALE_DATA", str(tmp_path))
    (tmp_path / "gadre2024.csv").write_text("params,loss\n7,3.5\n")
    assert load_dataset("gadre2024")["loss"].tolist() == [3.5]


def test_counts_are_floats_so_that_6nd_does_not_overflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.csv").write_text("params,tokens,step\n70000000000,1400000000000,5\n")
    monkeypatch.setenv("BAYESCALE_DATA", str(tmp_path))
    mine = load_dataset("mine")
    assert (6 * mine["params"] * mine["tokens"]).tolist() == [pytest.approx(5.88e23)]
    assert mine["step"].dtype == int


def test_a_table_of_the_package_needs_nothing(cache: Path) -> None:
    assert list_datasets().loc["sardana2024_fits", "available"] == "package"
    assert len(load_dataset("sardana2024_fits")) == 4


def test_a_set_that_is_not_here_says_where_it_comes_from(cache: Path) -> None:
    with pytest.raises(BayescaleError, match=r"mlfoundations/scaling.*2403\.08540.*BAYESCALE_DATA"):
        load_dataset("gadre2024")


@pytest.mark.parametrize("name", ["hofmann2022", "hoffmann2022.csv", "../hoffmann2022"])
def test_a_slip_in_the_name_is_answered_with_the_likely_one(name: str, cache: Path) -> None:
    with pytest.raises(BayescaleError, match="did you mean 'hoffmann2022"):
        load_dataset(name)


def test_a_folder_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAYESCALE_DATA", "/no/such/folder")
    with pytest.raises(BayescaleError, match=r"BAYESCALE_DATA is '/no/such/folder'"):
        load_dataset("hoffmann2022")


def test_a_file_that_is_no_table_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gadre2024.csv").write_text("")
    monkeypatch.setenv("BAYESCALE_DATA", str(tmp_path))
    with pytest.raises(BayescaleError, match=r"gadre2024\.csv cannot be read"):
        load_dataset("gadre2024")
