"""What is written is there whole or not at all: kills, full disks, foreign folders, links."""

import errno
import os
import signal
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import bayescale as bs
from bayescale.cli import app
from bayescale.data import write
from bayescale.data.write import complete, write_bytes, write_folder, write_table
from bayescale.inference.result import Fit

resource = pytest.importorskip("resource")
FORKS = pytest.mark.filterwarnings("ignore:.*fork")  # Python's own, and JAX's where it is installed


def stalled(name: str, ready: int, *, after: bool = False) -> None:
    """Make a function of ``os`` say that it was reached, and wait for ever, before or after it."""
    original = getattr(os, name)

    def stall(*arguments: object) -> None:
        if after:
            original(*arguments)
        elif name == "write":
            original(arguments[0], memoryview(arguments[1])[:7])  # type: ignore[call-overload]
        os.close(ready)
        signal.pause()

    setattr(os, name, stall)


def killed(action: Callable[[], object], stop: Callable[[int], None]) -> None:
    """Run in a process that stops where it is made to, and kill it there."""
    reached, ready = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reached)
            stop(ready)
            action()
            os.write(ready, b"done")
        finally:
            os._exit(1)
    os.close(ready)
    assert os.read(reached, 4) == b"", "it never stopped"
    os.close(reached)
    assert os.waitpid(child, os.WNOHANG) == (0, 0), "it ended by itself"
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def left(folder: Path) -> list[Path]:
    return list(folder.glob(f"{write.PREFIX}*"))


STOPS = {
    "half written": lambda ready: stalled("write", ready),
    "written": lambda ready: stalled("fsync", ready),
    "on the disk": lambda ready: stalled("replace", ready),
    "in place": lambda ready: stalled("replace", ready, after=True),
}


@FORKS
@pytest.mark.parametrize("stop", STOPS)
def test_a_kill_leaves_the_old_file_or_the_new_one(tmp_path: Path, stop: str) -> None:
    path = tmp_path / "file.txt"
    path.write_text("the old file")
    killed(lambda: write_bytes(path, b"the new file"), STOPS[stop])
    arrived = stop == "in place"
    assert path.read_text() == f"the {'new' if arrived else 'old'} file"
    assert len(left(tmp_path)) == (0 if arrived else 1)
    write_bytes(tmp_path / "other.txt", b"anything")
    assert left(tmp_path) == []


def halts(ready: int) -> Callable[..., None]:
    def here(*_: object, **__: object) -> None:
        os.close(ready)
        signal.pause()

    return here


def before_the_swap(ready: int) -> None:
    write._swap = halts(ready)


def after_the_swap(ready: int) -> None:
    write.shutil.rmtree = halts(ready)


def while_set_aside(ready: int) -> None:
    """Stop, where names cannot be exchanged, when the old store is aside and the new one hidden."""
    write._exchange = lambda one, other: False
    original, names = Path.rename, iter([True])

    def rename(one: Path, other: Path) -> None:
        if next(names, False):
            original(one, other)
        else:
            halts(ready)()

    Path.rename = rename  # type: ignore[assignment]


def while_the_old_one_is_removed(ready: int) -> None:
    write._exchange = lambda one, other: False
    original = write.shutil.rmtree

    def remove(path: Path, **options: bool) -> None:
        if path.exists():
            (path / "part").unlink()
            halts(ready)()
        original(path, ignore_errors=options.get("ignore_errors", False))

    setattr(write.shutil, "rmtree", remove)  # noqa: B010


SWAPS = {
    "old": [STOPS["written"], before_the_swap, while_set_aside],
    "new": [after_the_swap, while_the_old_one_is_removed],
}


@FORKS
@pytest.mark.parametrize(
    ("stop", "there"), [(stop, there) for there, stops in SWAPS.items() for stop in stops]
)
def test_a_kill_leaves_a_whole_folder(
    tmp_path: Path, stop: Callable[[int], None], there: str
) -> None:
    path = tmp_path / "folder"

    def save(text: str) -> None:
        def fill(new: Path) -> None:
            new.mkdir()
            (new / "part").write_text(text)

        write_folder(path, fill, lambda _: True)

    save("old")
    killed(lambda: save("new"), stop)
    assert (complete(path) / "part").read_text() == there
    assert left(tmp_path)
    save("newest")
    assert (complete(path) / "part").read_text() == "newest"
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


