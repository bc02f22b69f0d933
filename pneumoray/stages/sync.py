"""sync: all that MLflow should have of a workspace's studies is sent; what can't be sent is said."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pneumoray import journal, tracking, words
from pneumoray.errors import PneumorayError, WorkspaceError
from pneumoray.redaction import shown
from pneumoray.stages import recording
from pneumoray.stages.prepare import OnEvent
from pneumoray.study_folder import StudyFolder
from pneumoray.workspace import open_workspace


@dataclass(frozen=True)
class Synced:
    """What came of one study: how much of it MLflow at `place` has now, and what is missing there."""

    study: str
    place: str
    num_runs: int = 0
    num_records: int = 0
    num_waiting: int = 0  # records
    missing: tuple[str, ...] = ()  # what, and why
    is_in_use: bool = False  # whoever trains it sends it


def sync(
    study: str | None = None,
    *,
    workspace: Path | str | None = None,
    mlflow: Path | str | None = None,
    on_event: OnEvent = lambda event: None,
) -> Iterator[Synced]:
    """Send all of a study, or of each study of the workspace, to MLflow, one after the other.

    Nothing that was noted of an earlier attempt is believed: a run, model or file that is not in
    MLflow any more is there again. A study that is in use is left to its own process. Raises
    StudyError where there is no such study, WorkspaceError where the named one is in use.
    """
    place = open_workspace(workspace, to_write=False)
    names = place.trained_studies() if study is None else [place.find(study).name]
    for name in names:
        folder = place.study(name)
        if folder.is_locked() and study is not None:
            raise WorkspaceError(
                f"study {name} is in use by another process, which sends it itself: sync it when that "
                "has ended"
            )
        path = None if mlflow is None else Path(mlflow)
        settings = tracking.find_settings(path, place.root, name == "demo")
        yield _sync(folder, settings, on_event)


def _sync(folder: StudyFolder, settings: tracking.Settings, on_event: OnEvent) -> Synced:
    name = folder.name
    where = shown(settings.tracking_uri)
    if folder.is_locked():
        return Synced(name, where, is_in_use=True)
    try:
        with folder.locked():
            begun = journal.latest(folder.journal, "trial", "trial")
            votes = journal.latest(folder.journal, "ensemble", "ensemble")
            if not journal.latest(folder.journal, "study", "study"):
                return Synced(name, where)
            families = {record["family"] for record in begun.values()}
            families |= {words.VOTE} if votes else set()
            recording.check(settings, name, families, on_event)

            def say(done: int, total: int) -> None:
                on_event({"type": "send", "study": name, "done": done, "total": total})

            sent = tracking.replay(folder.journal, settings, whole=True, on_sent=say)
            recording.mark(folder, settings, all_sent=not sent.num_waiting)
    except PneumorayError as error:
        return Synced(name, where, missing=(str(error),))
    return Synced(
        study=name,
        place=where,
        num_runs=1 + len(begun) + len(votes),
        num_records=sent.num_lines,
        num_waiting=sent.num_waiting,
        missing=(*sent.refused, *sent.gone),
    )
