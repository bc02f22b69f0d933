"""One thread that sends a journal to MLflow, and never makes training wait for it."""

import contextlib
import itertools
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pneumoray import journal
from pneumoray.tracking.lines import Lines, Record
from pneumoray.tracking.loading import with_mlflow
from pneumoray.tracking.refusals import in_one_line, one_line
from pneumoray.tracking.server import check
from pneumoray.tracking.settings import Settings

if TYPE_CHECKING:
    from pneumoray.tracking.records import Writer

POLL_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
_EPOCHS_AT_ONCE = 100
OnSent = Callable[[int, int], None]
_log = logging.getLogger(__name__)


class Replayer:
    """Sends the lines of the journal at `path` as they come; what is sent twice is there once.

    How far it came is a tag of the study's run, so a later Replayer goes on from there; a new server
    gets everything, as does one where a run was deleted. A record of which MLflow refuses a part
    waits: those after it are sent, and a later Replayer begins again with it.

    `error` is why the last attempt failed, '' when it did not; `refused` are the reasons of what
    waits; `gone` is what can never be sent, as its file is not here any more.
    """

    def __init__(
        self,
        path: Path,
        settings: Settings,
        whole: bool = False,
        on_sent: OnSent = lambda done, total: None,
    ) -> None:
        """`whole`: send everything again, whatever an earlier Replayer has sent."""
        self.path, self.settings, self.whole, self.on_sent = path, settings, whole, on_sent
        self.error = ""
        self._start_over()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="mlflow-replay", daemon=True)

    def _start_over(self) -> None:
        self.refused: list[str] = []
        self.gone: list[str] = []
        self._lines = Lines(self.path)
        self._num_done = 0  # lines that were sent, or refused
        self._waiting: list[int] = []  # the refused among them
        self._writer: Writer | None = None

    def start(self) -> None:
        """Begin to send. Imports MLflow here: imports in two threads at once can fail."""
        with_mlflow("records")
        self._thread.start()

    def close(self, timeout: float = 120.0) -> int:
        """Send what is left, and return how many lines of the journal are not known to be sent.

        What was refused is tried once more. Ends after one attempt where the server is down, after
        `timeout` seconds where it is slow.
        """
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return self.num_unsent()

    def num_unsent(self) -> int:
        """Lines of the journal that are not known to be sent."""
        with contextlib.suppress(OSError):
            return self.num_lines() - self._num_done + len(self._waiting)
        return 0

    def num_lines(self) -> int:
        return self._lines.count()

    def flush(self) -> None:
        """Send all that is new. Raises TrackingError or what MLflow raises; then call again."""
        self._lines.read()
        if not self._lines.pending or not self._lines.study:
            return
        try:
            if self._writer is None:
                self._connect()
            assert self._writer is not None
            self._send(self._writer)
            self._writer.runs.remember(self._num_sent)
        except BaseException:
            self._writer = None  # whatever it knew may be wrong: ask again
            raise

    def finish(self) -> None:
        """Send all that is new, once more what was refused, and the ends that nobody wrote down."""
        self.flush()
        if self._waiting:
            self._start_over()
            self.whole = False  # from the first that waits on
            self.on_sent = lambda done, total: None  # once is enough
            self.flush()
        if self._writer is not None:
            for record in self._lines.left_open():
                self._writer.write(record)
                refused, gone = self._writer.runs.refusals.clear()
                if refused:  # it has no line of its own: whoever sends next has to read the last
                    self._waiting.append(self._num_done)
                self._note(self.refused, refused, record)
                self._note(self.gone, gone, record)

    @property
    def notes(self) -> list[str]:
        """What is not in MLflow, and why."""
        return [*self.refused, *self.gone]

    @property
    def _num_sent(self) -> int:
        """Lines before the first that waits: whoever sends next begins there."""
        return min(self._waiting) - 1 if self._waiting else self._num_done

    def _connect(self) -> None:
        """Ask MLflow which runs there are, and leave out the lines that an earlier process has sent."""
        check(self.settings)  # within seconds; MLflow would wait longer for a server
        writer = with_mlflow("records").Writer(
            self.settings, self._lines.journal_id, self.path.absolute(), self._lines.study
        )
        runs = writer.runs
        sent = [run for run, line in self._lines.runs.items() if line <= runs.num_sent]
        if not self._num_done and self.whole:
            runs.remember(0)
        elif not runs.has(sent):  # one was deleted: it is made again as a whole
            runs.remember(0)
            self._start_over()
            self._lines.read()
        while self._lines.pending and self._lines.pending[0][0] <= runs.num_sent:
            self._num_done = self._lines.pending.popleft()[0]
        self._writer = writer

    def _work(self) -> None:
        pause = POLL_SECONDS
        while True:
            closing = self._closing.is_set()
            try:
                self.finish() if closing else self.flush()
            except Exception as error:
                self.error = one_line(error, self.settings)
                _log.info("MLflow can't be written, trying again: %s", self.error)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            else:
                self.error, pause = "", POLL_SECONDS
            if closing:
                return
            self._closing.wait(pause)

    def _send(self, writer: "Writer") -> None:
        pending, num_singly = self._lines.pending, 0
        while pending:
            epochs = self._next_epochs(1 if num_singly else _EPOCHS_AT_ONCE)
            if epochs:
                writer.write_epochs(epochs)
            else:
                writer.write(pending[0][1])
            refused, gone = writer.runs.refusals.clear()
            if refused and len(epochs) > 1:  # some of them: find out which
                num_singly = len(epochs)
                continue
            num_singly = max(0, num_singly - 1)
            if refused:
                self._waiting.append(pending[0][0])
            self._note(self.refused, refused, pending[0][1])
            self._note(self.gone, gone, pending[0][1])
            for _ in range(max(1, len(epochs))):
                self._num_done = pending.popleft()[0]
            self.on_sent(self._num_done, self._num_done + len(pending))

    def _next_epochs(self, most: int) -> list[Record]:
        """The epoch records that come next, up to `most`; empty when another record is next."""
        waiting = (record for _, record in self._lines.pending)
        epochs = itertools.takewhile(lambda record: record["type"] == "epoch", waiting)
        return list(itertools.islice(epochs, most))

    def _note(self, notes: list[str], reasons: list[str], record: Record) -> None:
        for reason in reasons:
            note = f"{_named(record)}: {reason}"
            if note not in notes:
                notes.append(note)
                _log.info("not in MLflow: %s", note)


