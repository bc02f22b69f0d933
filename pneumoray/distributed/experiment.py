"""One Tune experiment: a job for each trial, and what they report, handed on in the driver."""

import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ray import tune

from pneumoray import faults
from pneumoray.errors import WorkspaceError

OnEvent = Callable[[dict[str, Any]], None]
RETRIES = 2  # of a trial whose process or node died: it goes on from its checkpoint


def run(
    function: Callable[..., None],
    jobs: dict[str, dict[str, Any]],
    per_trial: dict[str, float],
    max_concurrent: int,
    scratch: Path,
    relay: "Relay",
) -> None:
    """Run `function({"trial": id}, jobs=jobs)` for each job; at most `max_concurrent` side by side.

    `per_trial` are the resources that one of them holds; `scratch` is a folder all nodes share.
    Raises what `relay` raises, and WorkspaceError when the disk of the trials is full: no other
    trial would fare better.
    """
    attempt = f"attempt-{uuid.uuid4().hex[:8]}"  # a fresh name: Ray's own restore is not relied on
    tuner = tune.Tuner(
        tune.with_resources(tune.with_parameters(function, jobs=jobs), _lowercase(per_trial)),
        param_space={"trial": tune.grid_search(list(jobs))},
        tune_config=tune.TuneConfig(
            max_concurrent_trials=max_concurrent,
            reuse_actors=True,
            trial_dirname_creator=lambda trial: trial.config["trial"],
        ),
        run_config=tune.RunConfig(
            name=attempt,
            storage_path=str(scratch),
            callbacks=[relay],
            verbose=0,
            failure_config=tune.FailureConfig(max_failures=RETRIES),
        ),
    )
    try:
        tuner.fit()
    except Exception:
        if relay.error is not None:  # Tune hides it in one of its own
            raise relay.error from None
        raise
    finally:
        shutil.rmtree(scratch / attempt, ignore_errors=True)


def _lowercase(per_trial: dict[str, float]) -> dict[str, float]:
    return {
        key.lower() if key in ("CPU", "GPU") else key: value for key, value in per_trial.items()
    }


class Relay(tune.Callback):
    """Hands on what trials report to Tune, in the driver, in order. `error` is what ended it."""

    def __init__(self, stage: str, on_event: OnEvent) -> None:
        self.stage, self.on_event = stage, on_event
        self.failed: dict[str, str] = {}
        self.error: Exception | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles its callbacks for a restore that we never ask for; ours stays in the driver."""
        return {"stage": self.stage}

    def on_trial_start(self, iteration, trials, trial, **info) -> None:
        self._say("start", trial)

    def on_trial_result(self, iteration, trials, trial, result, **info) -> None:
        if "failed" in result:
            if result["disk_full"]:
                self.error = WorkspaceError(result["failed"])
                raise self.error
            self._fail(trial, result["failed"], result["diverged"])
        elif "note" in result:
            self._say("note", trial, text=f"{_id(trial)}: {result['note']}")
        elif "record" in result:
            self._say("epoch", trial, record=result["record"], system=result["system"])

    def on_trial_complete(self, iteration, trials, trial, **info) -> None:
        if _id(trial) not in self.failed:
            self._say("done", trial)

    def on_trial_error(self, iteration, trials, trial, **info) -> None:
        self._fail(trial, _died(trial))

    def _fail(self, trial, reason: str, diverged: bool = False) -> None:
        if _id(trial) not in self.failed:
            self.failed[_id(trial)] = reason
            self._say("failed", trial, reason=reason, diverged=diverged)

    def _say(self, type: str, trial, **more: Any) -> None:
        try:
            self.on_event({"type": type, "trial": _id(trial), "stage": self.stage, **more})
        except Exception as error:
            self.error = error
            raise


def _id(tune_trial: Any) -> str:
    return tune_trial.config["trial"]


def _died(trial: Any) -> str:
    error = trial.get_pickled_error() if hasattr(trial, "get_pickled_error") else None
    if error is None:
        return faults.DIED
    return faults.known(error) or f"{faults.DIED} ({faults.in_words(error)})"
