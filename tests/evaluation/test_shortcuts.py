"""Which properties tell the class: planted ones are found, noise is not, patients stay together."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from pneumoray.evaluation.shortcuts import (
    COLUMNS,
    LEAST_AUROC,
    MIN_GROUPS,
    TOGETHER,
    findings,
    score_properties,
)

NUM = 400


@pytest.fixture
def random():
    return np.random.default_rng(0)


def scored(labels, classes=("NORMAL", "PNEUMONIA"), groups=None, **properties):
    """{property: row}; each image is a patient, unless `groups` are given."""
    groups = np.arange(len(labels)) if groups is None else groups
    table = score_properties(pd.DataFrame(properties), np.asarray(labels), groups, classes)
    assert tuple(table.columns) == COLUMNS
    return {row["property"]: row for row in table.to_dict("records")}


def test_a_number_scores_what_its_order_does(random):
    labels = np.arange(NUM) % 2
    brightness = random.normal(labels, 1)
    found = scored(labels, brightness=brightness, noise=random.normal(size=NUM))
    row = found["brightness"]
    assert row["auroc"] == pytest.approx(roc_auc_score(labels, brightness))
    assert row["low"] < row["auroc"] < row["high"]
    assert row["class"] == "PNEUMONIA"
    assert found["noise"]["auroc"] == pytest.approx(0.5, abs=0.08)
    assert not found["noise"]["is_shortcut"]


def test_what_is_lower_in_the_second_class_tells_as_much(random):
    labels = np.arange(NUM) % 2
    width = random.normal(-labels, 1)
    expected = roc_auc_score(1 - labels, width)
    assert scored(labels, width=width)["width"]["auroc"] == pytest.approx(expected)


def test_middle_values_of_one_class_are_found_where_ranks_see_nothing(random):
    labels = np.arange(NUM) % 2
    width = np.where(labels == 1, 1500, random.choice([1000, 2000], NUM)).astype(float)
    assert abs(roc_auc_score(labels, width) - 0.5) < 0.05
    row = scored(labels, width=width)["width"]
    assert row["auroc"] > 0.99
    assert row["is_shortcut"]


def test_words_and_missing_numbers_are_properties_too(random):
    labels = np.arange(NUM) % 2
    found = scored(
        labels,
        depth=np.where(labels == 1, "8", "12 of 16"),
        jpeg_quality=np.where(labels == 1, 90, np.nan),
    )
    assert found["depth"]["auroc"] == found["jpeg_quality"]["auroc"] == 1


def test_it_is_no_shortcut_where_the_interval_reaches_below(random):
    """The same property, of many patients and of few."""
    labels = np.arange(2000) % 2
    contrast = random.normal(0.9 * labels, 1)
    many = scored(labels, contrast=contrast)["contrast"]
    few = scored(labels[-60:], contrast=contrast[-60:])["contrast"]
    assert many["low"] > LEAST_AUROC
    assert many["is_shortcut"]
    assert few["low"] < LEAST_AUROC
    assert not few["is_shortcut"]


def test_patients_stay_together(random):
    """A number of the patient's own tells the class of his other images, and of no other patient."""
    patients = np.repeat(np.arange(80), 5)
    of_patient = random.permutation(80)
    found = scored(patients % 2, groups=patients, number=of_patient[patients].astype(float))
    assert found["number"]["auroc"] < 0.65
    assert found["number"]["high"] - found["number"]["low"] > 0.15  # of 80 patients, not 400 images


def test_all_together_come_first_and_tell_more_than_each(random):
    labels = np.arange(NUM) % 2
    parts = {f"part{i}": random.normal(0.7 * labels, 1) for i in range(4)}
    table = score_properties(pd.DataFrame(parts), labels, np.arange(NUM), ("A", "B"))
    assert table["property"].tolist()[0] == TOGETHER
    assert table["auroc"][1:].is_monotonic_decreasing
    assert table["auroc"][0] > table["auroc"][1] + 0.05


def test_of_several_classes_the_one_that_is_told_best_is_named(random):
    labels = np.arange(600) % 3
    found = scored(labels, ("A", "B", "C"), width=np.where(labels == 1, 500.0, 700.0))
    assert (found["width"]["class"], found["width"]["auroc"]) == ("B", 1)


def test_what_never_varies_has_no_row(random):
    labels = np.arange(NUM) % 2
    assert set(scored(labels, mode=["L"] * NUM, noise=random.normal(size=NUM))) == {
        "noise",
        TOGETHER,
    }
    assert scored(labels, mode=["L"] * NUM) == {}


def test_a_class_of_few_patients_is_left_out():
    labels = np.array([0] * 50 + [1] * 50 + [2] * (MIN_GROUPS - 1))
    found = scored(labels, ("A", "B", "C"), width=labels.astype(float))
    assert found["width"]["class"] == "B"
    assert scored(labels[50:], ("A", "B", "C"), width=labels[50:].astype(float)) == {}


def test_the_same_images_get_the_same_scores(random):
    labels = np.arange(NUM) % 2
    contrast = random.normal(labels, 1)
    assert scored(labels, contrast=contrast) == scored(labels, contrast=contrast)


def rows(*found):
    return pd.DataFrame(found, columns=list(COLUMNS))


def test_findings_name_each_shortcut_with_its_interval_apart_for_files_and_pixels():
    of_files, of_pixels = findings(
        rows(
            (TOGETHER, "B", 0.95, 0.94, 0.96, True),
            ("width", "B", 0.912, 0.9, 0.924, True),
            ("sharpness", "B", 0.8, 0.78, 0.82, True),
            ("contrast", "B", 0.75, 0.73, 0.77, True),
            ("border", "B", 0.72, 0.69, 0.75, False),
        )
    )
    assert {of_files.kind, of_pixels.kind} == {"shortcut"}
    assert {of_files.severity, of_pixels.severity} == {"note"}
    assert of_files.message.startswith("width (AUROC 0.912 [0.900, 0.924] for B) tells the class: ")
    assert of_pixels.message.startswith(
        "sharpness (AUROC 0.800 [0.780, 0.820] for B), contrast (AUROC 0.750 [0.730, 0.770] for B) "
        "each tell the class: it may be the disease"
    )


def test_all_together_are_a_finding_where_none_is_one_alone():
    (finding,) = findings(
        rows(
            (TOGETHER, "B", 0.8, 0.75, 0.85, True),
            ("contrast", "B", 0.65, 0.6, 0.7, False),
        )
    )
    assert finding.message.startswith("all together (AUROC 0.800 ")


def test_without_a_shortcut_there_is_no_finding():
    assert findings(rows((TOGETHER, "B", 0.6, 0.5, 0.7, False))) == []
    assert findings(rows()) == []
