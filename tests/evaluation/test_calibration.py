import numpy as np
import pytest
from scipy.special import expit, softmax

from pneumoray.evaluation.calibration import (
    TEMPERATURE_RANGE,
    apply_temperature,
    calibrate,
    fit_operating_point,
    fit_temperature,
)
from pneumoray.evaluation.metrics import auroc, log_loss


def calibrated(num_images, num_classes=2, seed=0):
    """Labels drawn from their own probabilities: the right temperature is 1."""
    generator = np.random.default_rng(seed)
    probs = softmax(2 * generator.normal(size=(num_images, num_classes)), axis=1)
    labels = (probs.cumsum(axis=1) < generator.random((num_images, 1))).sum(axis=1)
    return labels, probs


def two_classes(scores):
    return np.stack([1 - expit(scores), expit(scores)], axis=1)


def overlapping(num_normal, num_pneumonia, seed=0, shift=0.0):
    """Log-odds of normals around -4, of pneumonias around 4, both with a spread of 2."""
    generator = np.random.default_rng(seed)
    labels = np.repeat([0, 1], [num_normal, num_pneumonia])
    return labels, two_classes(generator.normal(8 * labels - 4 + shift, 2))


@pytest.mark.parametrize("num_classes", [2, 5])
@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_the_temperature_that_spoiled_the_probabilities_is_found(num_classes, temperature):
    labels, probs = calibrated(20_000, num_classes)
    spoiled = apply_temperature(probs, 1 / temperature)
    found = fit_temperature(labels, spoiled)
    assert found == pytest.approx(temperature, rel=0.04)
    assert log_loss(labels, apply_temperature(spoiled, found)) <= log_loss(labels, spoiled)


def test_applying_by_hand_and_back():
    half = apply_temperature(np.array([[0.2, 0.8]]), 2.0)  # roots: 1 to 2
    assert half == pytest.approx(np.array([[1 / 3, 2 / 3]]))
    assert apply_temperature(half, 0.5) == pytest.approx(np.array([[0.2, 0.8]]))


def test_a_temperature_keeps_the_order_and_rows_sum_to_one():
    _, probs = calibrated(200, 4)
    softened = apply_temperature(probs, 5)
    assert softened.sum(axis=1) == pytest.approx(np.ones(200))
    assert np.array_equal(softened.argsort(axis=1), probs.argsort(axis=1))
    binary = calibrated(200)
    assert auroc(*binary) == auroc(binary[0], apply_temperature(binary[1], 3))


def test_saturated_probabilities_stay_finite():
    labels, probs = np.array([0, 1, 1, 0]), np.array([[1.0, 0], [0, 1], [1, 0], [1, 0]])
    temperature = fit_temperature(labels, probs)
    assert TEMPERATURE_RANGE[0] <= temperature <= TEMPERATURE_RANGE[1]
    assert np.isfinite(apply_temperature(probs, temperature)).all()


def test_perfect_predictions_do_not_become_certain():
    labels = np.repeat([0, 1], 50)
    probs = two_classes(np.where(labels, 2.0, -2.0))
    confidence = apply_temperature(probs, fit_temperature(labels, probs)).max(axis=1)
    assert confidence == pytest.approx(np.full(100, 51 / 52), abs=1e-3)  # Platt's target


def test_the_threshold_of_mirrored_classes_is_half_whatever_their_sizes():
    for sizes in ((1000, 1000), (500, 1500)):
        labels, probs = overlapping(*sizes)
        temperature, threshold = fit_operating_point(labels, probs, np.arange(len(labels)))
        assert threshold == pytest.approx(0.5, abs=0.15)
        assert temperature == pytest.approx(0.5, abs=0.1)  # log-odds 2 s in theory: 8 / 2**2


