"""A trial's folder: weights, optimizer and all epoch records; complete or ignored.

    TRIAL/epoch-0007/model.safetensors   weights after epoch 7
                     best.safetensors    weights of the best epoch so far (a copy, never an alias)
                     val_predictions.csv of the best epoch
                     optimizer.pt        optimizer and schedule, read with weights_only
                     state.json          epoch, records, parameters, normalisation

One checkpoint is kept: the new one is whole on disk before the old one goes.
"""

import math
import os
import shutil
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from pneumoray import artifact
from pneumoray.errors import WorkspaceError
from pneumoray.predictions import Predictions

_BEST = ("best.safetensors", "val_predictions.csv")


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch of a trial measured; the learning rate is that of the epoch's last step."""

    epoch: int
    train_loss: float
    train_accuracy: float
    train_auroc: float
    val_loss: float
    val_accuracy: float
    val_auroc: float
    lr: float
    images_per_second: float
    seconds: float

    def better_than(self, other: "EpochRecord | None") -> bool:
        """Higher validation AUROC; the lower log loss breaks ties."""
        return other is None or self.rank > other.rank

    @property
    def rank(self) -> tuple[float, float]:
        """Sorts records from worse to better. An undefined AUROC is worse than any other."""
        return (-math.inf if math.isnan(self.val_auroc) else self.val_auroc, -self.val_loss)


def mean_rank(ranks: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The rank of a configuration: the mean over the ranks of its seeds."""
    aurocs, losses = zip(*ranks, strict=True)
    return statistics.fmean(aurocs), statistics.fmean(losses)


@dataclass(frozen=True)
class State:
    """All that a trial knows about itself, apart from tensors."""

    records: tuple[EpochRecord, ...] = ()
    parameters_total: int = 0
    parameters_trainable: int = 0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    weights_source: str = "random"

    @property
    def epoch(self) -> int:
        return self.records[-1].epoch if self.records else 0

    @property
    def best(self) -> EpochRecord | None:
        best: EpochRecord | None = None
        for record in self.records:
            if record.better_than(best):
                best = record
        return best

    @property
    def seconds(self) -> float:
        return sum(record.seconds for record in self.records)


def newest(trial_folder: Path) -> Path | None:
    """The newest complete checkpoint in a trial's folder, or None."""
    found = sorted(trial_folder.glob("epoch-*/state.json"))
    return found[-1].parent if found else None


def read_state(trial_folder: Path) -> State:
    """The state in the newest checkpoint; an empty State before the first epoch's end."""
    while True:
        folder = newest(trial_folder)
        if folder is None:
            return State()
        try:
            values = artifact.read_json(folder / "state.json")
            break
        except WorkspaceError:
            if newest(trial_folder) == folder:  # else the next checkpoint has just replaced it
                raise
    records = tuple(EpochRecord(**record) for record in values.pop("records"))
    values |= {"mean": tuple(values["mean"]), "std": tuple(values["std"])}
    return State(records=records, **values)


def save(
    trial_folder: Path,
    state: State,
    model: Mapping[str, Tensor],
    optimizer: Mapping[str, Any],
    val: Predictions,
) -> Path:
    """Write the checkpoint of `state.epoch`, whole or absent, and drop the older ones.

    `val` are the validation predictions of this epoch; they and the weights are kept as the best
    where this epoch is the best so far, else the older best is carried over.
    """
    older = newest(trial_folder)
    final = trial_folder / f"epoch-{state.epoch:04d}"
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.items()}
    with artifact.whole_folder(final, root=trial_folder, holds="state.json") as draft:
        safetensors.torch.save_file(tensors, draft / "model.safetensors")
        if older is None or (state.best and state.best.epoch == state.epoch):
            _link(draft / "model.safetensors", draft / "best.safetensors")
            val.save(draft / "val_predictions.csv")
        else:
            for name in _BEST:
                _link(older / name, draft / name)
        torch.save(optimizer, draft / "optimizer.pt")
        artifact.write_json(draft / "state.json", asdict(state))
    if older is not None and older != final:
        shutil.rmtree(older, ignore_errors=True)
    return final


def load_tensors(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """(model weights, optimizer and schedule state) of one checkpoint folder, on the CPU."""
    model = safetensors.torch.load_file(folder / "model.safetensors")
    return model, torch.load(folder / "optimizer.pt", map_location="cpu", weights_only=True)


def best_weights(trial_folder: Path) -> Path:
    """The file with the weights of the best epoch."""
    return _in_newest(trial_folder, "best.safetensors")


def val_predictions(trial_folder: Path) -> Predictions:
    """Validation predictions of the best epoch."""
    return Predictions.load(_in_newest(trial_folder, "val_predictions.csv"))


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, target)


def _in_newest(trial_folder: Path, name: str) -> Path:
    folder = newest(trial_folder)
    if folder is None:
        raise ValueError(f"{trial_folder} holds no complete checkpoint")
    return folder / name
