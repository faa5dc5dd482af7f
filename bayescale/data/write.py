"""Files that are written whole or not at all: what was there stays until the new one is complete.

A file is written under a hidden name beside its target, flushed to the disk, and renamed onto the
target; so is a folder. Whatever interrupts this, a kill or a full disk too, the old file or the
new one is there. Hidden files of processes that were killed are removed by the next write.
"""

import ctypes
import errno
import os
import platform
import re
import secrets
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from bayescale.errors import BayescaleError

if TYPE_CHECKING:
    import pandas as pd

PREFIX = ".bayescale-"
"""What the names of unfinished files begin with; machine, process and a random word follow."""

_HOST = re.sub(r"\W+", "_", platform.node())[:60]
_UNFINISHED = re.compile(rf"{re.escape(PREFIX + _HOST)}-(\d+)-[0-9a-f]{{8}}")
_COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".xz": "xz", ".zst": "zstd", ".zip": "zip"}
_FULL = (errno.ENOSPC, errno.EDQUOT)
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


def write_bytes(path: str | Path, content: bytes | memoryview, mode: int | None = None) -> None:
    """Write a file whole or not at all.

    A symbolic link stays, and what it points to is written. Devices and pipes are written to
    directly.

    Parameters
    ----------
    path : str or Path
        Where.
    content : bytes or memoryview
        All of it.
    mode : int, optional
        The file's permissions. When None an existing file keeps its own, and its owner where that
        is permitted; a new file gets the user's usual ones.

    Raises
    ------
    BayescaleError
        When it cannot be written: the disk is full, the folder is missing or read-only, the path
        is a folder. What was there is untouched.
    """
    target = Path(os.path.realpath(path))
    with _explained(path, target):
        old = os.stat(path) if os.path.exists(path) else None
        if old is not None and stat.S_ISDIR(old.st_mode):
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        if old is not None and not stat.S_ISREG(old.st_mode):
            _put(os.open(path, os.O_WRONLY), content)
            return
        with _unfinished(target) as new:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            _put(os.open(new, flags, 0o666 if mode is None else mode), content)
            if old is not None and mode is None:
                _own_like(new, old)
            _flush(new)
            os.replace(new, target)
        _flush_names(target.parent)


def write_table(path: Path, table: "pd.DataFrame") -> None:
    """Write a table without its index as CSV, compressed if the name ends in ``.gz`` or the like.

    Raises
    ------
    BayescaleError
        As for :func:`write_bytes`.
    """
    stream = BytesIO()
    compression = _COMPRESSIONS.get(path.suffix.lower())
    options = {"archive_name": path.stem} if compression == "zip" else {}
    table.to_csv(stream, index=False, compression={"method": compression, **options})
    write_bytes(path, stream.getvalue())


def write_folder(
    path: str | Path, fill: Callable[[Path], object], is_own: Callable[[Path], bool]
) -> None:
    """Write a folder whole or not at all.

    Parameters
    ----------
    path : str or Path
        Where; a symbolic link stays, and what it points to is written.
    fill : callable
        Makes the folder under the path that it is given.
    is_own : callable
        Whether what is at a path may be replaced.

    Raises
    ------
    BayescaleError
        When something else is there, or as for :func:`write_bytes`. What was there is untouched.
    """
    target = Path(os.path.realpath(path))
    with _explained(path, target):
        if os.path.exists(target) and not is_own(target):
            raise BayescaleError(
                f"{path} is not a store that bayescale wrote, and is not replaced: choose another "
                "name, or remove it first"
            )
        with _unfinished(target) as new:
            fill(new)
            for folder, _, names in os.walk(new):
                for name in names:
                    _flush(Path(folder, name))
                _flush_names(Path(folder))
            if target.exists():
                _swap(new, target)
            else:
                new.rename(target)
            _flush_names(target.parent)
        shutil.rmtree(_aside(target), ignore_errors=True)


def complete(path: str | Path) -> Path:
    """Return where a written file or folder is complete: one may be set aside for a new one."""
    target = Path(os.path.realpath(path))
    set_aside = not os.path.exists(target) and os.path.exists(_aside(target))
    return _aside(target) if set_aside else Path(path)


def _swap(new: Path, target: Path) -> None:
    """Exchange two folders; where the system cannot at once, set the old one aside meanwhile."""
    if _exchange(new, target):
        return
    shutil.rmtree(_aside(target), ignore_errors=True)
    target.rename(_aside(target))
    try:
        new.rename(target)
    except OSError:
        _aside(target).rename(target)
        raise


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one step, if the system and its file system can."""
    if sys.platform != "linux":
        return False
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    names = os.fsencode(one), os.fsencode(other)
    return rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0


def _aside(target: Path) -> Path:
    return target.with_name(f"{PREFIX}old-{target.name}")


@contextmanager
def _unfinished(target: Path) -> Iterator[Path]:
    """Give a hidden name beside the target; whatever has it in the end is removed."""
    _tidy(target.parent)
    new = target.with_name(f"{PREFIX}{_HOST}-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        yield new
    finally:
        _remove(new)


def _tidy(folder: Path) -> None:
    """Remove what processes of this machine that are no more have left unfinished."""
    with suppress(OSError):
        for left in folder.iterdir():
            found = _UNFINISHED.fullmatch(left.name)
            if found and not _is_running(int(found[1])):
                _remove(left)


def _is_running(process: int) -> bool:
    """Whether there is such a process; signal 0 asks, except on Windows, where it would end it."""
    if os.name == "nt":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _put(descriptor: int, content: bytes | memoryview) -> None:
    """Write all of it; the descriptor is closed."""
    left = memoryview(content)
    try:
        while left:
            left = left[os.write(descriptor, left) :]
    finally:
        os.close(descriptor)


def _flush(path: Path) -> None:
    """Have a file on the disk: some systems find only now that it is full."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_names(folder: Path) -> None:
    """Have the names in a folder on the disk, where the system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _own_like(path: Path, old: os.stat_result) -> None:
    if hasattr(os, "chown"):
        with suppress(OSError):
            os.chown(path, old.st_uid, old.st_gid)
    path.chmod(stat.S_IMODE(old.st_mode))


@contextmanager
def _explained(path: str | Path, target: Path) -> Iterator[None]:
    """Say in one line why a file was not written."""
    try:
        yield
    except OSError as error:
        why = "no space left on the disk" if error.errno in _FULL else error.strerror or str(error)
        kept = "the old one is untouched" if os.path.exists(target) else "nothing was written"
        raise BayescaleError(f"cannot write {path}: {why}; {kept}") from error
