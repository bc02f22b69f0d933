"""Workspace: the folder that holds Packs, studies and, by default, MLflow's database."""

import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock

from pneumoray import artifact, checkpoint, journal
from pneumoray.errors import StudyError, WorkspaceError, did_you_mean
from pneumoray.study import Config, Study, differences

ENVIRONMENT_VARIABLE = "PNEUMORAY_WORKSPACE"
DEFAULT = "pneumoray-workspace"
_LAST = "last-study.json"


@dataclass(frozen=True)
class TrialRow:
    """One line of the leaderboard: what a trial is, and how far it came."""

    trial: str
    family: str
    backbone: str
    stage: str  # race | final
    status: str  # WAITING | RUNNING | FINISHED | FAILED | KILLED, as the journal last said
    outcome: str  # '' until it ends; trained | cut | failed | interrupted
    val_auroc: float | None  # of the best epoch
    epochs: int
    time_seconds: float
    run_id: str | None
    config: Config
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        names = ("trial", "family", "backbone", "stage", "status", "outcome", "val_auroc", "epochs")
        row = {name: getattr(self, name) for name in names}
        if self.val_auroc is not None and math.isnan(self.val_auroc):
            row["val_auroc"] = None  # JSON knows no NaN
        row |= {"time_seconds": round(self.time_seconds, 3), "run_id": self.run_id}
        return row | {
            "optimizer": self.config.optimizer,
            "lr": self.config.lr,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class StudyFolder:
    """One study's folder in a workspace: its trials, journal, models and reports."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def journal(self) -> Path:
        return self.path / "journal.jsonl"

    @property
    def scratch(self) -> Path:
        return self.path / "scratch"

    def trial(self, trial_id: str) -> Path:
        return self.path / "trials" / trial_id

    def claim(
        self, study: Study, packs: dict[str, str], fresh: bool, marks: dict[str, Any]
    ) -> None:
        """Make this the folder of `study` on these packs, or go on where it was left.

        Raises StudyError when another study or other data was trained under the name; `fresh`
        removes what they left.
        """
        identity = {"study": study.fingerprint(), "packs": packs} | marks
        record = self.path / "study.json"
        if record.exists() and fresh:
            shutil.rmtree(self.path)
        if record.exists():
            old = artifact.read_json(record)
            changed = differences(old["study"], identity["study"])
            changed = [
                change for change in changed if not _may_continue(change, old["study"], study)
            ]
            changed += differences(
                {key: old.get(key) for key in ("packs", *marks)}, {"packs": packs} | marks
            )
            if changed:
                raise StudyError(
                    f"study {self.name} was trained with other settings or data ({'; '.join(changed)}): "
                    "go back to those, name this one anew (--set name=...), or start over with --fresh"
                )
        artifact.write_json(record, identity)

    def identity(self) -> dict[str, Any]:
        """{"study": fingerprint, "packs": {settings: hash}, ...} as claimed."""
        return artifact.read_json(self.path / "study.json")

    def rows(self, run_ids: dict[str, str] | None = None) -> list[TrialRow]:
        """Every trial that the journal knows, best validation AUROC first."""
        ends = journal.latest(self.journal, "end", "trial")
        rows = []
        for trial_id, begun in journal.latest(self.journal, "trial", "trial").items():
            end = ends.get(trial_id, {})
            if end and end["time"] < begun["time"]:  # it was taken up again since
                end = {}
            state = checkpoint.read_state(self.trial(trial_id))
            rows.append(
                TrialRow(
                    trial=trial_id,
                    family=begun["family"],
                    backbone=begun["backbone"],
                    stage=begun["stage"],
                    status=end.get("status", "RUNNING"),
                    outcome=end.get("outcome", ""),
                    val_auroc=state.best.val_auroc if state.best else None,
                    epochs=state.epoch,
                    time_seconds=state.seconds,
                    run_id=(run_ids or {}).get(trial_id),
                    config=Config.model_validate(begun["config"]),
                    reason=end.get("reason") or "",
                )
            )
        return sorted(rows, key=_by_score)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Only one process trains or votes a study at a time. Raises WorkspaceError for the second."""
        guard = artifact.lock(self.path.parent / f".{self.name}.lock")
        try:
            guard.acquire(timeout=0)
        except filelock.Timeout:
            raise WorkspaceError(
                f"study {self.name} is in use by another process; wait for it, or train under another "
                "name (--set name=...)"
            ) from None
        try:
            yield
        finally:
            guard.release()


@dataclass(frozen=True)
class Workspace:
    """packs/, studies/NAME/, mlflow.db and mlartifacts/ under one folder."""

    root: Path

    @property
    def packs(self) -> Path:
        return self.root / "packs"

    def study(self, name: str) -> StudyFolder:
        return StudyFolder(self.root / "studies" / name)

    def studies(self) -> list[str]:
        """Names of the studies that were begun here."""
        return sorted(path.parent.name for path in self.root.glob("studies/*/study.json"))

    def remember(self, name: str) -> None:
        """Note the study trained last; later commands mean it when they name none."""
        artifact.write_json(self.root / _LAST, {"study": name})

    def find(self, name: str | None) -> StudyFolder:
        """The named study, else the only one, else the last trained. Raises StudyError if none is."""
        known = self.studies()
        if not known:
            raise StudyError(
                f"nothing is trained in workspace {self.root}: run 'pneumoray train-all' first, "
                "or name another with --workspace"
            )
        if name is None and len(known) > 1 and (self.root / _LAST).exists():
            name = artifact.read_json(self.root / _LAST)["study"]
        name = name or known[0] if len(known) == 1 else name
        if name not in known:
            found = f"no study {name!r}" if name else "several studies"
            raise StudyError(
                f"workspace {self.root} holds {found}: choose with --study from {', '.join(known)}"
                + (did_you_mean(name, known) if name else "")
            )
        return self.study(name)


def open_workspace(path: Path | str | None = None) -> Workspace:
    """The workspace at `path`, else at PNEUMORAY_WORKSPACE, else ./pneumoray-workspace.

    Made absolute at once, because Ray's workers change their folder. Raises WorkspaceError when it
    can't be written, or when none is named inside a Ray job, whose current folder is temporary.
    """
    named = path or os.environ.get(ENVIRONMENT_VARIABLE)
    if not named and "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ:
        raise WorkspaceError(
            "inside a Ray job the current folder is temporary: name a shared folder with --workspace "
            f"or {ENVIRONMENT_VARIABLE}"
        )
    root = Path(named or DEFAULT).expanduser().absolute()
    try:
        root.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=root).close()
    except OSError as error:
        raise WorkspaceError(
            f"workspace {root} can't be written ({error.strerror}); name another with --workspace"
        ) from None
    return Workspace(root)


def _may_continue(change: str, old: dict[str, Any], study: Study) -> bool:
    """More epochs go on where fewer ended, unless the schedule is laid over the whole budget."""
    return (
        change.startswith("epochs ")
        and study.epochs > old["epochs"]
        and study.schedule in ("constant", "step")
    )


def _by_score(row: TrialRow) -> tuple[float, str]:
    score = row.val_auroc
    return (math.inf if score is None or math.isnan(score) else -score, row.trial)
