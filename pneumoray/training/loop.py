"""The training loop: a generator of epochs."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler


@dataclass(frozen=True)
class TrainedEpoch:
    """One epoch of training: mean loss, and what the model said of each image while it learned.

    logits: (N, C) float32 and labels: (N,) int64, on the CPU, in the order seen.
    """

    epoch: int
    loss: float
    logits: Tensor
    labels: Tensor
    lr: float
    seconds: float


def fit(
    model: nn.Module,
    batches: Callable[[int], Iterable[tuple[Tensor, Tensor]]],
    loss_function: Callable[[Tensor, Tensor], Tensor],
    optimizer: Optimizer,
    schedule: LRScheduler,
    epochs: Iterable[int],
) -> Iterator[TrainedEpoch]:
    """Train `model` in place and yield after each of `epochs`.

    A generator, so the caller decides what the end of an epoch means: it validates, keeps a
    checkpoint, reports, or stops early by leaving the loop.

    `batches(epoch)` gives (images, labels): (B, C, H, W) float32 and (B,) int64, on the model's device.
    Raises FloatingPointError when the mean loss or a weight stops being finite.
    """
    masks = {name for name, buffer in model.named_buffers() if not buffer.isfinite().all()}
    for epoch in epochs:
        start = time.perf_counter()
        model.train()
        losses, all_logits, all_labels = [], [], []
        for images, labels in batches(epoch):
            logits = model(images)
            loss = loss_function(logits, labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()  # clipping is a hook on the step, not a branch here
            lr = float(optimizer.param_groups[0]["lr"])  # of this step: the schedule moves it on
            schedule.step()
            losses.append(loss.detach() * len(labels))  # stays on the device: no sync per step
            all_logits.append(logits.detach())
            all_labels.append(labels)
        labels_seen = torch.cat(all_labels).cpu()
        mean_loss = float(torch.stack(losses).sum()) / len(labels_seen)
        if not math.isfinite(mean_loss):
            raise FloatingPointError(
                f"train loss is {mean_loss} at epoch {epoch}; lower the learning rate"
            )
        if not _is_finite(model, masks):  # the last step's are in no loss yet
            raise FloatingPointError(
                f"weights are not finite after epoch {epoch}; lower the learning rate"
            )
        yield TrainedEpoch(
            epoch=epoch,
            loss=mean_loss,
            logits=torch.cat(all_logits).float().cpu(),
            labels=labels_seen,
            lr=lr,
            seconds=time.perf_counter() - start,
        )


def _is_finite(model: nn.Module, masks: Set[str]) -> bool:
    """Whether all weights and running statistics are numbers; one wait for the device.

    `masks` are buffers that never were, as one of -inf above the diagonal.
    """
    named = [*model.named_parameters(), *model.named_buffers()]
    tensors = [t for name, t in named if t.is_floating_point() and name not in masks]
    return bool(torch.stack([tensor.isfinite().all() for tensor in tensors]).all())
