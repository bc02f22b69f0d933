"""The append-only record of a study: one JSON object a line, on disk before it is believed.

Its order is that of its lines, never that of a clock. Paths in it are relative to the workspace.
"""

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pneumoray import artifact, root
from pneumoray.errors import WorkspaceError

FORMAT = 1  # in each record of type study; one without it has absolute paths
_PATHS = ("folder", "pack", "bundle", "page")  # fields that hold one


class Journal:
    """Appends records to a file. The driver is its only writer; anyone may read."""

    def __init__(self, path: Path) -> None:
        self.path, self._root = path, root.of(path.absolute())
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._drop_torn_line()
        self._seen: set[tuple[str, int]] = set()
        self._newest = 0.0
        for record in read(path):
            self._newest = max(self._newest, record["time"])
            if record["type"] == "epoch":
                self._seen.add((record["trial"], record["epoch"]))

    def append(self, type: str, **fields: Any) -> None:
        """Add one record with the present time, which never steps back where the clock does.

        A Path among `fields` is written relative to the workspace. A (trial, epoch) already recorded
        is left as it was.
        """
        if type == "epoch":
            if (fields["trial"], fields["epoch"]) in self._seen:
                return
            self._seen.add((fields["trial"], fields["epoch"]))
        with self._lock, self.path.open("a", encoding="utf-8") as file:
            self._newest = max(self._newest, time.time())
            record = {"type": type, "time": self._newest} | fields
            file.write(json.dumps(record, default=self._written) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _written(self, value: Any) -> str:
        if isinstance(value, Path):
            return root.written(value, self._root)
        raise TypeError(f"{value!r} can't be written as JSON")

    def _drop_torn_line(self) -> None:
        """Cut the half line that a killed writer left, so that the next record starts on its own."""
        if not self.path.exists():
            return
        with self.path.open("rb+") as file:
            data = file.read()
            file.truncate(data.rfind(b"\n") + 1)


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a journal in order, as `placed`; a last line still being written is left out.

    Raises WorkspaceError for a damaged line, and for a journal that a newer version wrote.
    """
    base = root.of(path.absolute())
    for record in _lines(path):
        yield placed(record, base)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """The records as they stand in the file."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                record = json.loads(line)
                if not isinstance(record, dict):
                    raise ValueError(f"{type(record).__name__} is no record")
            except ValueError:
                raise WorkspaceError(
                    f"line {number} of {path} is damaged; delete that line, and run the command again"
                ) from None
            root.check_format(record.get("format", FORMAT), FORMAT, path)
            yield record


def placed(record: dict[str, Any], base: Path) -> dict[str, Any]:
    """The record with its paths made absolute, in the workspace that lies at `base` now."""
    here = {key: _place(value, base) for key, value in record.items() if key in _PATHS and value}
    if isinstance(pack := record.get("pack"), dict):  # of a study: all about its Pack
        here["pack"] = pack | {k: _place(v, base) for k, v in pack.items() if k == "path"}
    if files := record.get("files"):
        here["files"] = {name: _place(path, base) for name, path in files.items()}
    return record | here


def _place(path: Any, base: Path) -> Any:
    return str(root.placed(path, base)) if isinstance(path, str) else path


def identity(path: Path) -> str:
    """The journal's own id, another one after a fresh start; '' before its first study record."""
    for record in _lines(path):
        if record["type"] == "study":
            return artifact.digest(record)[:16]
    return ""


def latest(path: Path, type: str, key: str) -> dict[str, dict[str, Any]]:
    """The newest record of that type for each value of `key`, as {value: record}."""
    return {record[key]: record for record in read(path) if record["type"] == type}
