import math

import numpy as np
import pytest
from sklearn import metrics as sk

from pneumoray.evaluation import metrics

# Six images, worked out by hand. At 0.5: TP 2, FN 1, FP 1, TN 2.
LABELS = np.array([0, 0, 0, 1, 1, 1])
POSITIVE = np.array([0.1, 0.4, 0.8, 0.3, 0.6, 0.9])
PROBS = np.stack([1 - POSITIVE, POSITIVE], axis=1)


def random_predictions(num_images, num_classes, seed=0):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, num_classes, num_images)
    logits = generator.normal(size=(num_images, num_classes)) + np.eye(num_classes)[labels]
    probs = np.exp(logits)
    return labels, probs / probs.sum(axis=1, keepdims=True)


def test_two_classes_match_the_hand_count():
    scores = metrics.evaluate(LABELS, PROBS)
    assert tuple(scores) == metrics.METRICS
    assert scores["accuracy"] == pytest.approx(4 / 6)
    assert scores["auroc"] == pytest.approx(6 / 9)  # of 9 pairs, 3 are in the wrong order
    assert scores["sensitivity"] == pytest.approx(2 / 3)
    assert scores["specificity"] == pytest.approx(2 / 3)
    assert scores["precision"] == pytest.approx(2 / 3)
    assert scores["f1"] == pytest.approx(2 / 3)
    assert scores["brier"] == pytest.approx((0.01 + 0.16 + 0.64 + 0.49 + 0.16 + 0.01) / 6)
    likelihood = 0.9 * 0.6 * 0.2 * 0.3 * 0.6 * 0.9
    assert scores["log_loss"] == pytest.approx(-math.log(likelihood) / 6)


def test_an_image_exactly_at_the_threshold_is_called_positive():
    assert metrics.confusion(LABELS, PROBS, 0.6).tolist() == [[2, 1], [1, 2]]
    assert metrics.confusion(LABELS, PROBS, 0.61).tolist() == [[2, 1], [2, 1]]


def test_the_threshold_moves_sensitivity_but_not_auroc():
    low, high = (metrics.evaluate(LABELS, PROBS, threshold) for threshold in (0.2, 0.85))
    assert (low["sensitivity"], low["specificity"]) == (1, pytest.approx(1 / 3))
    assert (high["sensitivity"], high["specificity"]) == (pytest.approx(1 / 3), 1)
    assert low["auroc"] == high["auroc"]


def test_several_classes_are_macro_averages_and_match_sklearn():
    labels, probs = random_predictions(300, 4)
    called = probs.argmax(axis=1)
    scores = metrics.evaluate(labels, probs)
    assert scores["accuracy"] == pytest.approx(sk.accuracy_score(labels, called))
    assert scores["auroc"] == pytest.approx(sk.roc_auc_score(labels, probs, multi_class="ovr"))
    assert scores["sensitivity"] == pytest.approx(sk.balanced_accuracy_score(labels, called))
    assert scores["precision"] == pytest.approx(sk.precision_score(labels, called, average="macro"))
    assert scores["f1"] == pytest.approx(sk.f1_score(labels, called, average="macro"))
    assert scores["log_loss"] == pytest.approx(sk.log_loss(labels, probs))
    one_versus_rest = sk.multilabel_confusion_matrix(labels, called)
    specificities = [tn / (tn + fp) for (tn, fp), _ in one_versus_rest]
    assert scores["specificity"] == pytest.approx(np.mean(specificities))
    assert scores["brier"] == pytest.approx(((probs - np.eye(4)[labels]) ** 2).sum(axis=1).mean())


