"""Files and folders that are whole or absent: temporary name, fsync, rename."""

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock

from pneumoray.errors import WorkspaceError

# A draft's name ends with what the writers below or tempfile add; the lock of a study NAME.tmp-x is
# .NAME.tmp-x.lock.
_DRAFT = re.compile(r"\..+\.tmp-[a-z0-9_-]+", re.DOTALL)
_COPY = "put back a copy of it, or move it away and run the command that writes it"


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that a reader sees the old file or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = _draft(path)
    try:
        with draft.open("xb") as file:  # as readable to others as any file: workspaces are shared
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def check_writable(path: Path) -> None:
    """Raises WorkspaceError where `path` can't become a file: known before hours of work for it."""
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = _draft(path)
        draft.touch(exist_ok=False)
        draft.unlink()
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        why = error.strerror if isinstance(error, OSError) else error
        raise WorkspaceError(
            f"{str(path)!r:.200} can't be written ({why}): name another file"
        ) from None


def _draft(path: Path) -> Path:
    return path.parent / f".{path.name}.tmp-{os.getpid()}-{uuid.uuid4().hex[:8]}"


def write_text(path: Path, text: str) -> None:
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=1, allow_nan=True) + "\n")


def read_json(path: Path, mend: str = _COPY) -> Any:
    """The JSON in `path`. Raises WorkspaceError naming the file when it is missing or damaged.

    `mend` is what to do about a damaged one.
    """
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise WorkspaceError(f"{path} is missing; run the command that writes it again") from None
    except (ValueError, OSError, RecursionError) as error:
        raise WorkspaceError(f"{path} can't be read ({error}): {mend}") from None


@contextlib.contextmanager
def whole_folder(path: Path, *, root: Path, holds: str) -> Iterator[Path]:
    """A temporary sibling of `path` to fill; it becomes `path` at the end, or vanishes on an error.

    The block writes the file `holds` into it, by which a folder that was made here is known: an
    existing `path` with that file is replaced. Raises WorkspaceError, and removes nothing, for one
    without it, and for a `path` that lies outside of `root` when every link is followed.
    """
    _check_place(path, root, holds)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{path.name}.tmp-", dir=path.parent))
    try:
        yield draft
        assert (draft / holds).is_file(), f"{path.name} was made without {holds}"
        for file in draft.rglob("*"):
            if file.is_file():
                _sync(file)
        draft.chmod(0o755)
        _sync_folder(draft)
        _check_place(path, root, holds)  # the block may have taken hours
        if path.exists():  # out of the way in one step: never a half-removed folder at `path`
            os.replace(path, aside := draft.with_name(f"{draft.name}-old"))
            os.replace(draft, path)
            shutil.rmtree(aside, ignore_errors=True)
        else:
            os.replace(draft, path)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    _sync_folder(path.parent)


def _check_place(path: Path, root: Path, holds: str) -> None:
    if root.resolve() not in path.resolve().parents:
        raise WorkspaceError(
            f"{path} lies outside of {root}, where it belongs: nothing is written; if it is a link, "
            "remove the link"
        )
    if os.path.lexists(path) and not (path / holds).is_file():
        raise WorkspaceError(
            f"{path} is there, and was not made by pneumoray (it has no {holds}): nothing of it is "
            "replaced; move it away and run the command again"
        )


def sweep_drafts(folder: Path) -> None:
    """Remove what interrupted writers left in `folder`. Call it where no other writer is at work."""
    for draft in folder.glob(".*.tmp-*"):
        if not _DRAFT.fullmatch(draft.name):
            continue
        if draft.is_dir() and not draft.is_symlink():
            shutil.rmtree(draft, ignore_errors=True)
        else:
            draft.unlink(missing_ok=True)


def sha256_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(value: Any) -> str:
    """SHA-256 (hex) of the canonical JSON of `value`: equal values, equal digest, on any machine."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def lock(path: Path) -> filelock.BaseFileLock:
    """A lock that the system releases when its holder dies; `with artifact.lock(...)` waits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return filelock.FileLock(path)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folder(path: Path) -> None:
    with contextlib.suppress(OSError):  # some network file systems refuse to sync a folder
        _sync(path)
