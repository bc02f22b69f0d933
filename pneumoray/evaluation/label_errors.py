"""Label errors: images whose label the models, which have not learned from it, contradict."""

import numpy as np
import pandas as pd

from pneumoray.data.manifest import Finding
from pneumoray.evaluation.calibration import calibrate
from pneumoray.predictions import Predictions

_ROUNDING = 1e-6  # of a mean
_WEAK_AUROC = 0.8  # of models whose doubts say more about them than about the labels


def suspects(predictions: Predictions) -> pd.DataFrame:
    """The images of out-of-sample predictions that may be labelled wrongly, the likeliest first.

    They are those of `doubted`, by the calibrated probability of the class that they look like.
    Columns: image, patient (its group), class (its label) and looks_like, and the calibrated
    probability of each: prob_class, prob_looks_like.
    """
    labels, rows = predictions.labels, np.arange(len(predictions.labels))
    probs = calibrate(labels, predictions.probs)
    looks_like = doubted(labels, probs)
    table = pd.DataFrame(
        {
            "image": predictions.image_ids,
            "patient": predictions.groups,
            "class": [predictions.classes[label] for label in labels],
            "looks_like": [predictions.classes[label] for label in looks_like],
            "prob_class": probs[rows, labels],
            "prob_looks_like": probs[rows, looks_like],
        }
    )[looks_like != labels]
    margin = table["prob_class"] - table["prob_looks_like"]
    order = np.lexsort((table["image"], margin))
    return table.iloc[order].reset_index(drop=True)


def doubted(labels: np.ndarray, probs: np.ndarray) -> np.ndarray:
    """The class that each image looks like, (N,): its label, but where that is likely an error.

    Confident learning (Northcutt, Jiang, Chuang, JAIR 70, 2021), the off-diagonal of its confident
    joint: an image is counted as of class j where its probability of j is at least the mean that
    the images labelled j have, and of the likeliest where that holds for several. An image that is
    counted as of another class than its label, and has another as its likeliest, is doubted.
    `labels` is (N,), `probs` (N, C), out of sample.
    """
    own = np.eye(probs.shape[1])[labels]
    num_images = own.sum(axis=0)
    means = np.where(num_images > 0, (own * probs).sum(axis=0) / np.maximum(num_images, 1), np.inf)
    counted = np.where(probs >= means - _ROUNDING, probs, 0)
    is_doubted = (counted.max(axis=1) > 0) & (probs.argmax(axis=1) != labels)
    return np.where(is_doubted, counted.argmax(axis=1), labels)


def findings(listed: pd.DataFrame, num_judged: int, val_auroc: float) -> list[Finding]:
    """What `suspects` listed of `num_judged` images, as a note, its images the likeliest first."""
    if listed.empty:
        return []
    first, num = listed.iloc[0], len(listed)
    weak = "; most may be mistakes of the models, which are weak" if val_auroc < _WEAK_AUROC else ""
    message = (
        f"{num} of {num_judged} validation images may be labelled wrongly, "
        f"such as {first['image']}, which is labelled {first['class']} and looks like "
        f"{first['looks_like']}: look at each, and correct the labels that are wrong{weak}"
    )
    return [Finding("label-error", "note", message, tuple(listed["image"]))]
