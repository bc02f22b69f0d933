"""Pictures of predictions, as PNG bytes: who is called what, ROC curves, reliability.

`Figure` objects, never pyplot: no global state, no window, safe in any thread. The same input gives
the same bytes. `of` says in the title what is shown: a model or a study, and the split.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from sklearn.calibration import calibration_curve
from sklearn.metrics import roc_curve

from pneumoray.evaluation.fonts import readable
from pneumoray.evaluation.metrics import auroc
from pneumoray.evaluation.style import (
    DPI,
    FAINT,
    LINES,
    THRESHOLD,
    VAL,
    entitle,
    explain,
    png,
    styles,
    wrapped,
)
from pneumoray.evaluation.titles import title

_MOST_NUMBERED = 20  # classes; a larger confusion matrix is shown by colour alone


def confusion_matrix(
    matrix: np.ndarray, classes: Sequence[str], of: str = "", threshold: float | None = None
) -> bytes:
    """Counts, and the share of each true class, as a grid; `matrix` (C, C): rows are the truth.

    `threshold` is the one that it was counted at, None for 0.5 or several classes.
    """
    num_classes = len(classes)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    names = [wrapped(readable(name), 24) for name in classes]
    longest = max(len(line) for name in names for line in name.split("\n"))
    is_turned = num_classes > 3 or longest > 14
    side = max(3.5, 1.2 + 0.75 * num_classes)
    width, height = side + 2 + 0.08 * longest, side + 1 + (0.08 * longest if is_turned else 0)
    figure = Figure(figsize=(min(width, 17), min(height, 17)), dpi=DPI, layout="constrained")
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
    axes.set_xticks(range(num_classes), names)
    axes.set_yticks(range(num_classes), names)
    if is_turned:
        axes.tick_params(axis="x", labelrotation=90)
    axes.set(xlabel="Predicted class", ylabel="True class")
    entitle(figure, "Confusion matrix", of, decision(classes, threshold))
    bar = figure.colorbar(image, ax=axes, format=PercentFormatter(1), shrink=0.8)
    bar.set_label("Share of the true class")
    return png(figure)


def roc_curves(
    models: Mapping[str, tuple[np.ndarray, np.ndarray, float | None]],
    classes: Sequence[str],
    of: str = "",
) -> bytes:
    """One curve per model of `{name: (labels, probs, threshold)}`, with a mark at its threshold.

    Of several classes the mean of each against the rest, without thresholds.
    """
    figure = Figure(figsize=(5.8, 6), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    style_of = styles(list(models), in_order=False)
    for i, (name, (labels, probs, threshold)) in enumerate(models.items()):
        look = style_of[name] | {"linestyle": LINES[i % len(LINES)], "markersize": 8}
        area = auroc(labels, probs)
        if np.isnan(area):  # one class only: no curve
            axes.plot([], [], **look, label=f"{name} (AUROC undefined)")
            continue
        false, true, cuts = _roc(labels, probs)
        label = f"{name} (AUROC {area:.3f}"
        if threshold is None:
            axes.plot(false, true, **look | {"marker": ""}, label=f"{label})")
        else:  # the last point whose images are all called positive
            mark = [int(np.sum(cuts >= threshold)) - 1]
            label = f"{label}, threshold {threshold:.3f})"
            axes.plot(false, true, **look, markevery=mark, label=label)
    axes.plot([0, 1], [0, 1], color=FAINT, linestyle="--", linewidth=0.8, label="chance")
    positive = classes[1] if len(classes) == 2 else None
    axes.set(
        xlabel=wrapped(f"False positive rate: 1 - {title('specificity', positive)}", 56),
        ylabel=wrapped(f"True positive rate: {title('sensitivity', positive)}", 56),
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.02),
        aspect="equal",
    )
    which = positive or "each class against the rest, averaged"
    entitle(figure, f"ROC of {which}", of)  # each model has a threshold of its own
    explain(axes, loc="lower right")
    return png(figure)


def reliability(
    labels: np.ndarray,
    probs: np.ndarray,
    classes: Sequence[str],
    of: str = "",
    threshold: float | None = None,
    num_bins: int = 10,
) -> bytes:
    """Predicted probability against observed share in bins of equal width, and how full they are.

    Of the positive class with two classes, with its threshold; else of the class called.
    """
    if probs.shape[1] == 2:
        happened, predicted, what = labels == 1, probs[:, 1], f"probability of {classes[1]}"
    else:
        happened, predicted = labels == probs.argmax(axis=1), probs.max(axis=1)
        what = "probability of the class called"
    figure = Figure(figsize=(5.8, 6.4), dpi=DPI, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    predicted = np.clip(predicted, 0, 1)
    shares, means = calibration_curve(happened, predicted, n_bins=num_bins, pos_label=True)
    upper.plot([0, 1], [0, 1], color=FAINT, linestyle="--", linewidth=0.8, label="perfect")
    upper.plot(means, shares, marker="o", color=VAL, label="observed")
    upper.set(ylabel="Observed share", ylim=(-0.02, 1.02))
    lower.hist(predicted, bins=np.linspace(0, 1, num_bins + 1), color=VAL, alpha=0.7)
    lower.set(xlabel=wrapped(f"Predicted {what}", 56), ylabel="Images", xlim=(-0.02, 1.02))
    if threshold is not None:
        for axes in (upper, lower):
            axes.axvline(
                threshold, color=THRESHOLD, linestyle=":", label=f"threshold {threshold:.3f}"
            )
    lower.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    lower.grid(alpha=0.3)
    entitle(figure, f"Reliability: {what}", of, decision(classes, threshold))
    explain(upper, loc="upper left")
    return png(figure)


def decision(classes: Sequence[str], threshold: float | None) -> str:
    """How a class is called from probabilities, in words; of two classes at 0.5 unless given."""
    if len(classes) > 2:
        return "called by the largest probability"
    return f"called {classes[1]} at a probability of {0.5 if threshold is None else threshold:.3f} or more"


def _roc(labels: np.ndarray, probs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """False and true positive rates, and the probability from which images are called positive.

    Of several classes averaged over those present on a grid of false positive rates, without it.
    """
    if probs.shape[1] == 2:
        return roc_curve(labels, probs[:, 1], pos_label=1, drop_intermediate=False)
    curves = [roc_curve(labels == c, probs[:, c]) for c in np.unique(labels)]
    grid = np.unique(np.concatenate([false for false, _, _ in curves]))
    true = np.mean([np.interp(grid, false, true) for false, true, _ in curves], axis=0)
    return np.append(0, grid), np.append(0, true), np.array([])
