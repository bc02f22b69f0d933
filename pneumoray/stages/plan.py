"""dry_run: what a study would train, and an estimate of hours and disk from a short timing."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from pneumoray.config import Config
from pneumoray.data import split
from pneumoray.data.read import num_cores
from pneumoray.distributed.resources import Resources
from pneumoray.grid import check_size, configurations
from pneumoray.models import freeze, weights, zoo
from pneumoray.models.architecture import Architecture
from pneumoray.stages import prepare
from pneumoray.stages.prepare import OnEvent
from pneumoray.study import Race, Study
from pneumoray.training import optim
from pneumoray.workspace import open_workspace

_TIMED_STEPS = 2
_TIMED_IMAGES = 8
_VALIDATION_COST = 1 / 3  # of a training image: no backward pass
_STATES_KEPT = 4  # of a trial: weights, best weights, two moments of the optimizer


@dataclass(frozen=True)
class BackbonePlan:
    """One network's share. images_per_second is that of one trial on one worker."""

    backbone: str
    num_trials: int
    image_size: int
    images_per_second: float
    epochs: int  # all trials' together, race and final
    hours: float  # of one worker
    disk_mib: float


@dataclass(frozen=True)
class Plan:
    study: str
    configs: list[Config]
    backbones: list[BackbonePlan]
    num_images: int
    pack_mib: float
    slots: int
    device: str

    @property
    def hours(self) -> float:
        return sum(plan.hours for plan in self.backbones) / self.slots

    @property
    def disk_mib(self) -> float:
        return self.pack_mib + sum(plan.disk_mib for plan in self.backbones)


def dry_run(
    study: Study,
    data: Path | None,
    images: Path | None,
    workspace: Path | None,
    resources: Resources,
    yes: bool = False,
    no_patients: bool = False,
    on_event: OnEvent = lambda event: None,
) -> Plan:
    """Plan a study on this machine. Trains nothing and decodes nothing: two timed steps a backbone."""
    check_size(study, yes)
    study = prepare.leave_out_missing(study, on_event)
    configs = configurations(study)
    manifest, _ = prepare.list_images(study, data, images, open_workspace(workspace))
    prepare.check_patients(manifest, no_patients)
    prepare.check_outputs(configs, manifest.classes)
    prepare.tell_positive(manifest, study.positive, on_event)
    for backbone, where in dict.fromkeys((c.backbone, c.weights) for c in configs):
        if where not in ("none", "hub") and not weights.available(backbone, where):
            on_event({"type": "note", "text": f"weights of {backbone} are not to be had here"})
    planned = split.resplit(manifest, study.val_fraction, study.test_fraction, study.split_seed)
    num_train, num_val = len(planned.of_split("train")), len(planned.of_split("val"))
    has_gpu = torch.cuda.is_available() and resources.device != "cpu"
    slots = (
        max(1, int(torch.cuda.device_count() / resources.gpus_per_trial))
        if has_gpu
        else max(1, num_cores() // resources.cpus_per_trial)
    )
    slots = min(slots, resources.max_concurrent or slots)
    device = "cuda" if has_gpu else "cpu"
    num_classes = len(manifest.classes)
    plans = []
    epochs_of = epochs_a_trial(study, configs)
    for network in dict.fromkeys(map(_network, configs)):
        own = [config for config in configs if _network(config) == network]
        backbone, size = own[0].backbone, own[0].image_size
        on_event({"type": "note", "text": f"timing {backbone} at {size} px"})
        speed, parameters = _timed(own[0], num_classes, device, resources.cpus_per_trial)
        epochs = round(sum(epochs_of[config.backbone] for config in own))
        seconds = epochs * (num_train + num_val * _VALIDATION_COST) / speed
        plans.append(
            BackbonePlan(
                backbone,
                len(own),
                size,
                speed,
                epochs,
                seconds / 3600,
                len(own) * _STATES_KEPT * parameters * 4 / 2**20,
            )
        )
    settings = {prepare.settings_of(config) for config in configs}
    pack_mib = sum(one.num_bytes for one in settings) * len(manifest.images) / 2**20
    return Plan(study.name, configs, plans, num_train, pack_mib, slots, device)


def _network(config: Config) -> tuple[Architecture, str]:
    """What decides how fast a trial trains."""
    return replace(config.architecture, dropout=0.0), config.freeze


def epochs_a_trial(study: Study, configs: Sequence[Config]) -> dict[str, float]:
    """Backbone -> epochs that one of its trials trains on average, halving included."""
    return {
        backbone: num_epochs(study, own) / len(own)
        for backbone in dict.fromkeys(config.backbone for config in configs)
        for own in [[config for config in configs if config.backbone == backbone]]
    }


def num_epochs(study: Study, configs: Sequence[Config]) -> int:
    """Epochs that one backbone's trials train together; seeds stay or go together."""
    if not isinstance(study.race, Race):
        return sum(config.epochs for config in configs)
    alive, total, before = len({config.config_id for config in configs}), 0, 0
    for rung in study.race.rungs:
        total += alive * (rung - before)
        alive, before = max(1, alive // study.race.eta), rung
    return study.seeds * (total + max(config.epochs for config in configs) - before)


def _timed(config: Config, num_classes: int, device: str, threads: int) -> tuple[float, int]:
    """(training images per second of one trial, parameters) from a few steps on noise."""
    torch.set_num_threads(threads)
    model = zoo.build(config.architecture, num_classes).to(device)
    freeze.freeze(model, config.backbone, config.freeze)
    optimizer = optim.build_optimizer(
        model, config.optimizer, config.lr, config.weight_decay, config.momentum, config.clip_norm
    )
    shape = (_TIMED_IMAGES, config.in_chans, config.image_size, config.image_size)
    images = torch.rand(shape, device=device).contiguous(memory_format=torch.channels_last)
    labels = torch.arange(_TIMED_IMAGES, device=device) % num_classes
    loss_function = optim.build_loss(0.0, None)
    start = time.perf_counter()
    for step in range(_TIMED_STEPS + 1):
        if step == 1:  # the first step also sets things up
            start = time.perf_counter()
        optimizer.zero_grad()
        loss_function(model(images), labels).backward()
        optimizer.step()
    if device == "cuda":
        torch.cuda.synchronize()
    seconds = time.perf_counter() - start
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return _TIMED_STEPS * _TIMED_IMAGES / seconds, parameters
