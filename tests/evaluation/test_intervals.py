import math

import numpy as np
import pytest

from pneumoray.evaluation import metrics
from pneumoray.evaluation.intervals import bootstrap, group_resamples


def predictions(num_images, num_classes=2, seed=0, images_per_group=2, digits=12):
    """Random, better than chance; few `digits` make ties."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, num_classes, num_images)
    logits = generator.normal(size=(num_images, num_classes)) + 1.5 * np.eye(num_classes)[labels]
    probs = np.exp(logits)
    probs = np.round(probs / probs.sum(axis=1, keepdims=True), digits)
    groups = np.array([f"person{i // images_per_group}" for i in range(num_images)])
    return labels, probs, groups


@pytest.mark.parametrize(("num_classes", "threshold"), [(2, 0.3), (4, None)])
def test_equals_scoring_every_resample_of_images_one_by_one(num_classes, threshold):
    labels, probs, groups = predictions(80, num_classes, digits=1)  # many ties
    expected = []
    for counts in np.concatenate(list(group_resamples(groups, 50, seed=3))):
        drawn = np.repeat(np.arange(80), counts.astype(int))
        expected.append(metrics.evaluate(labels[drawn], probs[drawn], threshold))
    intervals = bootstrap(labels, probs, groups, threshold, num_resamples=50, seed=3)
    for name in metrics.METRICS:
        low, high = np.quantile([scores[name] for scores in expected], [0.025, 0.975])
        assert intervals[name] == pytest.approx((low, high)), name


def test_a_patients_images_are_drawn_together():
    groups = np.array(["a", "b", "a", "c", "b", "a"])
    counts = np.concatenate(list(group_resamples(groups, 500, seed=0)))
    assert np.array_equal(counts[:, 0], counts[:, 2])
    assert np.array_equal(counts[:, 1], counts[:, 4])
    patients = counts[:, [0, 1, 3]]
    assert (patients.sum(axis=1) == 3).all()
    assert patients.mean() == pytest.approx(1)
    assert patients.var() == pytest.approx(2 / 3, abs=0.1)  # binomial(3, 1/3)


def test_resamples_do_not_depend_on_the_chunk_size(monkeypatch):
    groups = np.arange(30)
    whole = np.concatenate(list(group_resamples(groups, 20, seed=1)))
    monkeypatch.setattr("pneumoray.evaluation.intervals._CHUNK_BYTES", 30 * 8 * 7)
    chunks = list(group_resamples(groups, 20, seed=1))
    assert [len(chunk) for chunk in chunks] == [7, 7, 6]
    assert np.array_equal(np.concatenate(chunks), whole)


def test_accuracy_of_single_image_patients_has_the_binomial_interval():
    labels = np.zeros(400, dtype=int)
    labels[:200] = 1
    positive = labels.astype(float)
    positive[::10] = 1 - positive[::10]  # 90 % right
    probs = np.stack([1 - positive, positive], axis=1)
    low, high = bootstrap(labels, probs, np.arange(400), num_resamples=4000)["accuracy"]
    half = 1.96 * math.sqrt(0.9 * 0.1 / 400)
    assert (low, high) == pytest.approx((0.9 - half, 0.9 + half), abs=0.004)


def test_images_of_one_patient_widen_the_interval():
    labels, probs, _ = predictions(100)
    labels, probs = np.repeat(labels, 4), np.repeat(probs, 4, axis=0)
    as_images = bootstrap(labels, probs, np.arange(400), metrics=["auroc"])["auroc"]
    as_patients = bootstrap(labels, probs, np.arange(400) // 4, metrics=["auroc"])["auroc"]
    ratio = (as_patients[1] - as_patients[0]) / (as_images[1] - as_images[0])
    assert ratio == pytest.approx(2, abs=0.3)  # four copies: a quarter of the information


def test_same_seed_same_interval_and_confidence_orders_them():
    arguments = predictions(60)
    narrow = bootstrap(*arguments, metrics=["brier"], confidence=0.5)["brier"]
    wide = bootstrap(*arguments, metrics=["brier"])["brier"]
    assert wide == bootstrap(*arguments, metrics=["brier"])["brier"]
    assert wide != bootstrap(*arguments, metrics=["brier"], seed=1)["brier"]
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_resamples_of_one_class_are_ignored_where_undefined():
    labels = np.array([0, 1, 1])  # 8 of 27 resamples have no negative, 1 has no positive
    probs = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
    intervals = bootstrap(labels, probs, np.arange(3))
    assert intervals["auroc"] == (1, 1)
    assert all(math.isfinite(end) for ends in intervals.values() for end in ends)


def test_one_class_only_gives_nan_for_what_is_undefined():
    _, probs, groups = predictions(20)
    intervals = bootstrap(np.zeros(20, dtype=int), probs, groups)
    assert all(math.isnan(end) for end in intervals["auroc"] + intervals["sensitivity"])
    assert all(math.isfinite(end) for end in intervals["accuracy"] + intervals["specificity"])


def test_only_the_metrics_asked_for():
    assert list(bootstrap(*predictions(20), metrics=["f1", "auroc"])) == ["f1", "auroc"]
    with pytest.raises(ValueError, match="auc"):
        bootstrap(*predictions(20), metrics=["auc"])
