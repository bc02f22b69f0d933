"""While a stage works, its journal goes to MLflow; what could not be sent is said at the end."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pneumoray import artifact, tracking
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


def mark(folder: StudyFolder, settings: tracking.Settings, all_sent: bool) -> None:
    """Note beside the journal whether MLflow has all of it."""
    if all_sent:
        ids = tracking.run_ids(settings, folder.name)
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
    return tracking.run_ids(settings, folder.name)


def _whole(folder: StudyFolder, settings: tracking.Settings) -> dict[str, Any]:
    """What the marker says when all of the journal is in this very database or server."""
    database = Path(settings.tracking_uri.removeprefix("sqlite:///"))
    return {
        "tracking": artifact.digest(
            shown(settings.tracking_uri)
        ),  # no password, not even its digest
        "database": database.stat().st_ino if database.is_file() else 0,
        "journal_bytes": folder.journal.stat().st_size if folder.journal.exists() else 0,
    }


def _read(folder: StudyFolder) -> dict[str, Any]:
    return artifact.read_json(_marker(folder)) if _marker(folder).exists() else {}


def _marker(folder: StudyFolder) -> Path:
    return folder.path / "sent.json"
