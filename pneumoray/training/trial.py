"""A Trial: configuration + Pack -> model, optimizer, epochs. Race and final run the same code."""

import functools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import nn

from pneumoray import artifact, checkpoint
from pneumoray.config import Config
from pneumoray.data.augment import build_augment
from pneumoray.data.batches import EvalBatches, TrainBatches
from pneumoray.data.pack import Pack, open_pack
from pneumoray.epochs import EpochRecord, State
from pneumoray.evaluation import metrics
from pneumoray.models import freeze, head, weights, zoo
from pneumoray.predictions import Predictions, predict
from pneumoray.training import loop, optim

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Trial:
    """One configuration being trained, and where: its folder, its Pack, its device."""

    config: Config
    folder: Path
    pack: Path
    device: str = "cpu"

    @property
    def id(self) -> str:
        return self.config.trial_id


@dataclass(frozen=True)
class Team:
    """The workers that train one trial together.

    wrap: puts gradient averaging around the model; share: gives every rank rank 0's object.
    """

    rank: int = 0
    size: int = 1
    wrap: Callable[[nn.Module], nn.Module] = lambda model: model
    share: Callable[[Any], Any] = lambda value: value


ALONE = Team()


def build_model(config: Config, num_classes: int) -> tuple[nn.Module, weights.Weights | None]:
    """The configuration's network, weights drawn from its seed or pretrained, frozen as it asks.

    This and `train` are the places that seed torch globally. Raises WeightsError for weights that
    can't be had.
    """
    torch.manual_seed(config.seed)
    model = zoo.build(config.architecture, num_classes)
    found = None
    if config.weights != "none":
        found = weights.find(config.backbone, config.weights, config.in_chans)
        weights.load_into(model, found, config.in_chans)
    freeze.freeze(model, config.backbone, config.freeze)
    return model, found


