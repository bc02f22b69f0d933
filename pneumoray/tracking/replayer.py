"""One thread that sends a journal to MLflow, and never makes training wait for it."""

import contextlib
import importlib
import itertools
import json
import logging
import threading
import warnings
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pneumoray import artifact
from pneumoray.errors import PneumorayError
from pneumoray.tracking.server import check
from pneumoray.tracking.settings import Settings, prepare_environment

if TYPE_CHECKING:
    from pneumoray.tracking.records import Writer

POLL_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
_EPOCHS_AT_ONCE = 100
# Nothing will make MLflow take these: the record is passed over, and said so.
_REFUSED = ("INVALID_PARAMETER_VALUE", "INVALID_STATE", "MALFORMED_REQUEST")
_OURS = (PneumorayError, FileNotFoundError, KeyError, TypeError, ValueError, AttributeError)
_log = logging.getLogger(__name__)

Record = dict[str, Any]


class Replayer:
    """Sends the lines of the journal at `path` as they come; what is sent twice is there once.

    How far it came is a tag of the study's run, so a later Replayer goes on from there, and a new
    server gets everything. `error` is why the last attempt failed, '' when it did not; `notes` are
    records that MLflow would never take.
    """

    def __init__(self, path: Path, settings: Settings) -> None:
        self.path, self.settings = path, settings
        self.error = ""
        self.notes: list[str] = []
        self._pending: deque[tuple[int, Record]] = deque()  # (lines up to and with it, record)
        self._seen: set[tuple[str, int]] = set()
        self._offset = self._num_read = self._num_sent = 0
        self._study: Record = {}  # the newest, and the digest of the first
        self._journal_id = ""
        self._folders: dict[str, str] = {}
        self._writer: Writer | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="mlflow-replay", daemon=True)

    def start(self) -> None:
        """Begin to send. Imports MLflow here: imports in two threads at once can fail."""
        with_mlflow("records")
        self._thread.start()

    def close(self, timeout: float = 120.0) -> int:
        """Send what is left, and return how many lines of the journal are not known to be sent.

        Ends after one attempt where the server is down, after `timeout` seconds where it is slow.
        """
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        with contextlib.suppress(OSError):
            return self.path.read_bytes().count(b"\n") - self._num_sent
        return 0

    def flush(self) -> None:
        """Send all that is new. Raises TrackingError or what MLflow raises; then call again."""
        self._read()
        if not self._pending or not self._study:
            return
        try:
            if self._writer is None:
                check(self.settings)  # within seconds; MLflow would wait longer for a server
                self._writer = with_mlflow("records").Writer(
                    self.settings, self._journal_id, self.path.absolute(), self._study
                )
                while self._pending and self._pending[0][0] <= self._writer.runs.num_sent:
                    self._num_sent = self._pending.popleft()[0]
            self._send(self._writer)
            self._writer.runs.remember(self._num_sent)
        except BaseException:
            self._writer = None  # whatever it knew may be wrong: ask again
            raise

    def _work(self) -> None:
        pause = POLL_SECONDS
        while True:
            closing = self._closing.is_set()
            try:
                self.flush()
            except Exception as error:
                self.error = _one_line(error)
                _log.info("MLflow can't be written, trying again: %s", self.error)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            else:
                self.error, pause = "", POLL_SECONDS
            if closing:
                return
            self._closing.wait(pause)

    def _send(self, writer: "Writer") -> None:
        most = _EPOCHS_AT_ONCE
        while self._pending:
            epochs = self._next_epochs(most)
            try:
                if epochs:
                    writer.write_epochs(epochs)
                else:
                    writer.write(self._pending[0][1])
            except Exception as error:
                if (
                    not isinstance(error, _OURS)
                    and getattr(error, "error_code", "") not in _REFUSED
                ):
                    raise
                if len(epochs) > 1:  # one of them: find out which
                    most = 1
                    continue
                self._note(error, self._pending[0][1])
            for _ in range(max(1, len(epochs))):
                self._num_sent = self._pending.popleft()[0]

    def _next_epochs(self, most: int) -> list[Record]:
        """The epoch records that come next, up to `most`; empty when another record is next."""
        waiting = (record for _, record in self._pending)
        epochs = itertools.takewhile(lambda record: record["type"] == "epoch", waiting)
        return list(itertools.islice(epochs, most))

    def _note(self, error: Exception, record: Record) -> None:
        self.notes.append(f"a record of type {record['type']} is not in MLflow: {_one_line(error)}")
        _log.warning(self.notes[-1])

    def _read(self) -> None:
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
                self._take(json.loads(line))

    def _take(self, record: Record) -> None:
        if record["type"] == "study":
            self._journal_id = self._journal_id or artifact.digest(record)[:16]
            self._study = record
        elif record["type"] == "trial":
            self._folders[record["trial"]] = record["folder"]
        elif record["type"] == "end":
            record = {"folder": self._folders.get(record["trial"])} | record
        elif record["type"] == "epoch":
            key = (record["trial"], record["epoch"])
            if key in self._seen:
                record = {"type": "repeated"}
            self._seen.add(key)
        self._pending.append((self._num_read, record))


def replay(path: Path, settings: Settings) -> None:
    """Send the whole journal at `path` now. Raises what MLflow raises."""
    Replayer(path, settings).flush()


def run_ids(settings: Settings, study: str) -> dict[str, str]:
    """{trial: MLflow run id} of a study; {} when MLflow can't be asked."""
    uri = settings.tracking_uri
    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).exists():
        return {}
    try:
        check(settings)
        return with_mlflow("runs").trial_runs(settings, study)
    except Exception as error:
        _log.info("MLflow can't be asked for runs: %s", error)
        return {}


def download(settings: Settings, uri: str, folder: Path) -> Path:
    """The bundle of registered model `uri`, fetched into `folder`; see registered.py."""
    check(settings)
    return with_mlflow("registered").download(settings, uri, folder)


def with_mlflow(name: str) -> Any:
    """The module `name` of this package, with MLflow imported, and kept quiet."""
    prepare_environment()
    # what MLflow's own modules warn of is nothing that a user of pneumoray can mend
    warnings.filterwarnings("ignore", module=r"(mlflow|sqlalchemy|alembic)\b")
    module = importlib.import_module(f"pneumoray.tracking.{name}")
    for logger in ("mlflow", "alembic", "urllib3.connectionpool"):  # MLflow's import sets them
        logging.getLogger(logger).setLevel(logging.ERROR)
    return module


def _one_line(error: Exception) -> str:
    """The error's kind, the beginning and the end of what it says: the cause comes last."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return text if len(text) <= 300 else f"{text[:120]} ... {text[-170:]}"
