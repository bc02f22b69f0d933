"""The pictures of a Comparison, with their captions."""

import math

import pandas as pd

from pneumoray.comparing.axes import with_unit
from pneumoray.comparing.comparison import Comparison
from pneumoray.evaluation import compare_curves, compare_plots
from pneumoray.evaluation.page import Picture

MOST_VALUES = 12  # that curves of one picture can be told apart by


def pictures(comparison: Comparison) -> list[Picture]:
    """Learning curves, loss per value, score against time; a heat map first where two axes cross.

    With more than twelve values, the curves and points are those of the twelve best.
    """
    by = " and ".join(map(with_unit, comparison.by))
    best_first = sorted(comparison.values, key=lambda value: -value.mean)[:MOST_VALUES]
    shown = [value for value in comparison.values if value in best_first]
    of_all = (
        f"{len(shown)} values" if len(shown) == len(comparison.values) else "twelve best values"
    )
    curves = {value.label: value.curves for value in shown}
    overfit = {value.label: value.overfit_epoch for value in shown}
    best = comparison.best
    top = f"best is {best.label} with {best.mean:.4f}"
    found = []
    if len(comparison.by) == 2:
        means, deviations = comparison.grid()
        found.append(
            Picture(
                "heat-map",
                compare_plots.heat_map(
                    means.rename_axis(
                        index=with_unit(comparison.by[0]), columns=with_unit(comparison.by[1])
                    ),
                    deviations,
                ),
                f"Mean score of each combination of {by}; hatched: not trained.",
                f"Heat map of the validation AUROC by {by}; {top}.",
            )
        )
    begins = [f"{label} from epoch {at}" for label, at in overfit.items() if at is not None]
    where = f"Overfitting begins: {', '.join(begins)}." if begins else "No value overfits for good."
    overlaid = compare_curves.overlaid_curves(
        curves, overfit, by, in_order=comparison.has_numbers, until=comparison.until
    )
    found += [
        Picture(
            "curves",
            overlaid,
            "Means over the trials of each value, dashed where some have stopped and others go on. Training "
            "is measured while the epoch runs, with dropout and augmentation, validation after it.",
            f"Loss, AUROC and accuracy per epoch for the {of_all} of {by}. {where}",
        ),
        Picture(
            "overfitting",
            compare_curves.curves_apart(curves, overfit, by),
            "Where the dotted line of training goes on falling and that of validation rises for good, the "
            f"network learns its training images by heart. {where}",
            f"Training and validation loss per epoch, one panel for each of the {of_all}. {where}",
        ),
        Picture(
            "score-time",
            compare_plots.score_against_time(
                pd.DataFrame(
                    {
                        "minutes": [value.minutes for value in shown],
                        "minutes_sd": [_or_nan(value.minutes_sd) for value in shown],
                        "val_auroc": [value.mean for value in shown],
                        "val_auroc_sd": [_or_nan(value.sd) for value in shown],
                    },
                    index=[value.label for value in shown],
                ),
                by,
                in_order=comparison.has_numbers,
            ),
            "Higher is better, further left is cheaper.",
            f"Validation AUROC against the minutes that one trial trains, by {by}; {top} in "
            f"{best.minutes:.1f} minutes.",
        ),
    ]
    return found


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
