"""StudyFolder: one study in a workspace; its trials, its identity, and who works on it."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock

from pneumoray import artifact, checkpoint, journal, root
from pneumoray.config import Config
from pneumoray.data.manifest import Finding
from pneumoray.discarding import check_ours, discard
from pneumoray.epochs import State
from pneumoray.errors import StudyError, WorkspaceError, change
from pneumoray.grid import configurations
from pneumoray.study import Study
from pneumoray.study_file import parse

Record = dict[str, Any]
_OF_THE_GRID = {"backbones", "arms", "grid", "comparisons", "seeds"}


@dataclass(frozen=True)
class TrialRow:
    """What a trial is, and how far it came."""

    trial: str
    stage: str  # race | final
    status: str  # WAITING | RUNNING | FINISHED | FAILED | KILLED, as the journal last said
    outcome: str  # '' until it ends; trained | cut | failed | interrupted; damaged: to train again
    config: Config
    state: State
    run_id: str | None = None
    reason: str = ""

    @property
    def family(self) -> str:
        return self.config.family

    @property
    def backbone(self) -> str:
        return self.config.backbone

    @property
    def val_auroc(self) -> float | None:
        """Of the best epoch; None before the first."""
        return self.state.best.val_auroc if self.state.best else None

    @property
    def epochs(self) -> int:
        return self.state.epoch

    @property
    def time_seconds(self) -> float:
        return self.state.seconds


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

        More epochs go on where fewer ended, unless the schedule is laid over the whole budget. What
        is asked for may change where nothing is cut by a race: trials know what they are.
        Raises StudyError when another study or other data was trained under the name; `fresh`
        discards what they left. Raises WorkspaceError for a folder of that name that is none of ours.
        """
        record = self.path / "study.json"
        new: dict[str, Any] = {
            "packs": packs,
            **marks,
            "study": study.fingerprint(),
        }
        if self.path.exists():
            check_ours(self.path)
            if fresh:
                discard(self.path)
        if record.exists() and journal.latest(self.journal, "trial", "trial"):
            old = self.identity()
            known = parse(old["study"]).fingerprint()  # fields that are newer get their defaults
            before = known | {key: value for key, value in old.items() if key != "study"}
            now = study.fingerprint() | {"packs": packs, **marks}
            changed = [key for key in now if before.get(key) != now[key]]
            more_epochs = changed == ["epochs"] and now["epochs"] > before["epochs"]
            configs = configurations(study)
            cosine = sorted({c.backbone for c in configs if c.schedule == "cosine"})
            grows = study.race == "full" and set(changed) <= _OF_THE_GRID
            if changed and not grows and not (more_epochs and not cosine):
                named = "; ".join(f"{key} {change(before.get(key), now[key])}" for key in changed)
                why = (
                    f", and the cosine of {', '.join(cosine)} is laid over all"
                    if more_epochs
                    else ""
                )
                raise StudyError(
                    f"study {self.name} was trained with other settings or data ({named}{why}): go "
                    "back to those, name this one anew (--set name=...), or start over with --fresh"
                )
        root.identity(root.of_study(self.path))  # what a study's runs in MLflow are known by
        artifact.write_json(record, new)

    def identity(self) -> dict[str, Any]:
        """{"study": fingerprint, "packs": {settings: hash}, ...} as claimed."""
        mend = "put back a copy, or move it away and run 'pneumoray train-all' on the same study and data"
        return artifact.read_json(self.path / "study.json", mend)

    def rows(self, run_ids: dict[str, str] | None = None) -> list[TrialRow]:
        """Every trial of the study, best validation AUROC first, those not begun at the end."""
        begun, ends = self.attempts()
        is_idle = not self.is_locked()
        rows = []
        study = self.study()
        for config in configurations(study) if study else []:
            trial_id = config.trial_id
            start, end = begun.get(trial_id), ends.get(trial_id, {})
            if start and not end and is_idle:  # nobody was left to write down its end
                end = {"status": "KILLED", "outcome": "interrupted"}
            state, damages = self._state(trial_id)
            if damages and (end or is_idle):
                end = {"status": "FAILED"} | end | damages
            rows.append(
                TrialRow(
                    trial=trial_id,
                    stage=start["stage"] if start else "race",
                    status=end.get("status", "RUNNING") if start else "WAITING",
                    outcome=end.get("outcome", ""),
                    config=config,
                    state=state,
                    run_id=(run_ids or {}).get(trial_id),
                    reason=end.get("reason") or "",
                )
            )
        return sorted(rows, key=_by_score)

    def attempts(self) -> tuple[dict[str, Record], dict[str, Record]]:
        """{trial: newest record} of those begun, and of those that have ended since."""
        begun: dict[str, Record] = {}
        ends: dict[str, Record] = {}
        for record in journal.read(self.journal):
            if record["type"] == "trial":  # taken up again, whatever its end was
                begun[record["trial"]] = record
                ends.pop(record["trial"], None)
            elif record["type"] == "end":
                ends[record["trial"]] = record
        return begun, ends

    def _state(self, trial_id: str) -> tuple[State, dict[str, str]]:
        """A trial's state, and what its end is where a checkpoint of it is damaged."""
        folder = self.trial(trial_id)
        try:
            state, damages = checkpoint.examine(folder)
        except WorkspaceError as error:
            return State(), {"outcome": "failed", "reason": str(error)}
        if not damages:
            return state, {}
        reason = f"{damages}; 'pneumoray train-all' trains it again from epoch {state.epoch + 1}"
        return state, {"outcome": "damaged", "reason": reason}

    def study(self) -> Study | None:
        """The study as it was last run here; None before the first run."""
        found = journal.latest(self.journal, "study", "study").get(self.name)
        return parse(found["config"]) if found else None

    def findings(self) -> list[Finding]:
        """What the audit noticed about the study's data when it was last run."""
        found = journal.latest(self.journal, "study", "study").get(self.name, {})
        return [Finding.of(one) for one in found.get("findings", [])]

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


def _by_score(row: TrialRow) -> tuple[float, str]:
    score = row.val_auroc
    return (math.inf if score is None or math.isnan(score) else -score, row.trial)
