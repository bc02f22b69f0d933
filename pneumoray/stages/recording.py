"""While a stage works, its journal goes to MLflow; what could not be sent is said at the end."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pneumoray import artifact, root, tracking
from pneumoray.errors import some_of
from pneumoray.redaction import shown
from pneumoray.stages.prepare import OnEvent
from pneumoray.study_folder import StudyFolder


@contextmanager
def recorded(folder: StudyFolder, settings: tracking.Settings, on_event: OnEvent) -> Iterator[None]:
    """Replay a study's journal into MLflow for the length of a `with` block, and to its end after."""
    replayer = tracking.Replayer(folder.journal, settings)
    replayer.start()
    try:
        yield
    finally:
        unsent = replayer.close()
        for text in replayer.gone:
            on_event({"type": "note", "text": f"can never be sent to MLflow: {text}"})
        if unsent:
            reason = replayer.error or some_of(replayer.refused, 1)
            about = {"study": folder.name, "records": unsent, "reason": reason}
            on_event({"type": "unsent", **about})
        mark(folder, settings, all_sent=not unsent)


def check(
    settings: tracking.Settings, study: str, families: Iterable[str], on_event: OnEvent
) -> None:
    """Raise TrackingError, before anything is trained, unless a study's runs and models can be written."""
    tracking.check(settings)
    bring_here(settings, on_event)
    tracking.check_writing(settings, study, families)


def bring_here(settings: tracking.Settings, on_event: OnEvent) -> None:
    """In a workspace that was moved, have MLflow's database say so; tell that, and what MLflow can't."""
    for text in (tracking.bring_here(settings), tracking.warning(settings)):
        if text:
            on_event({"type": "note", "text": text})


def mark(folder: StudyFolder, settings: tracking.Settings, all_sent: bool) -> None:
    """Note beside the journal whether MLflow has all of it."""
    if all_sent:
        ids = tracking.run_ids(settings, folder.name, folder.journal)
        artifact.write_json(_marker(folder), _whole(folder, settings) | {"run_ids": ids})
    else:
        _marker(folder).unlink(missing_ok=True)


def all_sent(folder: StudyFolder, settings: tracking.Settings) -> bool:
    """Whether MLflow is known to have the whole journal. Answers without importing MLflow (2 s)."""
    return _whole(folder, settings).items() <= _read(folder).items()


def run_ids(folder: StudyFolder, settings: tracking.Settings) -> dict[str, str]:
    """{trial: MLflow run id}; asks MLflow only where something may have changed."""
    if all_sent(folder, settings):
        return _read(folder)["run_ids"]
    return tracking.run_ids(settings, folder.name, folder.journal)


def _whole(folder: StudyFolder, settings: tracking.Settings) -> dict[str, Any]:
    """What the marker says when all of the journal is in this very database or server."""
    database = settings.database
    place = root.written(database, root.of(folder.journal)) if database else settings.tracking_uri
    return {
        "tracking": artifact.digest(shown(place)),  # no password, not even its digest
        "database": database.stat().st_ino if database and database.is_file() else 0,
        "journal_bytes": folder.journal.stat().st_size if folder.journal.exists() else 0,
    }


def _read(folder: StudyFolder) -> dict[str, Any]:
    return artifact.read_json(_marker(folder)) if _marker(folder).exists() else {}


def _marker(folder: StudyFolder) -> Path:
    return folder.path / "sent.json"
