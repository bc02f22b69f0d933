"""Optimizer, learning-rate schedule and loss by name."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler


def build_optimizer(
    model: nn.Module,
    name: str,
    lr: float,
    weight_decay: float,
    momentum: float,
    clip_norm: float | None,
) -> Optimizer:
    """Build "adam", "adamw" or "sgd" (with `momentum`) over the model's trainable parameters.

    Weights decay; norms and biases, whose tensors have one dimension, do not. With `clip_norm` the
    gradient's global norm is clipped by a hook on the optimizer's step. Raises ValueError for
    another name.
    """
    trainable = [p for p in model.parameters() if p.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in trainable if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trainable if p.ndim <= 1], "weight_decay": 0.0},
    ]
    # fused, milliseconds a step on one CPU thread: AdamW on resnet18 20 (foreach 28, plain 39), on
    # efficientnet_b0 4 (12, 13); SGD 13 (22, 14) and 2 (6, 5).
    optimizer: Optimizer
    match name:
        case "adam":
            optimizer = Adam(groups, lr=lr, fused=True)
        case "adamw":
            optimizer = AdamW(groups, lr=lr, fused=True)
        case "sgd":
            optimizer = SGD(groups, lr=lr, momentum=momentum, fused=True)
        case _:
            raise ValueError(f"optimizer {name!r} is not one of adam, adamw, sgd")
    if clip_norm is not None:

        def clip(*_: Any) -> None:
            nn.utils.clip_grad_norm_(trainable, clip_norm)

        optimizer.register_step_pre_hook(clip)
    return optimizer


def build_schedule(
    optimizer: Optimizer,
    name: str,
    epochs: int,
    steps_per_epoch: int,
    warmup_epochs: float,
    step_epochs: int,
    step_gamma: float,
) -> LRScheduler:
    """Build a schedule that is stepped after every optimizer step, over the full budget of epochs.

    "constant"; "cosine", down to zero at the end of `epochs`; "step", times `step_gamma` every
    `step_epochs`. Each first rises linearly during `warmup_epochs`. Only "cosine" depends on
    `epochs`. Raises ValueError for another name.
    """
    num_steps = epochs * steps_per_epoch
    num_warmup = round(warmup_epochs * steps_per_epoch)

    def cosine(step: int) -> float:
        done = (step - num_warmup) / max(1, num_steps - num_warmup)
        return 0.5 + 0.5 * math.cos(math.pi * min(1.0, done))

    shapes: dict[str, Callable[[int], float]] = {
        "constant": lambda step: 1.0,
        "cosine": cosine,
        "step": lambda step: step_gamma ** (step // (step_epochs * steps_per_epoch)),
    }
    if name not in shapes:
        raise ValueError(f"schedule {name!r} is not one of {', '.join(shapes)}")
    shape = shapes[name]
    return LambdaLR(
        optimizer,
        lambda step: (step + 1) / num_warmup if step < num_warmup else shape(step),
    )


def build_loss(
    label_smoothing: float, class_weights: Tensor | None
) -> Callable[[Tensor, Tensor], Tensor]:
    """Cross-entropy of (B, C) logits and (B,) int64 labels, a scalar.

    With `class_weights` (C,), on the logits' device, it is the weighted mean: divided by the sum of
    the batch's weights.
    """
    return nn.CrossEntropyLoss(weight=class_weights, label_smoothing=label_smoothing)


def balanced_weights(labels: Tensor, num_classes: int) -> Tensor:
    """Weights (C,) float32, inverse to how often a class occurs; their mean over images is 1."""
    counts = torch.bincount(labels, minlength=num_classes).clamp(min=1)
    return len(labels) / (num_classes * counts.float())
