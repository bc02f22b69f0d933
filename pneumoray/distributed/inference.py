"""Predictions of trained trials on a split, as Ray tasks."""

from collections.abc import Sequence

import ray

from pneumoray.distributed import runtime
from pneumoray.distributed.resources import Resources
from pneumoray.predictions import Predictions
from pneumoray.training.trial import Trial, score


def score_all(trials: Sequence[Trial], split: str, resources: Resources) -> list[Predictions]:
    """Each trial's Predictions on `split`, in order; as many side by side as fit."""
    per_worker = resources.per_worker()
    task = ray.remote(_score).options(
        num_cpus=per_worker["CPU"], num_gpus=per_worker.get("GPU", 0), max_retries=2
    )
    return runtime.get([task.remote(trial, split, resources.cpus_per_trial) for trial in trials])


def _score(trial: Trial, split: str, threads: int) -> Predictions:
    runtime.settle_worker(threads)
    return score(trial, split)
