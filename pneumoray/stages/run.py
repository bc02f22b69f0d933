"""One attempt at a study: rounds of trials, and what each of them says, on the way to the journal."""

import itertools
import shutil
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any

from pneumoray import artifact, checkpoint, journal
from pneumoray.comparing import naming
from pneumoray.config import Config
from pneumoray.distributed.resources import Resources
from pneumoray.epochs import EpochRecord, State, mean_rank
from pneumoray.errors import WorkspaceError
from pneumoray.models import own_code
from pneumoray.redaction import redacted
from pneumoray.stages import trial_report
from pneumoray.stages.prepare import OnEvent, Prepared
from pneumoray.study import Race, Study
from pneumoray.study_folder import StudyFolder
from pneumoray.training.trial import Trial, ended


class Run:
    """Trains what is left of a study. The checkpoints on disk decide what that is, nothing else."""

    def __init__(
        self,
        study: Study,
        configs: Sequence[Config],
        prepared: Prepared,
        folder: StudyFolder,
        on_event: OnEvent,
    ) -> None:
        self.study, self.folder, self.on_event = study, folder, on_event
        self.journal = journal.Journal(folder.journal)
        self.packs = {pack.path: pack for pack in prepared.packs.values()}
        self.trials = [
            Trial(config, folder.trial(config.trial_id), prepared.pack_of(config).path)
            for config in configs
        ]
        self._names, self._compared = naming.names(configs), naming.compared(study)
        self._best: dict[str, EpochRecord] = {}
        self._open: set[str] = set()  # begun in this attempt, not ended
        _, self._ended = folder.attempts()
        # what diverged would diverge again; what failed otherwise is tried once more
        self.failed = {id: end["reason"] for id, end in self._ended.items() if end.get("diverged")}
        self._unreadable: dict[str, str] = {}
        for trial in self.trials:  # what was trained when the driver died and no one wrote it down
            try:
                records = checkpoint.read_state(trial.folder).records
            except WorkspaceError as error:  # one trial less, not a study less
                self._unreadable[trial.id] = str(error)
                continue
            for record in records:
                self._note_epoch(trial.id, asdict(record))
        self.failed |= self._unreadable

    def pending(self) -> bool:
        """Whether any trial still has epochs to train."""
        alive = self._alive()
        for _, until in self._rounds():
            if self._todo(alive, until):
                return True
            alive = self._survivors(alive, until)
        return False

    def train(self, resources: Resources) -> None:
        """Round after round: train what is left, then keep the best of every backbone."""
        for trial in self.trials:
            if (reason := self._unreadable.get(trial.id)) is not None:
                self._end(trial, "FAILED", "failed", reason)
                self.on_event({"type": "failed", "trial": trial.id, "reason": reason})
        alive = self._alive()
        for stage, until in self._rounds():
            if todo := self._todo(alive, until):
                self._train_round(stage, todo, until, resources)
            kept = self._survivors(alive, until)
            for trial in alive:
                if (
                    trial not in kept
                    and trial.id not in self.failed
                    and not self._is_trained(trial)
                ):
                    self._end(trial, "FINISHED", "cut")
            alive = kept
        for trial in alive:  # most have ended by now; not one whose driver died at that moment
            self._end(trial, "FINISHED", "trained")
        shutil.rmtree(self.folder.scratch, ignore_errors=True)

    def _alive(self) -> list[Trial]:
        """The trials that can be trained."""
        return [trial for trial in self.trials if trial.id not in self.failed]

    def _is_trained(self, trial: Trial) -> bool:
        return ended(trial.config, checkpoint.read_state(trial.folder), trial.config.epochs)

    def _train_round(
        self, stage: str, todo: Sequence[Trial], until: int | None, resources: Resources
    ) -> None:
        from pneumoray.distributed import final, race, runtime  # Ray loads only where there is work

        most_workers = max(trial.config.workers for trial in todo)
        resources = runtime.resolve(resources, most_workers)
        trials = [replace(trial, device=resources.device) for trial in todo]
        self._announce(stage, trials, until, runtime.slots(resources))
        self.folder.scratch.mkdir(parents=True, exist_ok=True)
        handler = self._handler(trials, until)
        if stage == "race":
            failed = race.run_rung(trials, until, resources, self.folder.scratch, handler)
        else:
            failed = final.run_final(trials, resources, self.folder.scratch, handler)
        if failed:
            errors = self.folder.trial("TRIAL") / runtime.ERROR_FILE
            self.on_event({"type": "note", "text": f"tracebacks of what failed: {errors}"})

    @contextmanager
    def closing(self) -> Iterator[None]:
        """Write down how the attempt ended, and for each trial that it left open."""
        try:
            yield
            all_failed = all(trial.id in self.failed for trial in self.trials)
            self.journal.append("study_end", status="FAILED" if all_failed else "FINISHED")
        except BaseException as error:
            for trial in self.trials:
                if trial.id in self._open:
                    self._end(trial, "KILLED", "interrupted", "the run was stopped")
            stopped = isinstance(error, KeyboardInterrupt)
            self.journal.append("study_end", status="KILLED" if stopped else "FAILED")
            raise

    def _rounds(self) -> list[tuple[str, int | None]]:
        """(stage, epoch up to which it trains); None is the whole budget."""
        if (
            self.study.race == "full"
        ):  # several workers a trial are Ray Train's, that is the final's
            several = any(trial.config.workers > 1 for trial in self.trials)
            return [("final" if several else "race", None)]
        return [*(("race", rung) for rung in self.study.rungs), ("final", None)]

    def _todo(self, alive: Sequence[Trial], until: int | None) -> list[Trial]:
        return [
            trial
            for trial in alive
            if not ended(
                trial.config, checkpoint.read_state(trial.folder), until or trial.config.epochs
            )
        ]

    def _survivors(self, alive: Sequence[Trial], until: int | None) -> list[Trial]:
        """The best 1/eta configurations of each backbone up to this rung; one after the last."""
        alive = [trial for trial in alive if trial.id not in self.failed]
        if until is None:
            return alive
        assert isinstance(self.study.race, Race)
        is_last = until == self.study.race.rungs[-1]
        rivals: dict[str, dict[str, list[Trial]]] = defaultdict(lambda: defaultdict(list))
        for trial in alive:  # seeds of one configuration stay or go together
            rivals[trial.config.backbone][trial.config.config_id].append(trial)
        kept: list[Trial] = []
        lacking = {t.config.config_id for t in self.trials if t.id in self.failed}
        for configurations in rivals.values():
            best_first = sorted(  # a mean over fewer seeds may be luck: it stands behind the others
                configurations.values(),
                key=lambda repeats: (
                    repeats[0].config.config_id not in lacking,
                    _mean_up_to(repeats, until),
                    repeats[0].id,
                ),
                reverse=True,
            )
            num_kept = 1 if is_last else max(1, len(best_first) // self.study.race.eta)
            kept += itertools.chain.from_iterable(best_first[:num_kept])
        return [trial for trial in alive if trial in kept]

    def _announce(self, stage: str, todo: Sequence[Trial], until: int | None, slots: int) -> None:
        states = {trial.id: checkpoint.read_state(trial.folder) for trial in todo}
        self.on_event(
            {
                "type": "stage",
                "stage": stage,
                "slots": slots,
                "trials": [
                    {
                        "trial": trial.id,
                        "backbone": trial.config.backbone,
                        "epoch": states[trial.id].epoch,
                        "until": until or trial.config.epochs,
                    }
                    for trial in todo
                ],
            }
        )

    def _handler(self, todo: Sequence[Trial], until: int | None) -> OnEvent:
        by_id = {trial.id: trial for trial in todo}

        def handle(event: dict[str, Any]) -> None:
            trial = by_id[event["trial"]]
            if "reason" in event:  # what a library said, on its way to people, journal and MLflow
                event = event | {"reason": redacted(event["reason"])}
            if event["type"] == "start":
                self._begin(trial, event["stage"])
            elif event["type"] == "epoch":
                self._note_epoch(trial.id, event["record"], event["system"])
            elif event["type"] == "failed":
                self.failed[trial.id] = event["reason"]
                self._end(trial, "FAILED", "failed", event["reason"], event["diverged"])
            elif event["type"] == "done" and until is None:
                self._end(trial, "FINISHED", "trained")
            self.on_event(event)

        return handle

    def _begin(self, trial: Trial, stage: str) -> None:
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
            pack_hash=self.packs[trial.pack].hash,
            **self._compared[trial.id],
        )

    def _note_epoch(
        self, trial_id: str, record: dict[str, Any], system: dict[str, float] | None = None
    ) -> None:
        """Record an epoch, and what the trial has reached at best with it."""
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

    def _end(
        self,
        trial: Trial,
        status: str,
        outcome: str,
        reason: str | None = None,
        diverged: bool = False,
    ) -> None:
        if trial.id not in self._open and self._ended.get(trial.id, {}).get("outcome") == outcome:
            return
        self._open.discard(trial.id)
        state = State()
        if trial.id not in self._unreadable:
            state = checkpoint.read_state(trial.folder)
        if outcome in ("trained", "cut"):
            checkpoint.drop_older(trial.folder)
        if state.best is not None and status != "KILLED":  # who stops a run may not wait for long
            trial_report.write(trial, state, self.packs[trial.pack])
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
        if outcome == "cut":
            self.on_event({"type": "cut", "trial": trial.id})


def _mean_up_to(repeats: Sequence[Trial], epoch: int) -> tuple[float, float]:
    """The mean over the seeds of what each had reached at best by this epoch."""
    ranks = []
    for trial in repeats:
        records = [r for r in checkpoint.read_state(trial.folder).records if r.epoch <= epoch]
        ranks.append(max((record.rank for record in records), default=(float("-inf"), 0.0)))
    return mean_rank(ranks)
