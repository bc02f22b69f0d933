import pytest

from pneumoray.evaluation.titles import title


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("sensitivity", "sensitivity (PNEUMONIA)"),
        ("specificity", "specificity (PNEUMONIA)"),
        ("precision", "precision (PNEUMONIA)"),
        ("f1", "F1 (PNEUMONIA)"),
        ("threshold", "threshold (PNEUMONIA)"),
        ("auroc", "AUROC"),  # the same for either class
        ("accuracy", "accuracy"),
        ("brier", "Brier"),
        ("log_loss", "log loss"),
    ],
)
def test_what_counts_one_class_names_it(metric, expected):
    assert title(metric, "PNEUMONIA") == expected


def test_averages_over_several_classes_name_none():
    assert (title("sensitivity"), title("f1", None)) == ("sensitivity", "F1")