@dataclass(frozen=True)
class Sent:
    """How many lines of a journal there are, how many of them wait and why, and what is gone."""

    num_lines: int
    num_waiting: int
    refused: tuple[str, ...]
    gone: tuple[str, ...]


def replay(
    path: Path,
    settings: Settings,
    whole: bool = False,
    on_sent: OnSent = lambda done, total: None,
) -> Sent:
    """Send the journal at `path` now; `whole`: of a study at rest, all of it again, and its open ends.

    `on_sent` gets how many lines were, of how many. Raises TrackingError where the server is away.
    """
    with_mlflow("records")
    replayer = Replayer(path, settings, whole, on_sent)
    with in_one_line(settings):
        replayer.finish() if whole else replayer.flush()
    return Sent(
        replayer.num_lines(), replayer.num_unsent(), tuple(replayer.refused), tuple(replayer.gone)
    )


def run_ids(settings: Settings, study: str, path: Path) -> dict[str, str]:
    """{trial: MLflow run id} of a study with its journal at `path`; {} when MLflow can't be asked."""
    if settings.database is not None and not settings.database.exists():
        return {}
    try:
        check(settings, to_write=False)
        return with_mlflow("runs").trial_runs(settings, study, journal.identity(path))
    except Exception as error:
        _log.info("MLflow can't be asked for runs: %s", one_line(error, settings))
        return {}


def download(settings: Settings, uri: str, folder: Path) -> Path:
    """The bundle of registered model `uri`, fetched into `folder`; see registered.py."""
    check(settings, to_write=False)
    with in_one_line(settings):
        return with_mlflow("registered").download(settings, uri, folder)


def _named(record: Record) -> str:
    """What a record is about: 'end of resnet18-1', 'study'."""
    about = record.get("trial") or record.get("ensemble")
    return f"{record['type']} of {about}" if about else str(record["type"])
