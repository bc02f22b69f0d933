"""The lines of a journal as they are sent to MLflow: in order, each epoch once, what belongs together."""

import json
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pneumoray import journal, root

Record = dict[str, Any]


class Lines:
    """Reads the journal at `path` as it grows. `pending`: (number of the line, record), oldest first.

    `study` is the newest record of that type, `journal_id` the journal's own. `runs`: the
    trials and votes that have a run -> the line that first speaks of them.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._root = path, root.of(path.absolute())
        self.pending: deque[tuple[int, Record]] = deque()
        self.study: Record = {}
        self.journal_id = ""
        self.runs: dict[str, int] = {}
        self._offset = self._num_read = 0
        self._seen: set[tuple[str, int]] = set()
        self._folders: dict[str, str] = {}
        self._models: dict[str, Record] = {}  # a bundle's folder -> the newest record of it
        self._open: dict[str, Record] = {}  # trial, or '' for the study -> its newest record

    def read(self) -> None:
        """Take up the whole lines that the journal has got since; the first of an epoch counts."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._offset += len(line)
                self._num_read += 1
                self._take(journal.placed(json.loads(line), self._root))

    def count(self) -> int:
        """How many whole lines the journal has now."""
        return self.path.read_bytes().count(b"\n") if self.path.exists() else 0

    def left_open(self) -> Iterator[Record]:
        """The ends that nobody was left to write down, at the last sign of life of what had begun."""
        for trial, record in self._open.items():
            of = {"type": "left_open", "trial": trial} if trial else {"type": "study_end"}
            yield of | {"time": record["time"], "status": "KILLED"}

    def _take(self, record: Record) -> None:
        match record["type"]:
            case "study":
                self.journal_id = self.journal_id or journal.identity(self.path)
                self.study = record
                self._open[""] = record
            case "study_end":
                self._open.pop("", None)
            case "trial":
                self._folders[record["trial"]] = record.get("folder", "")
                self.runs.setdefault(record["trial"], self._num_read)
                self._open[record["trial"]] = record
            case "ensemble":
                self.runs.setdefault(record["ensemble"], self._num_read)
            case "model":
                if older := self._models.get(record["bundle"]):
                    older["superseded"] = True
                self._models[record["bundle"]] = record
            case "end":
                record = {"folder": self._folders.get(record["trial"])} | record
                self._open.pop(str(record["trial"]), None)
            case "epoch":
                key = (record["trial"], record["epoch"])
                if record["trial"] in self._open:
                    self._open[record["trial"]] = record
                if key in self._seen:
                    record = {"type": "repeated"}
                self._seen.add(key)
        self.pending.append((self._num_read, record))
