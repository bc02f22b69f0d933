"""The final: each winner to its full budget on Ray Train, N workers each, all backbones in parallel."""

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import ray.train
import ray.train.torch
import torch.distributed
from ray import tune
from ray.tune.integration.ray_train import TuneReportCallback

from pneumoray.data.pack import open_pack
from pneumoray.distributed import race, runtime
from pneumoray.distributed.resources import Resources
from pneumoray.distributed.runtime import OnEvent, Relay
from pneumoray.training.trial import Team, Trial, train

# What starts a Ray Train run waits for its workers, so it takes no core: one byte of memory gives
# Ray a bundle to place it by (Tune refuses an empty one).
_COORDINATOR = {"memory": 1.0}


def run_final(
    trials: Sequence[Trial], resources: Resources, scratch: Path, on_event: OnEvent
) -> dict[str, str]:
    """Train every trial to the end of its budget. Returns {failed id: reason}.

    Each trial is a TorchTrainer of `config.workers` workers inside a Tune trial; as many run side by
    side as their workers fit. `scratch` is a folder all nodes share.
    """
    if not trials:
        return {}
    relay = Relay("final", on_event)
    workers = max(trial.config.workers for trial in trials)
    common = {
        "per_worker": resources.per_worker(),
        "threads": resources.cpus_per_trial,
        "scratch": str(scratch),
        "environment": runtime.driver_environment(),
    }
    jobs: dict[str, dict[str, Any]] = {trial.id: {"trial": trial, **common} for trial in trials}
    slots = max(1, runtime.slots(resources) // workers)
    race.run(_coordinate, jobs, _COORDINATOR, slots, scratch, relay)
    return relay.failed


def _coordinate(config: dict[str, Any], jobs: dict[str, dict[str, Any]]) -> None:
    """Start one Ray Train run and wait; its reports become this Tune trial's."""
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    job = jobs[config["trial"]]
    trial: Trial = job["trial"]
    callbacks: list[Any] = [TuneReportCallback()]
    trainer = ray.train.torch.TorchTrainer(
        _train_in_worker,
        train_loop_config=job,
        scaling_config=ray.train.ScalingConfig(
            num_workers=trial.config.workers,
            use_gpu=trial.device == "cuda",
            resources_per_worker=job["per_worker"],
        ),
        run_config=ray.train.RunConfig(
            name=f"{tune.get_context().get_experiment_name()}-{trial.id}",
            storage_path=job["scratch"],
            callbacks=callbacks,
            failure_config=ray.train.FailureConfig(max_failures=race.RETRIES),
        ),
    )
    try:
        trainer.fit()
    except Exception as error:
        tune.report(runtime.failure(error, trial.folder))


def _train_in_worker(config: dict[str, Any]) -> None:
    trial: Trial = config["trial"]
    context = ray.train.get_context()
    size = context.get_world_size()
    team = Team(context.get_world_rank(), size, _wrap, _share) if size > 1 else Team()
    try:
        runtime.settle_worker(config["threads"], config["environment"])
        device = str(ray.train.torch.get_device()) if trial.device == "cuda" else trial.device
        pack = open_pack(trial.pack)
        for record in train(trial.config, pack, trial.folder, device=device, team=team):
            ray.train.report({"record": asdict(record)})
    except Exception as error:
        if size > 1:  # the others wait for this rank: Ray Train ends them all
            raise
        ray.train.report(runtime.failure(error, trial.folder))


def _wrap(model: torch.nn.Module) -> torch.nn.Module:
    return ray.train.torch.prepare_model(model, move_to_device=False)


def _share(value: Any) -> Any:
    holder = [value]
    torch.distributed.broadcast_object_list(holder, src=0)
    return holder[0]