@FORKS
@pytest.mark.parametrize("stop", [before_the_swap, while_set_aside])
def test_a_kill_leaves_a_whole_store(
    made_fit: Fit, made_skaling: Fit, tmp_path: Path, stop: Callable[[int], None]
) -> None:
    path = bs.save(made_fit, tmp_path / "fit.zarr")
    killed(lambda: bs.save(made_skaling, path), stop)
    for law in ("chinchilla", "skaling"):
        found = bs.load(path)
        assert isinstance(found, Fit) and found.law.name == law
        bs.save(made_skaling, path)
    assert [p.name for p in tmp_path.iterdir()] == ["fit.zarr"]


WRITERS = {
    "report": (["report", "fit.nc", "-o", "out.html"], "out.html"),
    "draws": (["draws", "fit.nc", "-o", "out.csv"], "out.csv"),
    "plot": (["plot", "fit.nc", "ridge", "-o", "out.png"], "out.png"),
    "plan": (
        ["plan", "fit.nc", "--budget", "1e21", "--candidates", "some.csv", "-o", "out.csv"],
        "out.csv",
    ),
}


@pytest.fixture
def folder(made_fit: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    bs.save(made_fit, tmp_path / "fit.nc")
    few = pd.DataFrame({"params": [1e9, 2e9, 4e9], "tokens": [2e10, 4e10, 8e10]})
    few.to_csv(tmp_path / "some.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@FORKS
@pytest.mark.parametrize("name", WRITERS)
def test_commands_killed_or_out_of_space_leave_the_old_file(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, output = WRITERS[name]
    (folder / output).write_text("the old file")
    killed(lambda: CliRunner().invoke(app, arguments), STOPS["half written"])
    assert (folder / output).read_text() == "the old file"
    assert len(left(folder)) == 1
    full(monkeypatch)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1, result.output
    assert f"cannot write {output}: no space left on the disk; the old one is unt" in result.stderr
    assert (folder / output).read_text() == "the old file"
    assert left(folder) == []


@FORKS
def test_a_fit_killed_while_saved_leaves_the_old_one(folder: Path, made_skaling: Fit) -> None:
    before = (folder / "fit.nc").read_bytes()
    killed(lambda: bs.save(made_skaling, "fit.nc"), STOPS["half written"])
    assert (folder / "fit.nc").read_bytes() == before


def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the disk be full after seven bytes."""
    original = os.write

    def some(descriptor: int, content: memoryview) -> int:
        monkeypatch.setattr(os, "write", refuse)
        return original(descriptor, content[:7])

    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", some)


@contextmanager
def small_files(size: int) -> Iterator[None]:
    """Let the system refuse files that are larger, as it does where a disk is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("suffix", ["nc", "zarr"])
def test_no_room_for_a_fit(made_fit: Fit, made_skaling: Fit, tmp_path: Path, suffix: str) -> None:
    path = bs.save(made_fit, tmp_path / f"fit.{suffix}")
    with small_files(2_000), pytest.raises(bs.BayescaleError, match="the old one is untouched"):
        bs.save(made_skaling, path)
    with small_files(2_000), pytest.raises(bs.BayescaleError, match="nothing was written"):
        bs.save(made_skaling, tmp_path / f"new.{suffix}")
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    found = bs.load(path)
    assert isinstance(found, Fit) and found.law.name == "chinchilla"


def test_a_folder_that_is_read_only() -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "file.txt")
        path.write_text("the old file")
        Path(name).chmod(0o555)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            with pytest.raises(bs.BayescaleError, match=r"Permission denied; the old one is unt"):
                write_bytes(path, b"the new file")
        finally:
            if root:
                os.seteuid(0)
            Path(name).chmod(0o755)
        assert path.read_text() == "the old file"


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(bs.BayescaleError, match="No such file or directory; nothing was written"):
        write_bytes(tmp_path / "nowhere" / "file.txt", b"content")
    with pytest.raises(bs.BayescaleError, match="it is a folder"):
        write_bytes(tmp_path, b"content")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(bs.BayescaleError, match="Not a directory"):
        write_bytes(tmp_path / "file" / "file.txt", b"content")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("held", ["notes.txt", "zarr.json", None])
def test_a_folder_of_something_else_is_not_replaced(
    made_fit: Fit, tmp_path: Path, held: str | None
) -> None:
    keep = tmp_path / "keep.zarr"
    if held is None:
        keep.write_text("a file")
    else:
        keep.mkdir()
        (keep / held).write_text('{"attributes": {"of": "others"}, "node_type": "group"}')
    with pytest.raises(
        bs.BayescaleError, match="not a store that bayescale wrote, and is not repl"
    ):
        bs.save(made_fit, keep)
    assert [p.name for p in tmp_path.iterdir()] == ["keep.zarr"]
    assert keep.read_text() == "a file" if held is None else (keep / held).exists()


@pytest.mark.parametrize("suffix", ["nc", "zarr"])
def test_a_link_stays_and_leads_to_what_is_saved(
    made_fit: Fit, made_skaling: Fit, tmp_path: Path, suffix: str
) -> None:
    (tmp_path / "far").mkdir()
    link = tmp_path / f"link.{suffix}"
    link.symlink_to(Path("far", f"fit.{suffix}"))
    for fit in (made_fit, made_skaling):  # the link leads nowhere at first
        bs.save(fit, link)
        assert link.is_symlink()
        found = bs.load(tmp_path / "far" / f"fit.{suffix}")
        assert isinstance(found, Fit) and found.law is fit.law
    assert [p.name for p in (tmp_path / "far").iterdir()] == [f"fit.{suffix}"]


def test_permissions(tmp_path: Path) -> None:
    def mode(path: Path) -> int:
        return stat.S_IMODE(path.stat().st_mode)

    old, new, own = tmp_path / "old", tmp_path / "new", tmp_path / "own"
    old.touch()
    old.chmod(0o640)
    own.touch(0o666)
    mask = os.umask(0o002)
    try:
        write_bytes(old, b"content")
        write_bytes(new, b"content")
        write_bytes(own, b"content", 0o600)
    finally:
        os.umask(mask)
    assert [mode(path) for path in (old, new, own)] == [0o640, 0o664, 0o600]


def test_what_is_no_file_is_written_to_and_stays() -> None:
    write_bytes("/dev/null", b"content")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    end, start = os.pipe()
    write_bytes(f"/dev/fd/{start}", b"content")
    assert os.read(end, 100) == b"content"
    os.close(end)
    os.close(start)


def test_only_what_a_dead_process_left_is_removed(tmp_path: Path) -> None:
    child = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(child, 0)
    word = "-0123abcd"
    mine = f"{write.PREFIX}{write._HOST}-"
    kept = [f"{mine}{os.getpid()}{word}", f"{write.PREFIX}elsewhere-{child}{word}", ".bayescale-x"]
    for name in [*kept, f"{mine}{child}{word}"]:
        (tmp_path / name).touch()
    folder = tmp_path / f"{mine}{child}-4567abcd"
    folder.mkdir()
    (folder / "part").touch()
    write_bytes(tmp_path / "file", b"content")
    assert {p.name for p in tmp_path.iterdir()} == {*kept, "file"}


def test_a_store_that_was_set_aside_is_found_and_replaced(tmp_path: Path) -> None:
    target = tmp_path / "some.zarr"
    aside = write._aside(target)
    aside.mkdir()
    assert complete(target) == aside
    write_folder(target, lambda new: new.mkdir(), lambda _: False)
    assert complete(target) == target
    assert [p.name for p in tmp_path.iterdir()] == ["some.zarr"]


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "csv.zip", "csv.xz"])
def test_tables_are_compressed_as_they_are_named(tmp_path: Path, suffix: str) -> None:
    table = pd.DataFrame({"name": ["a", "é"], "value": [0.1, 2.0]})
    path = tmp_path / f"table.{suffix}"
    write_table(path, table)
    pd.testing.assert_frame_equal(pd.read_csv(path), table)
    table.to_csv(tmp_path / f"pandas.{suffix}", index=False)
    assert path.read_bytes()[:3] == (tmp_path / f"pandas.{suffix}").read_bytes()[:3]
