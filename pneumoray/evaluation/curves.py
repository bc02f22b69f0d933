"""Curves of several trials together, and where they begin to overfit."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

_FEWEST_EPOCHS = 4  # that say anything of a trend
_LAST_EPOCHS = 3  # that must all stand above the minimum
_SMALLEST_RISE = 0.05  # of the minimum: less is no rise, however smooth the curve
_CLEAR_OF_NOISE = 4  # standard deviations


def mean_curves(trials: Sequence[Sequence[Mapping[str, Any]]]) -> pd.DataFrame:
    """Mean of each column of the trials' epoch records, by epoch (the index).

    `num_trials` says how many came so far: after an early stop the others go on alone.
    """
    records = pd.DataFrame([record for records in trials for record in records])
    by_epoch = records.groupby("epoch")
    return by_epoch.mean().assign(num_trials=by_epoch.size())


def overfit_epoch(curves: pd.DataFrame) -> int | None:
    """The epoch of least validation loss, if from there it rises for good while train loss falls.

    For good: the last epochs (up to three) all stand above the minimum by more than 5 % of it and
    four times the noise. Only epochs that every trial came to are looked at; fewer than four of
    these say nothing. None where nothing overfits. On plateaus of 6 to 40 epochs of pure noise 3 to
    5 % were still taken for overfitting.
    """
    whole = curves[curves["num_trials"] == curves["num_trials"].max()]
    val, train = whole["val_loss"].to_numpy(), whole["train_loss"].to_numpy()
    if len(whole) < _FEWEST_EPOCHS or not np.isfinite(val).any():
        return None
    lowest = int(np.nanargmin(val))
    after = val[lowest + 1 :]
    if not len(after):
        return None
    rise = float(np.min(after[-_LAST_EPOCHS:])) - val[lowest]
    noise = _noise(val[lowest:] if len(after) >= _LAST_EPOCHS else val)
    is_overfit = rise > max(_SMALLEST_RISE * val[lowest], _CLEAR_OF_NOISE * noise)
    return int(whole.index[lowest]) if is_overfit and train[-1] < train[lowest] else None


def _noise(values: np.ndarray) -> float:
    """Standard deviation around a curve that is straight over three epochs; 0 for fewer.

    Of independent noise s a second difference has the deviation sqrt(6) s; the median of its size is
    0.6745 of that, whatever a single jump may be.
    """
    bends = np.abs(np.diff(values, n=2))
    return float(np.median(bends)) / (0.6745 * np.sqrt(6)) if len(bends) else 0.0
