import math

import numpy as np
import pandas as pd
import pytest

from pneumoray.evaluation.curves import mean_curves, overfit_epoch


def records(val_loss, train_loss=None):
    train_loss = [1 / (i + 1) for i in range(len(val_loss))] if train_loss is None else train_loss
    pairs = enumerate(zip(val_loss, train_loss, strict=True), start=1)
    return [{"epoch": i, "val_loss": val, "train_loss": train} for i, (val, train) in pairs]


def curves(val_loss, train_loss=None):
    return mean_curves([records(val_loss, train_loss)])


def test_curves_are_means_over_the_trials_that_came_so_far():
    found = mean_curves([records([1.0, 0.8, 0.6]), records([3.0, 1.2])])
    assert found.index.tolist() == [1, 2, 3]
    assert found["val_loss"].tolist() == pytest.approx([2.0, 1.0, 0.6])
    assert found["num_trials"].tolist() == [2, 2, 1]


def test_a_missing_value_does_not_spoil_the_mean():
    found = mean_curves([records([math.nan, 0.8]), records([3.0, 1.2])])
    assert found["val_loss"].tolist() == pytest.approx([3.0, 1.0])


def test_overfitting_begins_at_the_minimum_before_a_rise():
    assert overfit_epoch(curves([0.9, 0.6, 0.5, 0.6, 0.7, 0.8])) == 3
    assert overfit_epoch(curves([0.5, 0.7, 0.8, 0.9])) == 1


def test_fewer_than_four_epochs_say_nothing_of_overfitting():
    assert overfit_epoch(curves([0.5, 0.7, 0.9])) is None
    others = records([0.5, 0.7, 0.9, 1.2, 1.5])
    assert overfit_epoch(mean_curves([others, others])) == 1
    assert overfit_epoch(mean_curves([others, others[:3]])) is None  # both came to three only


@pytest.mark.parametrize(
    "val_loss",
    [
        [0.9, 0.7, 0.6, 0.5],  # falls to the end
        [0.9, 0.5, 0.51, 0.52],  # rises by less than 5 %
        [0.9, 0.5, 0.9, 0.5, 0.9, 0.51],  # comes back down
        [0.5],
        [math.nan, math.nan],
    ],
)
def test_no_overfitting(val_loss):
    assert overfit_epoch(curves(val_loss)) is None


def test_a_rise_of_both_losses_is_no_overfitting():
    assert overfit_epoch(curves([0.9, 0.5, 0.7, 0.9], train_loss=[0.8, 0.4, 0.6, 0.8])) is None


def test_noise_on_a_plateau_is_seldom_taken_for_overfitting():
    generator = np.random.default_rng(0)
    noisy = [0.4 + 0.05 * generator.standard_normal(20) for _ in range(200)]
    assert sum(overfit_epoch(curves(list(one))) is not None for one in noisy) <= 12


def test_only_epochs_of_every_trial_are_looked_at():
    """The trial that goes on alone has a higher loss, which is no rise of the mean."""
    found = mean_curves([records([0.5, 0.4]), records([0.9, 0.8, 0.79, 0.78])])
    assert overfit_epoch(found) is None
    assert isinstance(found, pd.DataFrame)
