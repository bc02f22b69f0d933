"""Pictures of a comparison's learning curves, as PNG bytes: all values in one panel, and one a panel."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from pneumoray.evaluation.style import (
    DPI,
    FAINT,
    FEWER_LINE,
    TRAIN,
    TRAIN_LINE,
    VAL,
    png,
    styles,
    wrapped,
)

_PANELS = {"loss": "Loss (nats)", "auroc": "AUROC", "accuracy": "Accuracy (share)"}


def overlaid_curves(
    curves: Mapping[str, pd.DataFrame],
    overfit: Mapping[str, int | None],
    by: str,
    *,
    in_order: bool = False,
    until: int | None = None,
) -> bytes:
    """Loss, AUROC and accuracy per epoch, all values in one panel each.

    `curves` {label: means by epoch} hold train_ and val_ of each; nan leaves a gap. `overfit` gives
    the epoch from which a value overfits. `in_order`: the values are numbers, so colours run from
    dark to light. Scores were compared up to epoch `until`.
    """
    style_of = styles(list(curves), in_order)
    num_columns = _legend_columns(curves)
    num_lines = -(-(len(curves) + 3) // num_columns)
    figure = Figure(figsize=(13, 4.3 + 0.24 * num_lines), dpi=DPI, layout="constrained")
    figure.suptitle(f"Learning curves by {by}")
    for axes, (name, label) in zip(figure.subplots(1, 3), _PANELS.items(), strict=True):
        for value, means in curves.items():
            style = style_of[value]
            thin = {"color": style["color"], "linewidth": 1.2, "alpha": 0.8}
            thin["marker"] = "_" if len(means) == 1 else ""  # there is no line to see
            _line(axes, means, f"train_{name}", linestyle=TRAIN_LINE, **thin)
            every = max(1, len(means) // 8)
            _line(axes, means, f"val_{name}", markersize=5, markevery=every, **style)
            at = overfit.get(value)
            if name == "loss" and at is not None:
                _ring(axes, at, float(means["val_loss"][at]), style["color"])
        if until is not None:
            axes.axvline(until, color=FAINT, linestyle=":", linewidth=1)
        _epoch_axis(axes, label)
        if name == "loss":
            _loss_limits(axes, curves)
    figure.legend(
        handles=[
            *(Line2D([], [], label=value, markersize=6, **style_of[value]) for value in curves),
            Line2D([], [], color=FAINT, label="validation"),
            Line2D([], [], color=FAINT, linestyle=TRAIN_LINE, label="train"),
            *_fewer_handle(curves),
            *_ring_handle(overfit),
            *_until_handle(until),
        ],
        loc="outside lower center",
        ncols=num_columns,
        fontsize="small",
        title=by,
    )
    return png(figure)


def curves_apart(
    curves: Mapping[str, pd.DataFrame], overfit: Mapping[str, int | None], by: str
) -> bytes:
    """Train against validation loss, a panel a value on common axes; overfitting is shaded."""
    num_columns = min(len(curves), 3 if len(curves) in (3, 5, 6, 9) else 4)
    num_rows = -(-len(curves) // num_columns)
    figure = Figure(figsize=(13, 0.9 + 2.6 * num_rows), dpi=DPI, layout="constrained")
    figure.suptitle(f"Loss in training and validation by {by}")
    grid = figure.subplots(num_rows, num_columns, sharex=True, sharey=True, squeeze=False)
    last = max(int(means.index.max()) for means in curves.values())
    for axes, (value, means) in zip(grid.flat, curves.items(), strict=False):
        small: dict[str, Any] = {"marker": "o", "markersize": 3}
        _line(axes, means, "train_loss", linestyle=TRAIN_LINE, color=TRAIN, **small)
        _line(axes, means, "val_loss", color=VAL, **small)
        at = overfit.get(value)
        if at is not None:
            axes.axvspan(at, int(means.index.max()), color=TRAIN, alpha=0.12, linewidth=0)
            _ring(axes, at, float(means["val_loss"][at]), VAL)
        axes.set_title(wrapped(value, 36), fontsize="medium")
        axes.grid(alpha=0.3)
    for axes in list(grid.flat)[len(curves) :]:
        axes.set_visible(False)
    for column in range(num_columns):  # the lowest panel of each column names the epochs
        lowest = [axes for axes in grid[:, column] if axes.get_visible()][-1]
        lowest.set_xlabel("Epoch")
        lowest.tick_params(labelbottom=True)
    for axes in grid[:, 0]:
        axes.set_ylabel(_PANELS["loss"])
    grid[0, 0].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if last == 1:
        grid[0, 0].set_xlim(0.5, 1.5)
    _loss_limits(grid[0, 0], curves)
    shaded = Rectangle((0, 0), 1, 1, color=TRAIN, alpha=0.12, label="overfits")
    figure.legend(
        handles=[
            Line2D([], [], color=VAL, label="validation"),
            Line2D([], [], color=TRAIN, linestyle=TRAIN_LINE, label="train"),
            *_fewer_handle(curves),
            *_ring_handle(overfit),
            *([shaded] if _ring_handle(overfit) else []),
        ],
        loc="outside lower center",
        ncols=5,
        fontsize="small",
    )
    return png(figure)


def _line(axes: Axes, means: pd.DataFrame, name: str, **look: Any) -> None:
    """A line of means, dashed from where they are over fewer trials than it began with."""
    epochs, values = means.index.to_numpy(), means[name].to_numpy()
    whole = int((means["num_trials"] == means["num_trials"].iloc[0]).sum())
    axes.plot(epochs[:whole], values[:whole], **look)
    if whole < len(means):
        axes.plot(epochs[whole - 1 :], values[whole - 1 :], **look | {"linestyle": FEWER_LINE})


def _fewer_handle(curves: Mapping[str, pd.DataFrame]) -> list[Line2D]:
    if all(means["num_trials"].nunique() == 1 for means in curves.values()):
        return []
    return [Line2D([], [], color=FAINT, linestyle=FEWER_LINE, label="over fewer trials")]


def _legend_columns(labels: Mapping[str, Any]) -> int:
    longest = max(map(len, labels))
    return max(1, min(6, len(labels) + 3, 150 // (longest + 8)))


def _epoch_axis(axes: Axes, label: str) -> None:
    axes.set(xlabel="Epoch", ylabel=label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(alpha=0.3)


def _loss_limits(axes: Axes, curves: Mapping[str, pd.DataFrame]) -> None:
    """Keep one wild epoch from pressing all the other curves flat."""
    losses = np.concatenate(
        [means[["train_loss", "val_loss"]].to_numpy().ravel() for means in curves.values()]
    )
    losses = losses[np.isfinite(losses)]
    if len(losses):
        usual = float(np.percentile(losses, 97)) * 1.5
        if losses.max() > usual:
            axes.set_ylim(0, usual)


def _ring(axes: Axes, epoch: int, loss: float, colour: Any) -> None:
    axes.plot(
        [epoch], [loss], "o", markersize=13, fillstyle="none", color=colour, markeredgewidth=1.8
    )


def _ring_handle(overfit: Mapping[str, int | None]) -> list[Line2D]:
    if all(epoch is None for epoch in overfit.values()):
        return []
    label = "overfitting begins"
    style: dict[str, Any] = {"linestyle": "", "marker": "o", "markersize": 11}
    return [
        Line2D([], [], color=FAINT, fillstyle="none", markeredgewidth=1.8, label=label, **style)
    ]


def _until_handle(until: int | None) -> list[Line2D]:
    if until is None:
        return []
    return [Line2D([], [], color=FAINT, linestyle=":", label=f"compared up to epoch {until}")]