def test_a_class_without_images_is_left_out_of_the_averages():
    labels = np.array([0, 0, 1, 1])
    probs = np.array([[0.8, 0.1, 0.1], [0.1, 0.2, 0.7], [0.2, 0.7, 0.1], [0.3, 0.6, 0.1]])
    scores = metrics.evaluate(labels, probs)
    assert scores["sensitivity"] == pytest.approx((1 / 2 + 2 / 2) / 2)
    assert scores["specificity"] == 1
    assert scores["f1"] == pytest.approx((2 / 3 + 1) / 2)
    assert scores["auroc"] == pytest.approx((2 / 4 + 1) / 2)  # class 0: 0.1 is below 0.2 and 0.3
    assert len(metrics.per_class(labels, probs)) == 3


@pytest.mark.parametrize("num_classes", [2, 3])
def test_one_class_only_leaves_auroc_undefined_and_nothing_raises(num_classes):
    _, probs = random_predictions(10, num_classes)
    scores = metrics.evaluate(np.zeros(10, dtype=int), probs)
    assert math.isnan(scores["auroc"])
    assert 0 <= scores["accuracy"] <= 1
    assert math.isnan(scores["specificity"] if num_classes == 3 else scores["sensitivity"])


def test_precision_is_zero_when_nothing_is_called_positive():
    scores = metrics.evaluate(LABELS, PROBS, threshold=0.99)
    assert (scores["precision"], scores["f1"], scores["specificity"]) == (0, 0, 1)


def test_log_loss_of_a_wrong_certainty_is_finite():
    assert metrics.log_loss(np.array([1]), np.array([[1.0, 0.0]])) == pytest.approx(34.54, abs=0.01)


def test_per_class_has_a_row_for_each_class_against_the_rest():
    labels, probs = random_predictions(200, 3)
    table = metrics.per_class(labels, probs)
    assert table["num_images"].tolist() == np.bincount(labels).tolist()
    assert table["sensitivity"].mean() == pytest.approx(
        metrics.evaluate(labels, probs)["sensitivity"]
    )
    assert table["auroc"].mean() == pytest.approx(metrics.auroc(labels, probs))
    two = metrics.per_class(LABELS, PROBS, 0.85)
    assert two["sensitivity"].tolist() == pytest.approx([1, 1 / 3])
    assert two["specificity"].tolist() == pytest.approx([1 / 3, 1])


def test_the_macro_average_is_that_of_sklearn_and_of_evaluate():
    labels, probs = random_predictions(200, 12)
    table = metrics.per_class(labels, probs)
    called = probs.argmax(axis=1)
    f1, recall = (score(labels, called, average=None) for score in (sk.f1_score, sk.recall_score))
    assert table["f1"].tolist() == pytest.approx(f1.tolist())
    assert table["sensitivity"].tolist() == pytest.approx(recall.tolist())
    macro = metrics.macro_average(table)
    assert tuple(macro) == metrics.PER_CLASS
    scores = metrics.evaluate(labels, probs)
    assert macro == pytest.approx({name: scores[name] for name in metrics.PER_CLASS})


def test_the_macro_average_leaves_out_classes_without_images():
    labels, probs = random_predictions(60, 3)
    wider = np.concatenate([probs, np.zeros((60, 2))], axis=1)
    macro = metrics.macro_average(metrics.per_class(labels, wider))
    assert macro == pytest.approx(metrics.macro_average(metrics.per_class(labels, probs)))


def test_a_threshold_for_several_classes_is_refused():
    with pytest.raises(ValueError, match="two classes, got 3"):
        metrics.evaluate(*random_predictions(10, 3), threshold=0.5)


def test_accuracy_uses_the_threshold():
    assert metrics.accuracy(LABELS, PROBS) == pytest.approx(4 / 6)
    assert metrics.accuracy(LABELS, PROBS, 0.85) == pytest.approx(4 / 6)
    assert metrics.accuracy(LABELS, PROBS, 0.2) == pytest.approx(4 / 6)
    assert metrics.accuracy(LABELS, PROBS, 0.45) == pytest.approx(4 / 6)
    assert metrics.accuracy(LABELS, PROBS, 0.05) == pytest.approx(3 / 6)
