"""The final: each winner to its full budget, all backbones in parallel, N workers each.

Several workers are a run of Ray Train. It takes eight processes and 10 to 20 s to its first epoch on
2 cores; a Tune actor takes 5 s, and 0.3 s from its second trial on. So one worker, which has nothing
to share with others, trains in a Tune actor as in the race.

Only workers train, so trials travel to the other processes pickled: reading one imports timm.
"""

import logging
import pickle
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray.train
import ray.train.torch
import torch
from ray import tune
from ray.tune.integration.ray_train import TuneReportCallback

from pneumoray import checkpoint
from pneumoray.distributed import experiment, race, runtime
from pneumoray.distributed.experiment import OnEvent, Relay
from pneumoray.distributed.resources import Resources
from pneumoray.distributed.usage import Usage
from pneumoray.errors import PneumorayError

if TYPE_CHECKING:
    from pneumoray.training.trial import Trial

# What starts a Ray Train run waits for its workers, so it takes no core: one byte of memory gives
# Ray a bundle to place it by (Tune refuses an empty one).
_COORDINATOR = {"memory": 1.0}


def run_final(
    trials: "Sequence[Trial]", resources: Resources, scratch: Path, on_event: OnEvent
) -> dict[str, str]:
    """Train every trial to the end of its budget, as many side by side as their workers fit.

    Returns {failed id: reason}: the others go on. `scratch` is a folder all nodes share.
    """
    alone = [trial for trial in trials if trial.config.workers == 1]
    teams = [trial for trial in trials if trial.config.workers > 1]
    failed: dict[str, str] = {}
    if alone:
        failed |= race.run_rung(alone, None, resources, scratch, on_event, stage="final")
    if teams:
        failed |= _run_teams(teams, resources, scratch, on_event)
    return failed


def _run_teams(
    trials: "Sequence[Trial]", resources: Resources, scratch: Path, on_event: OnEvent
) -> dict[str, str]:
    """Each trial is a TorchTrainer of `config.workers` workers inside a Tune trial."""
    relay = Relay("final", on_event)
    common = {
        "per_worker": resources.per_worker(),
        "use_gpu": resources.device == "cuda",
        "threads": resources.cpus_per_trial,
        "scratch": str(scratch),
        "environment": runtime.driver_environment(),
    }
    jobs: dict[str, dict[str, Any]] = {
        trial.id: {
            "trial": pickle.dumps(trial),
            "workers": trial.config.workers,
            "folder": trial.folder,
            **common,
        }
        for trial in trials
    }
    slots = max(1, runtime.slots(resources) // max(trial.config.workers for trial in trials))
    experiment.run(_coordinate, jobs, _COORDINATOR, slots, scratch, relay)
    return relay.failed


def _coordinate(config: dict[str, Any], jobs: dict[str, dict[str, Any]]) -> None:
    """Start one Ray Train run and wait; its reports become this Tune trial's."""
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    job = jobs[config["trial"]]
    callbacks: list[Any] = [TuneReportCallback()]
    trainer = ray.train.torch.TorchTrainer(
        _train_in_worker,
        train_loop_config=job,
        scaling_config=ray.train.ScalingConfig(
            num_workers=job["workers"],
            use_gpu=job["use_gpu"],
            resources_per_worker=job["per_worker"],
        ),
        run_config=ray.train.RunConfig(
            name=f"{tune.get_context().get_experiment_name()}-{config['trial']}",
            storage_path=job["scratch"],
            callbacks=callbacks,
            failure_config=ray.train.FailureConfig(max_failures=experiment.RETRIES),
        ),
    )
    try:
        if damages := checkpoint.mend(job["folder"]):  # before its workers look for one
            tune.report({"note": damages})
        trainer.fit()
        (job["folder"] / runtime.ERROR_FILE).unlink(missing_ok=True)  # of an earlier attempt
    except Exception as error:
        tune.report(runtime.failure(_first_cause(error), job["folder"]))


def _first_cause(error: Exception) -> BaseException:
    """What a worker raised, out of Ray Train's own error; the others then miss it and fail as well."""
    failures = getattr(error, "worker_failures", {}).values()
    raised = [getattr(failure, "_base_exc", failure) for failure in failures]
    ours = [one for one in raised if isinstance(one, FloatingPointError | PneumorayError)]
    for cause in (*ours, *raised):
        cause.__cause__ = error  # for the traceback, which Ray Train has as text
        return cause
    return error


def _train_in_worker(config: dict[str, Any]) -> None:
    from pneumoray.data.pack import open_pack
    from pneumoray.training.trial import Team, train

    trial: Trial = pickle.loads(config["trial"])
    context = ray.train.get_context()
    team = Team(context.get_world_rank(), context.get_world_size(), _wrap, _share)
    runtime.settle_worker(config["threads"], config["environment"])
    device = str(ray.train.torch.get_device()) if trial.device == "cuda" else trial.device
    pack, usage = open_pack(trial.pack), Usage()
    for record in train(trial.config, pack, trial.folder, device=device, team=team):
        ray.train.report({"record": asdict(record), "system": usage.read(device)})


def _wrap(model: torch.nn.Module) -> torch.nn.Module:
    return ray.train.torch.prepare_model(model, move_to_device=False)


def _share(value: Any) -> Any:
    holder = [value]
    torch.distributed.broadcast_object_list(holder, src=0)
    return holder[0]
