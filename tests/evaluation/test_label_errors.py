"""Which labels are doubted: the published rule by hand, and what cleanlab says of the same numbers."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, softmax

from pneumoray.evaluation.label_errors import doubted, findings, suspects
from pneumoray.predictions import Predictions


def of_two(scores):
    return np.stack([1 - np.asarray(scores), np.asarray(scores)], axis=1)


def test_an_image_is_doubted_from_the_mean_probability_of_the_other_class_on():
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    probs = of_two([0.1, 0.2, 0.65, 0.6, 0.9, 0.8, 0.7, 0.1])
    # means of own: class 0 (0.9 + 0.8 + 0.35 + 0.4) / 4 = 0.6125; class 1 (0.9 + .8 + .7 + .1) / 4 = 0.625
    assert doubted(labels, probs).tolist() == [0, 0, 1, 0, 1, 1, 1, 0]


def test_of_two_classes_that_both_count_the_likeliest_is_meant():
    labels = np.array([0, 0, 1, 1, 2, 2])
    probs = np.array(
        [
            [0.30, 0.32, 0.38],  # at least the means of 1 (0.31) and of 2 (0.34)
            [0.90, 0.05, 0.05],
            [0.40, 0.60, 0.00],
            [0.98, 0.02, 0.00],  # at least the mean of 0 (0.6)
            [0.35, 0.37, 0.28],  # at least the mean of 1, but likelier than it is nothing else
            [0.30, 0.30, 0.40],
        ]
    )
    assert doubted(labels, probs).tolist() == [2, 0, 1, 0, 1, 2]


def test_a_label_that_is_the_likeliest_class_is_not_doubted():
    """Weak models: 0.45 is more than images of class 1 have on average, and still no class 1."""
    labels = np.array([0, 0, 1, 1])
    assert doubted(labels, of_two([0.45, 0.2, 0.45, 0.4])).tolist() == [0, 0, 1, 1]


def test_a_class_without_a_label_is_never_meant():
    labels = np.array([0, 0, 1])
    probs = np.array([[0.1, 0.1, 0.8], [0.8, 0.1, 0.1], [0.1, 0.8, 0.1]])
    assert doubted(labels, probs).tolist() == [0, 0, 1]


def noisy(num_classes, num_images=60, num_wrong=6):
    """Labels of which six were moved on by one class, and the probabilities of a fair model."""
    generator = np.random.default_rng(num_classes)
    true = generator.integers(0, num_classes, num_images)
    logits = generator.normal(size=(num_images, num_classes))
    logits[np.arange(num_images), true] += 3
    probs = np.round(softmax(logits, axis=1), 3)
    labels = true.copy()
    moved = generator.choice(num_images, num_wrong, replace=False)
    labels[moved] = (labels[moved] + 1) % num_classes
    return labels, probs / probs.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("num_classes", "listed"),
    [(2, [39, 5, 35, 21, 28]), (3, [7, 22, 40, 6]), (5, [15, 32, 59, 3, 10])],
)
def test_it_doubts_what_cleanlab_does(num_classes, listed):
    """cleanlab 2.9.0: find_label_issues(labels, probs, filter_by="confident_learning",
    return_indices_ranked_by="normalized_margin").
    """
    labels, probs = noisy(num_classes)
    assert np.flatnonzero(doubted(labels, probs) != labels).tolist() == sorted(listed)


def predictions(labels, probs, groups=None):
    ids = [f"{i:03}.png" for i in range(len(labels))]
    images = pd.DataFrame({"id": ids, "label": labels, "group": ids if groups is None else groups})
    return Predictions(images, probs, tuple("ABCDE"[: probs.shape[1]]))


def planted(num_images=1000, num_wrong=10, shift=0.0):
    """A good model of two classes, one three times as frequent, and where its labels are wrong."""
    generator = np.random.default_rng(0)
    labels = (np.arange(num_images) % 4 > 0).astype(int)
    scores = generator.normal(6 * labels - 3 + shift, 1.5)
    wrong = generator.choice(num_images, num_wrong, replace=False)
    labels[wrong] = 1 - labels[wrong]
    return labels, of_two(expit(scores)), {f"{i:03}.png" for i in wrong}


def test_planted_errors_come_first_with_their_names_and_probabilities():
    labels, probs, wrong = planted()
    listed = suspects(predictions(labels, probs))
    assert set(listed["image"][:8]) <= wrong
    assert len(listed) < 2 * len(wrong)
    first = listed.iloc[0]
    label = labels[int(first["image"].removesuffix(".png"))]
    assert (first["class"], first["looks_like"]) == (("A", "B"), ("B", "A"))[label]
    assert (listed["prob_looks_like"] > 0.5).all()
    assert np.allclose(listed["prob_class"] + listed["prob_looks_like"], 1)
    assert listed["prob_looks_like"].is_monotonic_decreasing


def test_a_model_that_takes_all_classes_for_as_frequent_lists_the_same():
    """Balanced class weights shift every log-odds by the log of how much more frequent one is."""
    labels, probs, _ = planted()
    balanced = planted(shift=-np.log(3))[1]
    listed, same = (suspects(predictions(labels, of)) for of in (probs, balanced))
    assert listed["image"].tolist() == same["image"].tolist()
    assert np.allclose(listed["prob_class"], same["prob_class"], atol=1e-3)


def test_the_patient_stands_beside_each_image():
    labels, probs, _ = planted()
    groups = [f"p{i // 2}" for i in range(len(labels))]
    listed = suspects(predictions(labels, probs, groups))
    numbers = listed["image"].str.removesuffix(".png").astype(int)
    assert listed["patient"].tolist() == [f"p{i // 2}" for i in numbers]


def test_where_nothing_is_doubted_there_is_no_row_and_no_finding():
    listed = suspects(predictions(np.array([0, 1]), of_two([0.1, 0.9])))
    assert listed.empty
    assert findings(listed, 2, 1.0) == []


def test_the_finding_names_the_likeliest_and_all_images_in_order():
    labels, probs, _ = planted()
    listed = suspects(predictions(labels, probs))
    (finding,) = findings(listed, len(labels), 0.98)
    assert (finding.kind, finding.severity) == ("label-error", "note")
    assert list(finding.image_ids) == listed["image"].tolist()
    first = listed.iloc[0]
    assert finding.message.startswith(
        f"{len(listed)} of 1000 validation images may be labelled wrongly, such as "
        f"{first['image']}, which is labelled {first['class']} and looks like {first['looks_like']}: "
    )
    assert "weak" not in finding.message
    assert "which are weak" in findings(listed, len(labels), 0.7)[0].message
    assert "1 of 9 validation images may be" in findings(listed[:1], 9, 0.9)[0].message
