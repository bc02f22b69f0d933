"""What one attempt at a study writes down: in its journal, and as reports in its trials' folders."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pneumoray import artifact, checkpoint
from pneumoray.comparing import naming
from pneumoray.config import Config
from pneumoray.epochs import EpochRecord, State
from pneumoray.errors import WorkspaceError
from pneumoray.journal import Journal
from pneumoray.models import own_code
from pneumoray.stages import trial_report
from pneumoray.stages.prepare import Prepared
from pneumoray.study import Study
from pneumoray.study_folder import StudyFolder
from pneumoray.training.trial import Trial


class Logbook:
    """Writes down how trials begin, what each epoch gives, and how they end, each thing once."""

    def __init__(
        self, study: Study, configs: Sequence[Config], prepared: Prepared, folder: StudyFolder
    ) -> None:
        self.journal = Journal(folder.journal)
        self._packs = {pack.path: pack for pack in prepared.packs.values()}
        self._names, self._compared = naming.names(configs), naming.compared(study)
        self._best: dict[str, EpochRecord] = {}
        self._open: set[str] = set()  # begun in this attempt, not ended
        _, self._ended = folder.attempts()

    def diverged(self) -> dict[str, str]:
        """{trial id: reason} of what diverged before, and would diverge again."""
        return {id: end["reason"] for id, end in self._ended.items() if end.get("diverged")}

    def begin(self, trial: Trial, stage: str) -> None:
        """A trial begins, or is taken up again."""
        artifact.write_json(trial.folder / "config.json", trial.config.model_dump())
        self._open.add(trial.id)
        self.journal.append(
            "trial",
            trial=trial.id,
            run_name=self._names[trial.id],
            stage=stage,
            family=trial.config.family,
            backbone=trial.config.backbone,
            config=trial.config.model_dump(),
            code=own_code.find([trial.config.backbone]).digest,
            folder=trial.folder,
            pack=trial.pack,
            device=trial.device,
            pack_hash=self._packs[trial.pack].hash,
            **self._compared[trial.id],
        )

    def epoch(
        self, trial_id: str, record: Mapping[str, Any], system: Mapping[str, float] | None = None
    ) -> None:
        """An epoch, and what the trial has reached at best with it."""
        best, known = EpochRecord(**record), self._best.get(trial_id)
        if known is not None and not best.better_than(known):
            best = known
        self._best[trial_id] = best
        self.journal.append(
            "epoch",
            trial=trial_id,
            epoch=record["epoch"],
            record=record,
            best={"val_auroc": best.val_auroc, "val_accuracy": best.val_accuracy},
            system=system or {},
        )

    def end(
        self,
        trial: Trial,
        status: str,
        outcome: str,
        reason: str | None = None,
        diverged: bool = False,
    ) -> bool:
        """A trial ends, with its report; False where it had ended so before."""
        if trial.id not in self._open and self._ended.get(trial.id, {}).get("outcome") == outcome:
            return False
        self._open.discard(trial.id)
        state = _known_state(trial)
        if outcome in ("trained", "cut"):
            checkpoint.drop_older(trial.folder)
        if state.best is not None and status != "KILLED":  # who stops a run may not wait for long
            trial_report.write(trial, state, self._packs[trial.pack])
        self._ended[trial.id] = {"outcome": outcome}
        self.journal.append(
            "end",
            trial=trial.id,
            status=status,
            outcome=outcome,
            reason=reason,
            diverged=diverged,
            best=asdict(state.best) if state.best else None,
            time_seconds=state.seconds,
            parameters_total=state.parameters_total,
            parameters_trainable=state.parameters_trainable,
            weights_source=state.weights_source,
        )
        return True

    def stop(self, trials: Sequence[Trial]) -> None:
        """The attempt is broken off: so are those of `trials` that it left open."""
        for trial in trials:
            if trial.id in self._open:
                self.end(trial, "KILLED", "interrupted", "the run was stopped")

    def end_study(self, status: str) -> None:
        """The attempt is over: FINISHED, FAILED or KILLED."""
        self.journal.append("study_end", status=status)


def _known_state(trial: Trial) -> State:
    """What a trial knows about itself; nothing where that can't be read, which is why it failed."""
    try:
        return checkpoint.read_state(trial.folder)
    except WorkspaceError:
        return State()
