"""Scores of a classifier: labels and class probabilities in, numbers out.

`labels` is (N,) int64, an index into the classes; `probs` is (N, C) in [0, 1], rows sum to one.

With two classes, class 1 is the positive one, as `data.classes` orders them, and an image is called
positive when `probs[:, 1] >= threshold` (0.5 unless given). With more classes the largest
probability decides, and sensitivity, specificity, precision and F1 are one-vs-rest averages over
the classes that occur in `labels`, equally weighted (macro). A score that the labels leave
undefined is nan: AUROC when there is one class only, sensitivity without positives, specificity
without negatives. Precision is 0 when nothing was called positive.
"""

import numpy as np
import pandas as pd
from sklearn.metrics import confusion_matrix, roc_auc_score

METRICS = (
    "accuracy",
    "auroc",
    "sensitivity",
    "specificity",
    "precision",
    "f1",
    "brier",
    "log_loss",
)
PER_CLASS = ("sensitivity", "specificity", "precision", "f1", "auroc")


def evaluate(
    labels: np.ndarray, probs: np.ndarray, threshold: float | None = None
) -> dict[str, float]:
    """Every score of METRICS. `threshold` is for two classes only (ValueError with more)."""
    matrix = confusion(labels, probs, threshold)
    scores = {name: float(value) for name, value in scores_of_confusion(matrix).items()}
    scores |= {
        "auroc": auroc(labels, probs),
        "brier": float(image_brier(labels, probs).mean()),
        "log_loss": log_loss(labels, probs),
    }
    return {name: scores[name] for name in METRICS}


def predicted(probs: np.ndarray, threshold: float | None = None) -> np.ndarray:
    """The class that each image is called, (N,) int64."""
    if probs.shape[1] == 2:
        return (probs[:, 1] >= (0.5 if threshold is None else threshold)).astype(np.int64)
    if threshold is not None:
        raise ValueError(f"a threshold needs two classes, got {probs.shape[1]}")
    return probs.argmax(axis=1)


def confusion(labels: np.ndarray, probs: np.ndarray, threshold: float | None = None) -> np.ndarray:
    """Counts, (C, C) int: row the true class, column the called one."""
    classes = np.arange(probs.shape[1])
    return confusion_matrix(labels, predicted(probs, threshold), labels=classes)


def accuracy(labels: np.ndarray, probs: np.ndarray, threshold: float | None = None) -> float:
    return float((predicted(probs, threshold) == labels).mean())


def auroc(labels: np.ndarray, probs: np.ndarray) -> float:
    """Area under the ROC curve; one-vs-rest, averaged over the classes present, if several."""
    if len(present := np.unique(labels)) < 2:
        return float("nan")
    columns = [1] if probs.shape[1] == 2 else present
    return float(np.mean([roc_auc_score(labels == c, probs[:, c]) for c in columns]))


def log_loss(labels: np.ndarray, probs: np.ndarray) -> float:
    """Mean negative log likelihood in nats, of probabilities clipped to 1e-15 from below."""
    return float(image_log_loss(labels, probs).mean())


def per_class(
    labels: np.ndarray, probs: np.ndarray, threshold: float | None = None
) -> pd.DataFrame:
    """One row a class, each against the rest: num_images and the columns of PER_CLASS."""
    matrix = confusion(labels, probs, threshold)
    aurocs = [auroc((labels == c).astype(int), _versus_rest(probs, c)) for c in range(len(matrix))]
    columns = {"num_images": matrix.sum(axis=1)} | _one_versus_rest(matrix) | {"auroc": aurocs}
    return pd.DataFrame(columns).rename_axis("class")


def macro_average(table: pd.DataFrame) -> dict[str, float]:
    """The mean of each column of PER_CLASS over the classes of `per_class` that have images."""
    present = table[table["num_images"] > 0]
    return {name: float(present[name].mean(skipna=False)) for name in PER_CLASS}


def image_log_loss(labels: np.ndarray, probs: np.ndarray) -> np.ndarray:
    """Negative log likelihood of each image, (N,) float64."""
    true_probs = probs[np.arange(len(labels)), labels].astype(np.float64)
    return -np.log(np.clip(true_probs, 1e-15, None))


def image_brier(labels: np.ndarray, probs: np.ndarray) -> np.ndarray:
    """Squared error of each image, (N,): of P(class 1), or summed over more than two classes."""
    squared = (probs - np.eye(probs.shape[1])[labels]) ** 2
    return squared[:, 1] if probs.shape[1] == 2 else squared.sum(axis=1)


def scores_of_confusion(matrices: np.ndarray) -> dict[str, np.ndarray]:
    """Accuracy, sensitivity, specificity, precision, F1 of confusion matrices (..., C, C)."""
    total, num_labels = matrices.sum(axis=(-2, -1)), matrices.sum(axis=-1)
    correct = matrices.diagonal(axis1=-2, axis2=-1).sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = {"accuracy": correct / total}
        for name, values in _one_versus_rest(matrices).items():
            if matrices.shape[-1] == 2:
                scores[name] = values[..., 1]
            else:
                present = num_labels > 0
                scores[name] = np.where(present, values, 0).sum(axis=-1) / present.sum(axis=-1)
    return scores


def _one_versus_rest(matrices: np.ndarray) -> dict[str, np.ndarray]:
    """Sensitivity, specificity, precision and F1 of each class, (..., C); nan where undefined."""
    hits = matrices.diagonal(axis1=-2, axis2=-1)
    num_labels, num_called = matrices.sum(axis=-1), matrices.sum(axis=-2)
    num_others = matrices.sum(axis=(-2, -1))[..., None] - num_labels
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "sensitivity": hits / num_labels,
            "specificity": (num_others - num_called + hits) / num_others,
            "precision": np.where(num_called > 0, hits / num_called, 0.0),
            "f1": 2 * hits / (num_labels + num_called),
        }


def _versus_rest(probs: np.ndarray, column: int) -> np.ndarray:
    return np.stack([1 - probs[:, column], probs[:, column]], axis=1)