def test_the_threshold_is_in_the_middle_of_a_wide_gap():
    labels = np.repeat([0, 1], 40)
    probs = two_classes(np.where(labels, 6.0, -2.0))  # any log-odds from -2 to 6 separates them
    temperature, threshold = fit_operating_point(labels, probs, np.arange(80))
    chosen = np.log(threshold / (1 - threshold)) * temperature  # on the scale of `probs`
    assert chosen == pytest.approx(2, abs=0.25)  # the folds scale by slightly different T


def test_the_threshold_is_steadier_than_the_sharp_maximum():
    chosen, sharp = [], []
    for seed in range(20):
        labels, probs = overlapping(60, 180, seed)
        temperature, threshold = fit_operating_point(labels, probs, np.arange(240))
        chosen.append(np.log(threshold / (1 - threshold)) * temperature)
        scores = np.log(probs[:, 1] / probs[:, 0])
        called = scores >= scores[:, None]
        youden = called[:, labels == 1].mean(axis=1) - called[:, labels == 0].mean(axis=1)
        sharp.append(scores[youden.argmax()])
    assert np.std(chosen) < 0.8 * np.std(sharp)


def test_the_operating_point_is_reproducible_and_depends_on_the_seed_only():
    labels, probs = overlapping(60, 120)
    groups = np.array([f"person{i // 3}" for i in range(180)])
    assert fit_operating_point(labels, probs, groups) == fit_operating_point(labels, probs, groups)
    order = np.random.default_rng(0).permutation(180)
    other = fit_operating_point(labels[order], probs[order], groups[order])
    assert other[0] == pytest.approx(fit_operating_point(labels, probs, groups)[0])


@pytest.mark.parametrize("num_patients", [1, 2, 3])
def test_few_patients_mean_fewer_folds(num_patients):
    labels, probs = overlapping(6, 30)
    groups = np.where(labels == 0, np.arange(36) % num_patients, 100 + np.arange(36))
    _, threshold = fit_operating_point(labels, probs, groups)
    assert threshold is not None
    assert 0 < threshold < 1


def test_useless_predictions_still_give_a_threshold():
    labels = np.repeat([0, 1], 30)
    temperature, threshold = fit_operating_point(labels, np.full((60, 2), 0.5), np.arange(60))
    assert threshold == pytest.approx(0.5)
    assert np.isfinite(temperature)


def test_several_classes_have_a_temperature_and_no_threshold():
    labels, probs = calibrated(500, 3)
    temperature, threshold = fit_operating_point(labels, probs, np.arange(500))
    assert threshold is None
    assert temperature == pytest.approx(1, abs=0.2)


def test_one_class_only_is_refused():
    with pytest.raises(ValueError, match="only class 1"):
        fit_operating_point(np.ones(9, dtype=int), np.full((9, 2), 0.5), np.arange(9))


@pytest.mark.parametrize("num_classes", [2, 4])
def test_calibrated_probabilities_undo_class_weights_and_sum_to_one(num_classes):
    labels, probs = calibrated(20_000, num_classes)
    weights = 1.0 + 3 * np.arange(num_classes)
    spoiled = weights * probs
    found = calibrate(labels, spoiled / spoiled.sum(axis=1, keepdims=True))
    assert np.allclose(found.sum(axis=1), 1)
    shares = np.bincount(labels) / len(labels)
    assert found.mean(axis=0) == pytest.approx(shares, abs=0.002)
    assert np.abs(found - probs).max() < 0.05


def test_calibrated_probabilities_stay_finite_and_sober_where_a_model_was_sure():
    labels = np.array([0] * 50 + [1] * 50)
    sure = np.eye(2)[np.where(np.arange(100) == 0, 1, labels)]  # wrong once
    found = calibrate(labels, sure)
    assert np.isfinite(found).all()
    assert 0.9 < found[0, 1] < 0.999


def test_a_class_without_labels_gets_next_to_nothing():
    found = calibrate(np.array([0, 1] * 50), np.tile([0.3, 0.3, 0.4], (100, 1)))
    assert found[0, :2] == pytest.approx([0.5, 0.5], abs=0.01)
