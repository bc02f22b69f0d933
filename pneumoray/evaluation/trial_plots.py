"""Pictures of one trial, as PNG bytes: its learning curves, and the images that it calls wrong.

Drawn as those of `plots` are.
"""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pneumoray.evaluation.fonts import readable
from pneumoray.evaluation.style import DPI, FAINT, TRAIN, TRAIN_LINE, VAL, entitle, explain, png


def learning_curves(records: Sequence[Mapping[str, Any]], of: str = "") -> bytes:
    """Loss and AUROC per epoch, train and validation; the best epoch is marked.

    A record holds train_loss, val_loss, train_auroc, val_auroc (None or nan leaves a gap) and may
    hold `epoch`, else they count from 1. Best: largest val_auroc, the smaller val_loss breaks ties.
    """
    epochs = [int(record.get("epoch", i)) for i, record in enumerate(records, start=1)]
    figure = Figure(figsize=(10, 4), dpi=DPI, layout="constrained")
    entitle(figure, "Learning curves", of)
    best = _best(records)
    panels = zip(figure.subplots(1, 2), ("loss", "auroc"), ("Loss (nats)", "AUROC"), strict=True)
    for axes, name, label in panels:
        train, val = _values(records, f"train_{name}"), _values(records, f"val_{name}")
        axes.plot(epochs, train, TRAIN_LINE, marker="s", color=TRAIN, markersize=3, label="train")
        axes.plot(epochs, val, marker="o", color=VAL, markersize=3, label="validation")
        if best is not None:
            at, found = epochs[best], f"best epoch {epochs[best]}: {val[best]:.3f}"
            axes.axvline(at, color=FAINT, linestyle="--", linewidth=0.8)
            axes.plot([at], [val[best]], "*", markersize=14, color=VAL, label=found)
        axes.set(xlabel="Epoch", ylabel=label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        explain(axes)
    return png(figure)


def mistakes(
    images: Sequence[np.ndarray],
    titles: Sequence[str],
    files: Sequence[str],
    of: str = "",
    how: str = "",
) -> bytes:
    """A grid of images (H, W, C) uint8 under their titles, over their files' names.

    `how` says how they were called, as `decision` does. One line of words where there are none.
    """
    columns = 4
    rows = max(1, -(-len(images) // columns))
    height = 3.2 * rows + 0.7
    figure = Figure(figsize=(2.6 * columns, height), dpi=DPI)  # a layout engine takes a second here
    heading = f"Called wrong, the surest first: {of}\n{how}"
    figure.suptitle(heading, y=1 - 0.1 / height, fontsize="large")
    edges = {"left": 0.01, "right": 0.99, "bottom": 0.5 / height, "top": 1 - 1.15 / height}
    cells = figure.add_gridspec(rows, columns, wspace=0.05, hspace=0.35, **edges)
    for i, (image, title, file) in enumerate(zip(images, titles, files, strict=True)):
        axes = figure.add_subplot(cells[divmod(i, columns)])
        axes.set_axis_off()
        axes.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=255)
        axes.set_title(title, fontsize=9)
        name = "\n".join(textwrap.wrap(readable(file), 36)[-2:])  # the end tells files apart
        axes.text(0.5, -0.02, name, transform=axes.transAxes, ha="center", va="top", fontsize=7)
    if not images:
        figure.text(0.5, 0.5, "none: every image was called right", ha="center")
    return png(figure)


def _best(records: Sequence[Mapping[str, Any]]) -> int | None:
    """Index of the best record; None when no epoch has a validation AUROC."""
    aurocs, losses = _values(records, "val_auroc"), _values(records, "val_loss")
    scored = np.flatnonzero(~np.isnan(aurocs))
    if not len(scored):
        return None
    return int(max(scored, key=lambda i: (aurocs[i], -losses[i])))


def _values(records: Sequence[Mapping[str, Any]], name: str) -> np.ndarray:
    return np.array([record.get(name) for record in records], dtype=float)  # None becomes nan
