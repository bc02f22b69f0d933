"""Pictures of training and of predictions, as PNG bytes.

`Figure` objects, never pyplot: no global state, no window, safe in any thread. The same input gives
the same bytes.
"""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from sklearn.calibration import calibration_curve
from sklearn.metrics import roc_curve

from pneumoray.evaluation.metrics import auroc

DPI = 120
_MOST_NUMBERED = 20  # classes; a larger confusion matrix is shown by colour alone
_TRAIN, _VAL, FAINT = "#d97706", "#1d4ed8", "#6b7280"


def learning_curves(records: Sequence[Mapping[str, Any]], title: str = "") -> bytes:
    """Loss and AUROC per epoch, train and validation; the best epoch is marked.

    A record holds train_loss, val_loss, train_auroc, val_auroc (None or nan leaves a gap) and may
    hold `epoch`, else they count from 1. Best: largest val_auroc, the smaller val_loss breaks ties.
    """
    epochs = [int(record.get("epoch", i)) for i, record in enumerate(records, start=1)]
    figure = Figure(figsize=(10, 4), dpi=DPI, layout="constrained")
    figure.suptitle(title or "Learning curves")
    best = _best(records)
    panels = zip(figure.subplots(1, 2), ("loss", "auroc"), ("Loss (nats)", "AUROC"), strict=True)
    for axes, name, label in panels:
        train, val = _values(records, f"train_{name}"), _values(records, f"val_{name}")
        axes.plot(epochs, train, marker="o", markersize=3, color=_TRAIN, label="train")
        axes.plot(epochs, val, marker="o", markersize=3, color=_VAL, label="validation")
        if best is not None:
            at, found = epochs[best], f"best epoch {epochs[best]}: {val[best]:.3f}"
            axes.axvline(at, color=FAINT, linestyle=":", linewidth=1)
            axes.plot([at], [val[best]], "*", markersize=14, color=_VAL, label=found)
        axes.set(xlabel="Epoch", ylabel=label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        _finish(axes)
    return png(figure)


def confusion_matrix(
    matrix: np.ndarray, classes: Sequence[str], title: str = "Confusion matrix"
) -> bytes:
    """Counts, and the share of each true class, as a grid; `matrix` (C, C): rows are the truth."""
    num_classes = len(classes)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    side = min(max(4.5, 2.2 + 0.75 * num_classes), 16)
    figure = Figure(figsize=(side + 1, side), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(matrix.shape) if num_classes <= _MOST_NUMBERED else ():
        axes.text(
            column,
            row,
            f"{matrix[row, column]}\n{shares[row, column]:.1%}",
            ha="center",
            va="center",
            fontsize=10 if num_classes < 5 else 7,
            color="white" if shares[row, column] > 0.5 else "black",
        )
    ticks = range(num_classes)
    axes.set_xticks(ticks, classes)
    if num_classes > 3:
        axes.tick_params(axis="x", labelrotation=90)
    axes.set_yticks(ticks, classes)
    axes.set(xlabel="Predicted class", ylabel="True class", title=title)
    bar = figure.colorbar(image, ax=axes, format=PercentFormatter(1), shrink=0.8)
    bar.set_label("Share of the true class")
    return png(figure)


def roc_curves(
    models: Mapping[str, tuple[np.ndarray, np.ndarray]], title: str = "ROC curves"
) -> bytes:
    """One curve per model of `{name: (labels, probs)}`; the macro average if several classes."""
    figure = Figure(figsize=(5.8, 5.5), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    several = False
    for name, (labels, probs) in models.items():
        several = several or probs.shape[1] > 2
        area = auroc(labels, probs)
        if np.isnan(area):  # one class only: no curve
            axes.plot([], [], label=f"{name} (AUROC undefined)")
        else:
            axes.plot(*_roc(labels, probs), label=f"{name} (AUROC {area:.3f})")
    axes.plot([0, 1], [0, 1], color=FAINT, linestyle="--", linewidth=1, label="chance")
    axes.set(
        xlabel="False positive rate (1 - specificity)",
        ylabel="True positive rate (sensitivity)",
        title=f"{title}, one-vs-rest average" if several else title,
        xlim=(-0.01, 1.01),
        ylim=(-0.01, 1.01),
        aspect="equal",
    )
    _finish(axes, loc="lower right")
    return png(figure)


def reliability(
    labels: np.ndarray, probs: np.ndarray, title: str = "Reliability", num_bins: int = 10
) -> bytes:
    """Predicted probability against observed share in bins of equal width, and how full they are.

    Of class 1 with two classes, else of the class called.
    """
    if probs.shape[1] == 2:
        happened, predicted, what = labels == 1, probs[:, 1], "probability of class 1"
    else:
        happened, predicted = labels == probs.argmax(axis=1), probs.max(axis=1)
        what = "probability of the class called"
    figure = Figure(figsize=(5.5, 6), dpi=DPI, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    predicted = np.clip(predicted, 0, 1)
    shares, means = calibration_curve(happened, predicted, n_bins=num_bins, pos_label=True)
    upper.plot([0, 1], [0, 1], color=FAINT, linestyle="--", linewidth=1, label="perfect")
    upper.plot(means, shares, marker="o", color=_VAL, label="observed")
    upper.set(ylabel="Observed share", title=title, ylim=(-0.02, 1.02))
    lower.hist(predicted, bins=np.linspace(0, 1, num_bins + 1), color=_VAL, alpha=0.7)
    lower.set(xlabel=f"Predicted {what}", ylabel="Images", xlim=(-0.02, 1.02))
    lower.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    lower.grid(alpha=0.3)
    _finish(upper, loc="upper left")
    return png(figure)


def mistakes(images: Sequence[np.ndarray], titles: Sequence[str]) -> bytes:
    """A grid of images (H, W, C) uint8 under their titles; a line of words where there are none."""
    columns = 4
    rows = max(1, -(-len(images) // columns))
    height = 3.0 * rows + 0.4
    figure = Figure(figsize=(2.6 * columns, height), dpi=DPI)  # a layout engine takes a second here
    figure.suptitle("Validation images called wrong, the surest first", y=1 - 0.2 / height)
    edges = {"left": 0.01, "right": 0.99, "bottom": 0.05 / height, "top": 1 - 0.85 / height}
    cells = figure.add_gridspec(rows, columns, wspace=0.05, hspace=0.2, **edges)
    for i, (image, title) in enumerate(zip(images, titles, strict=True)):
        axes = figure.add_subplot(cells[divmod(i, columns)])
        axes.set_axis_off()
        axes.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=255)
        axes.set_title(title, fontsize=9)
    if not images:
        figure.text(0.5, 0.5, "none: every validation image was called right", ha="center")
    return png(figure)


def _roc(labels: np.ndarray, probs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """False and true positive rates; averaged over the classes present on a grid if several."""
    if probs.shape[1] == 2:
        false, true, _ = roc_curve(labels, probs[:, 1], pos_label=1)
        return false, true
    curves = [roc_curve(labels == c, probs[:, c]) for c in np.unique(labels)]
    grid = np.unique(np.concatenate([false for false, _, _ in curves]))
    true = np.mean([np.interp(grid, false, true) for false, true, _ in curves], axis=0)
    return np.append(0, grid), np.append(0, true)


def _best(records: Sequence[Mapping[str, Any]]) -> int | None:
    """Index of the best record; None when no epoch has a validation AUROC."""
    aurocs, losses = _values(records, "val_auroc"), _values(records, "val_loss")
    scored = np.flatnonzero(~np.isnan(aurocs))
    if not len(scored):
        return None
    return int(max(scored, key=lambda i: (aurocs[i], -losses[i])))


def _values(records: Sequence[Mapping[str, Any]], name: str) -> np.ndarray:
    return np.array([record.get(name) for record in records], dtype=float)  # None becomes nan


def _finish(axes: Axes, **legend: Any) -> None:
    axes.grid(alpha=0.3)
    axes.legend(frameon=True, fontsize="small", **legend)


def png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
