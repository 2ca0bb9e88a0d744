"""Writing that survives a kill, a power cut and a full disk: files and directories appear whole or not at all.

Staging directory → MANIFEST.json (size, sha256) → fsync files and directories → rename → fsync parent, as OLMo-core's
checkpoints do. A reader checks the manifest, because a disk or a copy may still have damaged what was whole once.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import CorruptError, NoSpaceError, StoreError

MANIFEST = "MANIFEST.json"
BALLAST_BYTES = 2**20
_SYNCERS = 8
_STAGING = ".staging-"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True, slots=True)
class Mark:
    """What a file must be: its size in bytes and its sha256 in hex."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files of a directory, by path relative to it with forward slashes."""

    files: Mapping[str, Mark]

    @property
    def size(self) -> int:
        return sum(mark.size for mark in self.files.values())


@contextmanager
def space_errors(path: Path) -> Iterator[None]:
    """Turn "no space", "over quota" and "file too large" into NoSpaceError, other OSErrors into StoreError."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise NoSpaceError(
                f"the disk is full: {path} could not be written ({error.strerror})",
                remedy="free some space on it; nothing that was saved before is lost",
            ) from error
        raise StoreError(f"{error.filename or path}: {error.strerror or error}") from error


def sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Replace `path` by a file of `text` in UTF-8, durably; on an error the old one stays. Raises NoSpaceError."""
    _write(path, text.encode("utf-8", "replace"))


def _write(path: Path, content: bytes) -> None:
    with space_errors(path):
        handle, name = tempfile.mkstemp(prefix=f"{_STAGING}{path.name}-", dir=path.parent)  # 0600
        staging = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            staging.replace(path)
        except BaseException:
            staging.unlink(missing_ok=True)
            raise
        sync_directory(path.parent)


def write_json(path: Path, value: Any) -> None:
    """`write_text` of JSON. Refuses NaN (ValueError): pass records through `as_json` first."""
    write_text(path, json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1) + "\n")


@contextmanager
def staged(final: Path) -> Iterator[Path]:
    """A directory to fill, which becomes `final` with a MANIFEST.json when the block ends well.

    Raises StoreError where `final` exists already, NoSpaceError; then, and on any error, nothing is left behind.
    """
    with space_errors(final):
        _refuse_existing(final)
        final.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        staging = Path(tempfile.mkdtemp(prefix=f"{_STAGING}{final.name}-", dir=final.parent))  # 0700
        try:
            yield staging
            _seal(staging)
            _refuse_existing(final)
            staging.rename(final)
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise
        sync_directory(final.parent)


def sweep(parent: Path) -> None:
    """Remove what killed writers left half-made in `parent`. Only for who holds the engine's lock."""
    for left in parent.glob(f"{_STAGING}*"):
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def _refuse_existing(final: Path) -> None:
    if final.exists():
        raise StoreError(f"{final} exists already, and what is saved there is never changed")


def _seal(directory: Path) -> None:
    """Write the manifest and push everything under `directory` to the disk, children before parents."""
    places = [(Path(here), names) for here, _, names in os.walk(directory, topdown=False)]
    paths = [here / name for here, names in places for name in names]
    paths = [path for path in paths if path != directory / MANIFEST]  # that one was copied along from elsewhere
    with ThreadPoolExecutor(_SYNCERS) as pool:  # syncs that wait together share a commit of the journal
        marks = dict(zip(paths, pool.map(lambda path: _mark(path, sync=True), paths), strict=True))
        list(pool.map(sync_directory, [here for here, _ in places]))
    files = {
        path.relative_to(directory).as_posix(): {"size": mark.size, "sha256": mark.sha256}
        for path, mark in sorted(marks.items())
    }
    write_json(directory / MANIFEST, {"files": files})


def _mark(path: Path, *, sync: bool = False) -> Mark:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        if sync:
            os.fsync(file.fileno())
        return Mark(os.fstat(file.fileno()).st_size, digest)


def read_manifest(directory: Path) -> Manifest:
    """The manifest of a saved directory. Raises CorruptError where there is none that makes sense."""
    path = directory / MANIFEST
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))["files"]
        files = {str(name): Mark(int(mark["size"]), str(mark["sha256"])) for name, mark in raw.items()}
    except FileNotFoundError:
        raise CorruptError(f"{path} is missing: the save was never finished, or files were moved") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptError(f"{path} cannot be read: {error}") from error
    for name in files:
        if name.startswith("/") or ".." in Path(name).parts:
            raise CorruptError(f"{path} names a file outside its directory: {name!r}")
    return Manifest(files)


def verify(directory: Path) -> Manifest:
    """Check every file against the manifest. Raises CorruptError naming the first that is missing, short or altered."""
    manifest = read_manifest(directory)
    for name in manifest.files:
        verify_file(directory, name, manifest)
    return manifest


def verify_file(directory: Path, name: str, manifest: Manifest | None = None) -> Path:
    """The path of one file of a saved directory, checked as `verify` does. Raises CorruptError."""
    expected = (manifest or read_manifest(directory)).files.get(name)
    path = directory / name
    if expected is None:
        raise CorruptError(f"{path} is not in its manifest")
    try:
        if path.is_symlink():
            raise CorruptError(f"{path} is a link, which no save writes", remedy="do not trust it")
        size = path.stat().st_size
        if size != expected.size:
            raise CorruptError(f"{path} has {size:,} bytes where {expected.size:,} were saved", remedy=_DAMAGED)
        if _mark(path).sha256 != expected.sha256:
            raise CorruptError(f"{path} is not what was saved: its checksum differs", remedy=_DAMAGED)
    except OSError as error:
        raise CorruptError(f"{path} cannot be read: {error.strerror}", remedy=_DAMAGED) from error
    return path


_DAMAGED = "restore it from a copy, or go on from another iteration"


def require_space(directory: Path, size: int) -> None:
    """Raise NoSpaceError unless `size` bytes are free where `directory` is, or will be."""
    there = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    if free < size:
        raise NoSpaceError(
            f"saving to {directory} needs {size / 2**20:,.0f} MiB, and {free / 2**20:,.0f} MiB are free",
            remedy=f"free {(size - free) / 2**20:,.0f} MiB there, then resume",
        )


def make_ballast(path: Path, size: int = BALLAST_BYTES) -> None:
    """Set some disk aside, to give back when it is full, so that the run can still write down what happened."""
    if not path.exists():
        _write(path, os.urandom(size))  # what no file system compresses away


def drop_ballast(path: Path) -> None:
    with suppress(FileNotFoundError):
        path.unlink()
