import pytest

from pneumoray.comparing import suspicion
from pneumoray.comparing.naming import told_apart
from pneumoray.comparing.suspicion import explaining
from pneumoray.data.manifest import Finding


def suspicions(rows):
    return suspicion.suspicions(rows, told_apart(row.config for row in rows))


def test_what_is_ordinary_raises_no_doubt(trial_row):
    assert suspicions([]) == []
    rows = [
        trial_row(train_accuracy=[0.99], val_accuracy=[0.95]),
        trial_row((), "", lr=1),
        trial_row(train_accuracy=[1.0], val_accuracy=[0.5], outcome="failed", lr=2),
        trial_row(train_accuracy=[float("nan")], val_accuracy=[0.5], lr=3),
        trial_row(train_accuracy=[0.8], val_accuracy=[0.3], outcome="cut", lr=4),
    ]
    assert suspicions(rows) == []


@pytest.mark.parametrize(("train", "val", "num_lines"), [(0.996, 0.996, 1), (0.995, 0.999, 0)])
def test_training_and_validation_above_995_permille_are_too_good(train, val, num_lines, trial_row):
    found = suspicions([trial_row(train_accuracy=[train], val_accuracy=[val])])
    assert len(found) == num_lines
    if found:
        assert (
            "accuracy 99.6% in training and 99.6% in validation at epoch 1 is too good" in found[0]
        )
        assert "copies or leaks" in found[0]


def test_a_gap_of_more_than_ten_points_is_overfitting(trial_row):
    row = trial_row(train_accuracy=[0.9985], val_accuracy=[0.8517])
    (line,) = suspicions([row])
    assert line.startswith(f"{row.trial}: accuracy 99.9% in training but 85.2% in validation")
    assert "14.7 points apart" in line
    assert suspicions([trial_row(train_accuracy=[0.89], val_accuracy=[0.80])]) == []


def test_the_last_epoch_is_looked_at_as_well_as_the_best(trial_row):
    (line,) = suspicions(
        [trial_row([0.9, 0.8], train_accuracy=[0.85, 0.97], val_accuracy=[0.84, 0.80])]
    )
    assert "at epoch 2: 17.0 points apart" in line


def test_one_line_a_configuration_that_of_its_worst_seed(trial_row):
    rows = [
        trial_row(train_accuracy=[0.95], val_accuracy=[val], seed=seed)
        for seed, val in enumerate([0.80, 0.70, 0.75])
    ]
    assert suspicions(rows) == [
        "resnet18 seed 1: accuracy 95.0% in training but 70.0% in validation at epoch 1: 25.0 points "
        "apart, it overfits or validation is unlike training"
    ]


def test_the_worst_three_come_first_and_the_others_are_counted(trial_row):
    rows = [
        trial_row(train_accuracy=[0.99], val_accuracy=[val], lr=1 + i)
        for i, val in enumerate([0.80, 0.60, 0.70, 0.75, 0.85])
    ]
    rows.append(trial_row(train_accuracy=[0.999], val_accuracy=[0.998], lr=9))
    found = suspicions(rows)
    assert ["too good" in line for line in found] == [True, False, False, False]
    assert "39.0 points" in found[1]
    assert "29.0 points" in found[2]
    assert found[3] == "and 3 more like these"
    assert suspicions(rows[:4])[-1] == "and 1 more like this"


def test_the_last_epoch_is_doubted_as_the_best_is(trial_row):
    columns = {"train_accuracy": [0.98, 1.0], "val_accuracy": [0.99, 1.0]}
    (line,) = suspicions([trial_row([0.99, 0.98], **columns)])
    assert "too good" in line
    assert "at epoch 2" in line


def test_what_was_too_good_at_any_epoch_is_told(trial_row):
    (line,) = suspicions(
        [
            trial_row(
                [0.9, 0.8, 0.7],
                train_accuracy=[0.9, 0.999, 0.98],
                val_accuracy=[0.9, 0.998, 0.98],
            )
        ]
    )
    assert "at epoch 2 is too good" in line


@pytest.mark.parametrize(("train", "val"), [(1.0, 0.9), (0.9, 0.8), (0.8, 0.7)])
def test_ten_points_are_not_more_than_ten(train, val, trial_row):
    assert suspicions([trial_row(train_accuracy=[train], val_accuracy=[val])]) == []


def test_what_the_audit_says_of_a_doubt():
    found = explaining(
        [
            Finding("mixed-sizes", "note", "sizes differ"),
            Finding("unknown-patient", "note", "of 9 images no patient is known"),
            Finding("duplicate", "handled", "2 copies"),
        ]
    )
    assert found == ["of 9 images no patient is known", "2 copies"]
    (nothing,) = explaining([Finding("mixed-sizes", "note", "sizes differ")])
    assert nothing.startswith("nothing that would explain it")
