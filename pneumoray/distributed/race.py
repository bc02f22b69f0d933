"""The race: one rung on Ray Tune. Trials train inside Tune's actors, each from its own checkpoint.

Torch is imported in the actors and not above, because `final.py` starts processes that need none.
"""

import contextlib
import ctypes
import gc
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ray import tune

from pneumoray.distributed import experiment, runtime
from pneumoray.distributed.experiment import OnEvent, Relay
from pneumoray.distributed.resources import Resources
from pneumoray.distributed.usage import Usage

if TYPE_CHECKING:
    from pneumoray.training.trial import Trial


def run_rung(
    trials: "Sequence[Trial]",
    until: int | None,
    resources: Resources,
    scratch: Path,
    on_event: OnEvent,
    stage: str = "race",
) -> dict[str, str]:
    """Train every trial up to epoch `until` (None: its end), as many side by side as fit.

    Returns {failed id: reason}: the others go on. `scratch` is a folder all nodes share.
    """
    relay = Relay(stage, on_event)
    common = {
        "until": until,
        "threads": resources.cpus_per_trial,
        "environment": runtime.driver_environment(),
    }
    experiment.run(
        _train_in_actor,
        {trial.id: {"trial": trial, **common} for trial in trials},
        resources.per_worker(),
        runtime.slots(resources),
        scratch,
        relay,
    )
    return relay.failed


def _train_in_actor(config: dict[str, Any], jobs: dict[str, dict[str, Any]]) -> None:
    from pneumoray.data.pack import open_pack
    from pneumoray.training.trial import train

    job = jobs[config["trial"]]
    trial: Trial = job["trial"]
    try:
        runtime.settle_worker(job["threads"], job["environment"])
        pack, usage = open_pack(trial.pack), Usage()
        for record in train(
            trial.config,
            pack,
            trial.folder,
            until=job["until"],
            device=trial.device,
            tell=lambda text: tune.report({"note": text}),
        ):
            tune.report({"record": asdict(record), "system": usage.read(trial.device)})
        (trial.folder / runtime.ERROR_FILE).unlink(missing_ok=True)  # of an earlier attempt
    except Exception as error:
        tune.report(runtime.failure(error, trial.folder))
    finally:
        _give_back_memory()


def _give_back_memory() -> None:
    """Free what an ended trial held: an actor takes the next, and grew to 4.5 GB over 40 trials."""
    import torch

    gc.collect()  # models and optimizers are full of cycles
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    with contextlib.suppress(
        AttributeError, OSError
    ):  # each trial's thread has an arena of its own
        ctypes.CDLL(None).malloc_trim(0)  # of glibc
