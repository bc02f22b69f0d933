"""The race: one rung on Ray Tune. Trials train inside Tune's actors, each from its own checkpoint."""

import shutil
import uuid
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ray import tune

from pneumoray.data.pack import open_pack
from pneumoray.distributed import runtime
from pneumoray.distributed.resources import Resources
from pneumoray.distributed.runtime import OnEvent, Relay
from pneumoray.training.trial import Trial, train

RETRIES = 2  # of a trial whose process or node died: it goes on from its checkpoint


def run_rung(
    trials: Sequence[Trial],
    until: int | None,
    resources: Resources,
    scratch: Path,
    on_event: OnEvent,
) -> dict[str, str]:
    """Train every trial up to epoch `until` (None: its end), as many side by side as fit.

    Returns {failed id: reason}: the others go on. `scratch` is a folder all nodes share.
    """
    relay = Relay("race", on_event)
    common = {
        "until": until,
        "threads": resources.cpus_per_trial,
        "environment": runtime.driver_environment(),
    }
    run(
        _train_in_actor,
        {trial.id: {"trial": trial, **common} for trial in trials},
        resources.per_worker(),
        runtime.slots(resources),
        scratch,
        relay,
    )
    return relay.failed


def run(
    function: Any,
    jobs: dict[str, dict[str, Any]],
    per_trial: dict[str, float],
    max_concurrent: int,
    scratch: Path,
    relay: Relay,
) -> None:
    """Run `function({"trial": id}, jobs=jobs)` for each job, as one Tune experiment."""
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
    finally:
        shutil.rmtree(scratch / attempt, ignore_errors=True)


def _lowercase(per_trial: dict[str, float]) -> dict[str, float]:
    return {
        key.lower() if key in ("CPU", "GPU") else key: value for key, value in per_trial.items()
    }


def _train_in_actor(config: dict[str, Any], jobs: dict[str, dict[str, Any]]) -> None:
    job = jobs[config["trial"]]
    trial: Trial = job["trial"]
    try:
        runtime.settle_worker(job["threads"], job["environment"])
        pack = open_pack(trial.pack)
        for record in train(
            trial.config, pack, trial.folder, until=job["until"], device=trial.device
        ):
            tune.report({"record": asdict(record)})
    except Exception as error:
        tune.report(runtime.failure(error, trial.folder))