def train(
    config: Config,
    pack: Pack,
    folder: Path,
    *,
    until: int | None = None,
    device: str = "cpu",
    team: Team = ALONE,
    tell: Callable[[str], None] = lambda text: None,
) -> Iterator[EpochRecord]:
    """Train one trial up to epoch `until` (default: its whole budget), yielding new epoch records.

    Goes on from the newest whole checkpoint in `folder`, and leaves one there before each record is
    yielded; `tell` is called with a line about damaged ones. Yields nothing where the checkpoint has
    come that far, or has stopped early. Raises FloatingPointError when the loss, a weight or a
    prediction stops being finite, and WorkspaceError for a checkpoint that can't be understood.
    """
    until = until or config.epochs
    if ended(config, checkpoint.read_state(folder), until):
        return
    if team.rank == 0:
        artifact.sweep_drafts(folder)  # a checkpoint that a killed worker was writing
        if damages := checkpoint.mend(folder):
            tell(damages)
    state = checkpoint.read_state(folder)
    # a checkpoint holds the weights already: going on needs no hub
    first = config.model_copy(update={"weights": "none"}) if state.epoch else config
    model, pretrained = build_model(first, len(pack.manifest.classes))
    mean, std = (state.mean, state.std) if state.epoch else normalization(config, pack, pretrained)
    model.to(device)
    rows = pack.rows("train")
    train_batches = TrainBatches(
        pack,
        rows,
        config.batch_size,
        build_augment(config.augment, config.flip, config.zoom, config.rotate),
        mean,
        std,
        config.seed,
        device,
        team.rank,
        team.size,
    )
    val_rows = pack.rows("val")
    val_batches = EvalBatches(pack, val_rows, config.batch_size, mean, std, device)
    labels = pack.manifest.images["label"].to_numpy()
    balanced = config.class_weights == "balanced"
    loss_function = optim.build_loss(
        config.label_smoothing,
        optim.balanced_weights(torch.from_numpy(labels[rows]), len(pack.manifest.classes)).to(
            device
        )
        if balanced
        else None,
    )
    optimizer = optim.build_optimizer(
        model, config.optimizer, config.lr, config.weight_decay, config.momentum, config.clip_norm
    )
    schedule = optim.build_schedule(
        optimizer,
        config.schedule,
        config.epochs,
        train_batches.num_steps,
        config.warmup_epochs,
        config.step_epochs,
        config.step_gamma,
    )
    if state.epoch:
        tensors, progress = checkpoint.load_tensors(_newest(folder))
        model.load_state_dict(tensors)
        optimizer.load_state_dict(progress["optimizer"])
        schedule.load_state_dict(progress["schedule"])
    else:
        total, trainable = head.count_parameters(model)
        source = f"{pretrained.source} sha256:{pretrained.sha256}" if pretrained else "random"
        state = State((), total, trainable, mean, std, source, pack.settings.ranges)

    wrapped = team.wrap(model)
    # bfloat16 pays on CUDA only: on CPU the step is slower in it
    forward = _Autocast(wrapped, device) if device.startswith("cuda") else wrapped
    seeded = functools.partial(_seeded, train_batches, config.seed, team.rank)
    epochs = range(state.epoch + 1, until + 1)
    for trained in loop.fit(forward, seeded, loss_function, optimizer, schedule, epochs):
        record = None
        if team.rank == 0:
            start = time.perf_counter()
            val = Predictions(
                pack.manifest.images.iloc[val_rows],
                predict(model, val_batches),
                pack.manifest.classes,
            )
            if not np.isfinite(val.probs).all():
                raise FloatingPointError(
                    f"predictions are not finite after epoch {trained.epoch}; lower the learning rate"
                )
            record = _record(trained, val, team.size, time.perf_counter() - start)
        record = team.share(record)
        state = replace(state, records=(*state.records, record))
        if team.rank == 0:
            progress = {"optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
            checkpoint.save(folder, state, model.state_dict(), progress, val)
        yield record
        if _out_of_patience(config, state):
            return


def ended(config: Config, state: State, until: int) -> bool:
    """Whether nothing is left to train up to that epoch: the budget is spent, or patience ended."""
    return state.epoch >= until or _out_of_patience(config, state)


def normalization(
    config: Config, pack: Pack, pretrained: weights.Weights | None
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(mean, std) per channel on the scale [0, 1] that `config.normalize` asks for.

    `auto` is what pretrained weights were trained with, else the training images' own. A grey image
    has the mean of the three channels' values.
    """
    choice = config.normalize
    if choice == "none":
        return (0.0,) * config.in_chans, (1.0,) * config.in_chans
    if choice == "train" or (choice == "auto" and pretrained is None):
        mean, std = pack.train_statistics()
        return tuple(mean), tuple(value or 1.0 for value in std)  # 0 where a channel never varies
    if choice == "auto" and pretrained is not None:
        return pretrained.mean, pretrained.std
    if config.in_chans == 1:
        return (sum(IMAGENET_MEAN) / 3,), (sum(IMAGENET_STD) / 3,)
    return IMAGENET_MEAN, IMAGENET_STD


def _seeded(batches: TrainBatches, seed: int, rank: int, epoch: int):
    """The epoch's batches, after seeding what the epoch draws (dropout) from (seed, epoch, rank)."""
    torch.manual_seed((seed * 1_000_003 + epoch) * 1_009 + rank)
    return batches(epoch)


class _Autocast(nn.Module):
    """Runs the model's training forward in bfloat16; validation uses the model itself, in float32."""

    def __init__(self, model: nn.Module, device: str) -> None:
        super().__init__()
        self.model = model
        self.device_type = torch.device(device).type

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        with torch.autocast(self.device_type, dtype=torch.bfloat16):
            return self.model(images)


def _record(
    trained: loop.TrainedEpoch, val: Predictions, team_size: int, val_seconds: float
) -> EpochRecord:
    train_labels = trained.labels.numpy()
    train_probs = trained.logits.double().softmax(dim=1).numpy()
    return EpochRecord(
        epoch=trained.epoch,
        train_loss=trained.loss,
        train_accuracy=metrics.accuracy(train_labels, train_probs),
        train_auroc=metrics.auroc(train_labels, train_probs),
        val_loss=metrics.log_loss(val.labels, val.probs),
        val_accuracy=metrics.accuracy(val.labels, val.probs),
        val_auroc=metrics.auroc(val.labels, val.probs),
        lr=trained.lr,
        images_per_second=len(train_labels) * team_size / trained.seconds,
        seconds=trained.seconds + val_seconds,
    )


def _out_of_patience(config: Config, state: State) -> bool:
    best = state.best
    if config.patience is None or best is None:
        return False
    return state.epoch - best.epoch >= config.patience


def _newest(folder: Path) -> Path:
    path = checkpoint.newest(folder)
    assert path is not None
    return path


def score(trial: Trial, split: str, batch_size: int = 64) -> Predictions:
    """Predictions of a trial's best epoch on one split of its Pack."""
    pack = open_pack(trial.pack)
    state = checkpoint.read_state(trial.folder)
    config, classes = trial.config, pack.manifest.classes
    model = build_model(config.model_copy(update={"weights": "none"}), len(classes))[0]
    model.load_state_dict(safetensors.torch.load_file(checkpoint.best_weights(trial.folder)))
    model.to(trial.device)
    rows = pack.rows(split)
    batches = EvalBatches(pack, rows, batch_size, state.mean, state.std, trial.device)
    return Predictions(pack.manifest.images.iloc[rows], predict(model, batches), classes)
