"""One attempt at a study: rounds of trials, and who goes on to the next."""

import itertools
import shutil
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any

from pneumoray import checkpoint
from pneumoray.comparing import naming
from pneumoray.config import Config
from pneumoray.distributed.resources import Resources
from pneumoray.epochs import mean_rank
from pneumoray.errors import WorkspaceError
from pneumoray.redaction import redacted
from pneumoray.stages.logbook import Logbook
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
        self.logbook = Logbook(study, configs, prepared, folder)
        self.trials = [
            Trial(config, folder.trial(config.trial_id), prepared.pack_of(config).path)
            for config in configs
        ]
        # what diverged would diverge again; what failed otherwise is tried once more
        self.failed = self.logbook.diverged()
        self._unreadable: dict[str, str] = {}
        for trial in self.trials:  # what was trained when the driver died and no one wrote it down
            try:
                records = checkpoint.read_state(trial.folder).records
            except WorkspaceError as error:  # one trial less, not a study less
                self._unreadable[trial.id] = str(error)
                continue
            for record in records:
                self.logbook.epoch(trial.id, asdict(record))
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
                self.logbook.end(trial, "FAILED", "failed", reason)
                self.on_event({"type": "failed", "trial": trial.id, "reason": reason})
        alive = self._alive()
        for stage, until in self._rounds():
            if todo := self._todo(alive, until):
                self._train_round(stage, todo, until, resources)
            kept = self._survivors(alive, until)
            for trial in alive:
                is_over = trial in kept or trial.id in self.failed or self._is_trained(trial)
                if not is_over and self.logbook.end(trial, "FINISHED", "cut"):
                    self.on_event({"type": "cut", "trial": trial.id})
            alive = kept
        for trial in alive:  # most have ended by now; not one whose driver died at that moment
            self.logbook.end(trial, "FINISHED", "trained")
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
            self.logbook.end_study("FAILED" if all_failed else "FINISHED")
        except BaseException as error:
            self.logbook.stop(self.trials)
            self.logbook.end_study("KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED")
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
        names = naming.told_apart(trial.config for trial in self.trials)
        self.on_event(
            {
                "type": "stage",
                "stage": stage,
                "slots": slots,
                "trials": [
                    {
                        "trial": trial.id,
                        "name": names[trial.id],
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
                self.logbook.begin(trial, event["stage"])
            elif event["type"] == "epoch":
                self.logbook.epoch(trial.id, event["record"], event["system"])
            elif event["type"] == "failed":
                self.failed[trial.id] = event["reason"]
                self.logbook.end(trial, "FAILED", "failed", event["reason"], event["diverged"])
            elif event["type"] == "done" and until is None:
                self.logbook.end(trial, "FINISHED", "trained")
            self.on_event(event)

        return handle


def _mean_up_to(repeats: Sequence[Trial], epoch: int) -> tuple[float, float]:
    """The mean over the seeds of what each had reached at best by this epoch."""
    ranks = []
    for trial in repeats:
        records = [r for r in checkpoint.read_state(trial.folder).records if r.epoch <= epoch]
        ranks.append(max((record.rank for record in records), default=(float("-inf"), 0.0)))
    return mean_rank(ranks)
