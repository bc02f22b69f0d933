"""The append-only record of a study: one JSON object a line, on disk before it is believed."""

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pneumoray.errors import WorkspaceError


class Journal:
    """Appends records to a file. The driver is its only writer; anyone may read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._drop_torn_line()
        self._seen = {
            (record["trial"], record["epoch"]) for record in read(path) if record["type"] == "epoch"
        }

    def append(self, type: str, **fields: Any) -> None:
        """Add one record with the present time. A (trial, epoch) already recorded is left as it was."""
        if type == "epoch":
            if (fields["trial"], fields["epoch"]) in self._seen:
                return
            self._seen.add((fields["trial"], fields["epoch"]))
        line = json.dumps({"type": type, "time": time.time()} | fields) + "\n"
        with self._lock, self.path.open("a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def _drop_torn_line(self) -> None:
        """Cut the half line that a killed writer left, so that the next record starts on its own."""
        if not self.path.exists():
            return
        with self.path.open("rb+") as file:
            data = file.read()
            file.truncate(data.rfind(b"\n") + 1)


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a journal in order; a last line still being written is left out."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                yield json.loads(line)
            except ValueError:
                raise WorkspaceError(
                    f"line {number} of {path} is damaged; delete that line, and run the command again"
                ) from None


def latest(path: Path, type: str, key: str) -> dict[str, dict[str, Any]]:
    """The newest record of that type for each value of `key`, as {value: record}."""
    return {record[key]: record for record in read(path) if record["type"] == type}
