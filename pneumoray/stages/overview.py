"""overview: the studies of a workspace, how far each came, and the disk that they take."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pneumoray import journal
from pneumoray.discarding import num_bytes
from pneumoray.errors import PneumorayError, StudyError
from pneumoray.study_folder import StudyFolder
from pneumoray.workspace import open_workspace

_STATES = {"FINISHED": "finished", "KILLED": "stopped", "FAILED": "failed"}
_TRAINS = ("study", "trial", "epoch", "end", "study_end")  # records that training writes


@dataclass(frozen=True)
class Summary:
    """One study of a workspace. Scores are validation AUROC; None where there is none yet."""

    study: str
    state: str  # running | finished | stopped | failed | not begun | damaged
    num_bytes: int  # of its own folder
    num_ended: int = 0  # trials that need no more training: trained or cut
    num_failed: int = 0
    num_trials: int = 0
    best_trial: str | None = None
    best_backbone: str | None = None
    best_val_auroc: float | None = None
    vote: str | None = None  # the newest
    vote_val_auroc: float | None = None
    trained_at: float | None = None  # seconds since 1970
    reason: str = ""  # why it can't be read


@dataclass(frozen=True)
class Overview:
    """A workspace's studies: first `meant`, which a command means by default, then by their times."""

    studies: list[Summary]
    meant: str | None
    num_pack_bytes: int
    num_mlflow_bytes: int  # of the database and models that lie in the workspace


def overview(workspace: Path | str | None = None) -> Overview:
    """Every study of a workspace. Raises StudyError where nothing is trained; writes nothing."""
    place = open_workspace(workspace, to_write=False)
    found = [_summary(place.study(name)) for name in place.trained_studies()]
    try:
        meant = place.find(None).name
    except StudyError:
        meant = None
    return Overview(
        # that one was trained last, whatever this machine's clock, or another's, said of it
        sorted(found, key=lambda one: (one.study != meant, -(one.trained_at or 0))),
        meant,
        num_bytes(place.packs),
        sum(num_bytes(place.root / name) for name in ("mlflow.db", "mlartifacts")),
    )


def _summary(folder: StudyFolder) -> Summary:
    size = num_bytes(folder.path)
    try:
        records = list(journal.read(folder.journal))
        rows = folder.rows()
    except PneumorayError as error:
        return Summary(folder.name, "damaged", size, reason=str(error))
    best = next((row for row in rows if math.isfinite(row.val_auroc or math.nan)), None)
    vote = next((one for one in reversed(records) if one["type"] == "ensemble"), None)
    return Summary(
        folder.name,
        _state(folder, records),
        size,
        num_ended=sum(row.outcome in ("trained", "cut") for row in rows),
        num_failed=sum(row.outcome == "failed" for row in rows),
        num_trials=len(rows),
        best_trial=best.trial if best else None,
        best_backbone=best.backbone if best else None,
        best_val_auroc=best.val_auroc if best else None,
        vote=vote["ensemble"] if vote else None,
        vote_val_auroc=vote["val_auroc"] if vote else None,
        trained_at=max((one["time"] for one in records if one["type"] in _TRAINS), default=None),
    )


def _state(folder: StudyFolder, records: list[dict[str, Any]]) -> str:
    """As the lock and the last attempt's end say; one that wrote no end was killed."""
    if folder.is_locked():
        return "running"
    last = next((one for one in reversed(records) if one["type"] in ("study", "study_end")), None)
    if last is None:
        return "not begun"
    return _STATES[last["status"]] if last["type"] == "study_end" else "stopped"
