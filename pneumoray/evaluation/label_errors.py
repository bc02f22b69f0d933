"""Label errors: images whose label the models, which have not learned from it, contradict."""

import numpy as np
import pandas as pd

from pneumoray.data.manifest import Finding
from pneumoray.predictions import Predictions

_WEAK_AUROC = 0.8  # of models whose doubts say more about them than about the labels


def suspects(predictions: Predictions) -> pd.DataFrame:
    """The images of out-of-sample predictions that are likely labelled wrongly, the likeliest first.

    Confident learning (Northcutt, Jiang, Chuang, JAIR 70, 2021), its confident joint: an image is
    counted as of class j where its probability of j is at least the mean that the images labelled j
    have, and of the largest where that holds for several. Those counted as of another class than
    their label, and called another, are listed, by their normalized margin: the probability of the
    label, less the largest of another class.

    Columns: image, patient (its group), label and suggested (names of classes), and the probability
    of each: prob_label, prob_suggested.
    """
    labels, probs = predictions.labels, predictions.probs
    rows = np.arange(len(labels))
    counted = np.where(probs >= _thresholds(labels, probs), probs, -np.inf)
    suggested = counted.argmax(axis=1)
    doubted = (counted.max(axis=1) > 0) & (suggested != labels) & (probs.argmax(axis=1) != labels)
    others = probs.copy()
    others[rows, labels] = -np.inf
    margin = probs[rows, labels] - others.max(axis=1)
    table = pd.DataFrame(
        {
            "image": predictions.image_ids,
            "patient": predictions.groups,
            "label": [predictions.classes[label] for label in labels],
            "suggested": [predictions.classes[label] for label in suggested],
            "prob_label": probs[rows, labels],
            "prob_suggested": probs[rows, suggested],
        }
    )
    order = np.lexsort((table["image"], margin))
    return table.iloc[order[doubted[order]]].reset_index(drop=True)


def findings(listed: pd.DataFrame, num_judged: int, val_auroc: float) -> list[Finding]:
    """What `suspects` listed of `num_judged` images, as a note, its images the likeliest first."""
    if listed.empty:
        return []
    first, num = listed.iloc[0], len(listed)
    weak = "; most may be mistakes of the models, which are weak" if val_auroc < _WEAK_AUROC else ""
    message = (
        f"{num} of {num_judged} validation images {'is' if num == 1 else 'are'} likely labelled wrongly, "
        f"such as {first['image']}, which is labelled {first['label']} and looks like "
        f"{first['suggested']}: look at each, and correct the labels that are wrong{weak}"
    )
    return [Finding("label-error", "note", message, tuple(listed["image"]))]


def _thresholds(labels: np.ndarray, probs: np.ndarray) -> np.ndarray:
    """Of each class, the mean probability that its own images have of it; inf where it has none."""
    own = np.eye(probs.shape[1])[labels]
    num_images = own.sum(axis=0)
    means = (own * probs).sum(axis=0) / np.maximum(num_images, 1)
    return np.where(num_images > 0, means, np.inf)
