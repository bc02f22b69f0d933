"""What a trial leaves to look at: curves, confusion matrix, scores per class, its worst mistakes."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from pneumoray import artifact, checkpoint
from pneumoray.data.pack import Pack
from pneumoray.epochs import State
from pneumoray.evaluation import metrics
from pneumoray.predictions import Predictions
from pneumoray.training.trial import Trial

_MOST_MISTAKES = 12  # that one picture shows


def write(trial: Trial, state: State, pack: Pack) -> None:
    """Write the files into the trial's folder, from validation at its best epoch, for MLflow."""
    from pneumoray.evaluation import plots, trial_plots

    val = checkpoint.val_predictions(trial.folder)
    matrix = metrics.confusion(val.labels, val.probs)
    of = f"{trial.id}, validation"
    how = plots.decision(val.classes, None)
    pictures = {
        "curves.png": trial_plots.learning_curves(
            [asdict(record) for record in state.records], trial.id
        ),
        "confusion.png": plots.confusion_matrix(matrix, val.classes, of),
        "mistakes.png": trial_plots.mistakes(*_mistakes(val, pack), of, how),
    }
    for name, png in pictures.items():
        artifact.write_bytes(trial.folder / name, png)
    tables = {
        "epochs.csv": pd.DataFrame([asdict(record) for record in state.records]),
        "per_class.csv": _per_class(val),
        "confused.csv": _confused(matrix, val.classes),
    }
    for name, table in tables.items():
        artifact.write_text(trial.folder / name, table.to_csv(index=False))


def _per_class(val: Predictions) -> pd.DataFrame:
    """One row a class, each against the rest, and their mean."""
    scores = metrics.per_class(val.labels, val.probs)
    mean = {"class": "mean of classes", "num_images": len(val.labels)}
    mean |= metrics.macro_average(scores)
    named = scores.reset_index(drop=True)
    named.insert(0, "class", val.classes)
    return pd.concat([named, pd.DataFrame([mean])], ignore_index=True)


def _confused(matrix: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """Pairs of classes that were taken for each other, the most often first; `matrix` (C, C) counts."""
    pairs = [
        (classes[true], classes[called], int(matrix[true, called]), int(matrix[true].sum()))
        for true, called in zip(*np.nonzero(matrix), strict=True)
        if true != called
    ]
    table = pd.DataFrame(pairs, columns=["class", "called", "num_images", "of_class"])
    return table.sort_values("num_images", ascending=False, kind="stable")


def _mistakes(val: Predictions, pack: Pack) -> tuple[list[np.ndarray], list[str], list[str]]:
    """Pixels, titles and file names of the images that were called wrong, the surest first."""
    called = metrics.predicted(val.probs)
    wrong = np.flatnonzero(called != val.labels)
    surest = wrong[np.argsort(-val.probs[wrong, called[wrong]], kind="stable")][:_MOST_MISTAKES]
    row_of = {image_id: row for row, image_id in enumerate(pack.manifest.images["id"])}
    titles = [
        f"{val.classes[val.labels[i]]}\ncalled {val.classes[called[i]]} {val.probs[i, called[i]]:.0%}"
        for i in surest
    ]
    ids = [val.image_ids[i] for i in surest]
    files = [PurePosixPath(image_id).name for image_id in ids]
    return [pack.pixels[row_of[image_id]] for image_id in ids], titles, files
