"""dry_run: what a study would train, and an estimate of hours and disk from a short timing."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from pneumoray import checkpoint
from pneumoray.config import Config
from pneumoray.data import split
from pneumoray.data.image import ImageSettings
from pneumoray.data.manifest import Manifest
from pneumoray.data.read import num_cores, read_shard
from pneumoray.distributed.available import capacity_of
from pneumoray.distributed.resources import Resources
from pneumoray.grid import check_size, configurations
from pneumoray.models import freeze, zoo
from pneumoray.models.architecture import Architecture
from pneumoray.stages import checks, prepare
from pneumoray.stages.one_image import tell_one_image_batches
from pneumoray.stages.prepare import OnEvent
from pneumoray.study import Race, Study
from pneumoray.training import optim
from pneumoray.workspace import open_workspace

# Seconds beside training, guesses that a study's journal on 2 CPU cores bears out: 65 s for its 51.
_START_SECONDS = 20  # imports, Ray and its first processes
_ROUND_SECONDS = 8  # of each rung and the final: processes, networks, the first batch
_REPORT_SECONDS = 1  # a trial's own report, one after the other
_REGISTER_SECONDS = 5  # a family's model, with what MLflow has not got by then
_TIMED_STEPS = 2
_TIMED_IMAGES = 8
_VALIDATION_COST = 1 / 3  # of a training image: no backward pass
_STATES_KEPT = 4  # of a trial: weights, best weights, two moments of the optimizer
_STATES_BEFORE = 3  # of the checkpoint before, until the end; its best weights are mostly shared


@dataclass(frozen=True)
class BackbonePlan:
    """One network's share. images_per_second is that of one trial on one worker."""

    backbone: str
    num_trials: int
    image_size: int
    images_per_second: float
    epochs: int  # all trials' together, race and final
    hours: float  # of one worker
    disk_mib: float  # at most, while it trains


@dataclass(frozen=True)
class Plan:
    study: str
    configs: list[Config]
    backbones: list[BackbonePlan]
    num_images: int
    pack_mib: float
    slots: int
    device: str
    extra_hours: float  # beside training: reading images, starting, reports, registering

    @property
    def hours(self) -> float:
        """On the clock, from the command to its end."""
        return sum(plan.hours for plan in self.backbones) / self.slots + self.extra_hours

    @property
    def disk_mib(self) -> float:
        return self.pack_mib + sum(plan.disk_mib for plan in self.backbones)


def dry_run(
    study: Study,
    data: Path | None = None,
    *,
    images: Path | None = None,
    workspace: Path | None = None,
    address: str | None = None,
    resources: Resources | None = None,
    no_patients: bool = False,
    fresh: bool = False,
    allow_leaks: bool = False,
    yes: bool = False,
    on_event: OnEvent = lambda event: None,
) -> Plan:
    """Plan a study on the cluster at `address`, else on this machine, and train nothing.

    What it times is two steps of each network and the reading of a few images, here.
    Raises what `train_all` raises before it starts; downloads no weights.
    """
    check_size(study, yes)
    place = open_workspace(workspace, to_write=False)
    folder = place.study(study.name)
    study = checks.leave_out_missing(study, None if fresh else folder, on_event)
    configs = configurations(study)
    manifest, findings = prepare.list_images(study, data, images, place)
    checks.check_listed(manifest, configs, no_patients, allow_leaks)
    capacity = capacity_of(address)
    workers = max(config.workers for config in configs)
    resources = capacity.resolve(resources or Resources(), workers)
    if not fresh:
        checks.check_unchanged(folder, manifest.classes, [c.trial_id for c in configs])
    new = [c for c in configs if fresh or checkpoint.starts_anew(folder.trial(c.trial_id))]
    checks.check_weights(new, fetch=False)
    prepare.tell_understood(manifest, on_event)
    prepare.tell_positive(manifest, study.positive, on_event)
    prepare.tell_patients(findings, on_event)
    for finding in findings:
        on_event({"type": "finding", **asdict(finding)})
    slots = min(capacity.slots(resources), len(configs) * workers)
    device = "cuda" if resources.device == "cuda" and torch.cuda.is_available() else "cpu"
    if device != resources.device:
        text = "no GPU on this machine: timed on its CPU, where a step takes many times as long"
        on_event({"type": "note", "text": text})
    planned = split.resplit(manifest, study.val_fraction, study.test_fraction, study.split_seed)
    num_train, num_val = len(planned.of_split("train")), len(planned.of_split("val"))
    num_classes = len(manifest.classes)
    tell_one_image_batches(configs, num_train, num_classes, on_event)
    plans = []
    epochs_of = epochs_a_trial(study, configs)
    networks = list(dict.fromkeys(map(_network, configs)))
    for number, network in enumerate(networks, 1):
        own = [config for config in configs if _network(config) == network]
        backbone, size = own[0].backbone, own[0].image_size
        text = f"timing {number} of {len(networks)}: {backbone} at {size} px"
        on_event({"type": "note", "text": text})
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
                _states(study, len(own), slots) * parameters * 4 / 2**20,
            )
        )
    settings = {prepare.settings_of(config) for config in configs}
    pack_mib = sum(one.num_bytes for one in settings) * len(manifest.images) / 2**20
    extra = _seconds_beside(study, configs)
    to_read = [one for one in settings if not prepare.is_packed(study, manifest, one, place)]
    extra += sum(_reading_seconds(manifest, one) for one in to_read)
    return Plan(
        study.name, configs, plans, num_train, pack_mib, slots, resources.device, extra / 3600
    )


def _states(study: Study, num_trials: int, slots: int) -> int:
    """How many times its weights a network's trials take at most: in a race none has ended."""
    unended = num_trials if isinstance(study.race, Race) else min(num_trials, slots)
    return num_trials * _STATES_KEPT + unended * _STATES_BEFORE


def _seconds_beside(study: Study, configs: Sequence[Config]) -> float:
    """Of starting, of reports and of registering models: what is no training."""
    families = {config.family for config in configs}
    return (
        _START_SECONDS
        + _ROUND_SECONDS * (len(study.rungs) + 1)
        + _REPORT_SECONDS * len(configs)
        + _REGISTER_SECONDS * len(families)
    )


def _reading_seconds(manifest: Manifest, settings: ImageSettings) -> float:
    """Of all images on all cores here, judged by a few."""
    paths = manifest.images["path"].iloc[:: max(1, len(manifest.images) // _TIMED_IMAGES)]
    start = time.perf_counter()
    read_shard(list(enumerate(paths)), settings)
    each = (time.perf_counter() - start) / len(paths)
    return each * len(manifest.images) / num_cores()


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
