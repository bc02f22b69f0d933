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
from pneumoray.study import Config, Study, configurations, parse

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

        More epochs go on where fewer ended, unless the schedule is laid over the whole budget.
        Raises StudyError when another study or other data was trained under the name; `fresh`
        removes what they left.
        """
        record = self.path / "study.json"
        new: dict[str, Any] = {
            "packs": packs,
            **marks,
            "study": study.fingerprint(),
        }
        if fresh and self.path.exists():  # out of the way in one step: a kill leaves no half
            aside = self.path.with_name(f".{self.name}.tmp-{os.getpid()}")
            os.replace(self.path, aside)
            shutil.rmtree(aside)
        if record.exists() and journal.latest(self.journal, "trial", "trial"):
            old = self.identity()
            before, now = ({**one["study"], **one, "study": None} for one in (old, new))
            changed = [key for key in now if before.get(key) != now[key]]
            configs = configurations(study)
            cosine = sorted({c.backbone for c in configs if c.schedule == "cosine"})
            more_epochs = changed == ["epochs"] and now["epochs"] > before["epochs"]
            if changed and not (more_epochs and not cosine):
                named = "; ".join(f"{key} {before.get(key)} -> {now[key]}" for key in changed)
                why = (
                    f", and the cosine of {', '.join(cosine)} is laid over all"
                    if more_epochs
                    else ""
                )
                raise StudyError(
                    f"study {self.name} was trained with other settings or data ({named}{why}): go "
                    "back to those, name this one anew (--set name=...), or start over with --fresh"
                )
        artifact.write_json(record, new)

    def identity(self) -> dict[str, Any]:
        """{"study": fingerprint, "packs": {settings: hash}, ...} as claimed."""
        return artifact.read_json(self.path / "study.json")

    def rows(self, run_ids: dict[str, str] | None = None) -> list[TrialRow]:
        """Every trial of the study, best validation AUROC first, those not begun at the end."""
        begun = journal.latest(self.journal, "trial", "trial")
        ends = journal.latest(self.journal, "end", "trial")
        is_idle = not self.is_locked()
        rows = []
        for config in self._configs():
            trial_id = config.trial_id
            start, end = begun.get(trial_id), ends.get(trial_id, {})
            if start and end and end["time"] < start["time"]:  # it was taken up again since
                end = {}
            if start and not end and is_idle:  # nobody was left to write down its end
                end = {"status": "KILLED", "outcome": "interrupted"}
            state = checkpoint.read_state(self.trial(trial_id))
            rows.append(
                TrialRow(
                    trial=trial_id,
                    family=config.family,
                    backbone=config.backbone,
                    stage=start["stage"] if start else "race",
                    status=end.get("status", "RUNNING") if start else "WAITING",
                    outcome=end.get("outcome", ""),
                    val_auroc=state.best.val_auroc if state.best else None,
                    epochs=state.epoch,
                    time_seconds=state.seconds,
                    run_id=(run_ids or {}).get(trial_id),
                    config=config,
                    reason=end.get("reason") or "",
                )
            )
        return sorted(rows, key=_by_score)

    def _configs(self) -> list[Config]:
        """The configurations of the study as it was last run here."""
        found = journal.latest(self.journal, "study", "study").get(self.name)
        return configurations(parse(found["config"])) if found else []

    def is_locked(self) -> bool:
        """Whether a process trains or votes this study now."""
        try:
            with self._guard().acquire(timeout=0):
                return False
        except filelock.Timeout:
            return True
        except PermissionError:  # a workspace that we may only read
            return False

    def _guard(self) -> filelock.BaseFileLock:
        return artifact.lock(self.path.parent / f".{self.name}.lock")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Only one process trains or votes a study at a time. Raises WorkspaceError for the second."""
        guard = self._guard()
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


def open_workspace(path: Path | str | None = None, *, to_write: bool = True) -> Workspace:
    """The workspace at `path`, else at PNEUMORAY_WORKSPACE, else ./pneumoray-workspace.

    It is created where it is to be written to, and made absolute at once, because Ray's workers
    change their folder. Raises WorkspaceError when it can't be written, or when none is named
    inside a Ray job, whose current folder is temporary.
    """
    named = path or os.environ.get(ENVIRONMENT_VARIABLE)
    if not named and "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ:
        raise WorkspaceError(
            "inside a Ray job the current folder is temporary: name a shared folder with --workspace "
            f"or {ENVIRONMENT_VARIABLE}"
        )
    root = Path(named or DEFAULT).expanduser().absolute()
    if not to_write:
        return Workspace(root)
    try:
        root.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=root).close()
    except OSError as error:
        raise WorkspaceError(
            f"workspace {root} can't be written ({error.strerror}); name another with --workspace"
        ) from None
    return Workspace(root)


def _by_score(row: TrialRow) -> tuple[float, str]:
    score = row.val_auroc
    return (math.inf if score is None or math.isnan(score) else -score, row.trial)
