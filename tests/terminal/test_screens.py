"""What is printed: every number that was promised, and nothing cut short."""

import numpy as np
import pytest

from pneumoray.comparing.board import Board
from pneumoray.comparing.leaderboard import standings
from pneumoray.comparing.suspicion import explaining, suspicions
from pneumoray.data.manifest import Finding
from pneumoray.evaluation.report import member_report
from pneumoray.grid import configurations
from pneumoray.models.layers import describe
from pneumoray.stages.plan import BackbonePlan, Plan
from pneumoray.study_file import parse
from pneumoray.terminal import console
from pneumoray.terminal.screens.layers import show_layers
from pneumoray.terminal.screens.leaderboard import show_leaderboard
from pneumoray.terminal.screens.plan import show_plan
from pneumoray.terminal.screens.scores import show_scores


@pytest.fixture(autouse=True)
def _narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def test_the_leaderboard_shows_what_decides_and_wide_all_of_it(trial_row, capsys):
    rows = [
        trial_row((0.7, 0.9, 0.8), parameters=(23_540_850, 32_818), seed=0),
        trial_row((0.7, 0.8), parameters=(23_540_850, 32_818), seed=1),
        trial_row(outcome="failed", reason="loss is nan", lr=0.5),
    ]
    board = Board("mine", standings(rows), [], [])
    show_leaderboard(board)
    said = capsys.readouterr().out
    assert [" ".join(line.split()) for line in said.splitlines()[1:-1]] == [
        "configuration val AUROC seeds epochs minutes outcome",
        "resnet18 1e-3 0.8500 ± 0.0707 2 3 2 0.25 trained",
        "resnet18 0.5 1 1 0.10 failed",
    ]
    assert said.endswith("failed: loss is nan\n")
    assert "doubt" not in said
    show_leaderboard(board, wide=True)
    said = capsys.readouterr().out
    for word in ("0.8500 ± 0.0707", "23,540,850", "32,818", rows[0].config.config_id, "images/s"):
        assert word in said


def test_what_is_too_good_is_doubted_beside_the_audit(trial_row, capsys):
    rows = [trial_row((0.99,), train_accuracy=[1.0], val_accuracy=[0.999])]
    findings = [
        Finding("duplicate", "handled", "12 files are copies"),
        Finding("a", "note", "hush"),
    ]
    show_leaderboard(Board("mine", standings(rows), suspicions(rows), explaining(findings)))
    said = capsys.readouterr().out
    assert "doubt: " in said
    assert "the audit noticed: 12 files are copies" in said
    assert "hush" not in said


def test_layers_prints_every_shape_and_the_total(capsys):
    (config,) = configurations(
        parse({"name": "x", "backbones": ["C8-P-F-D16-D"], "image_size": 32, "race": "full"})
    )
    show_layers(describe(config.architecture, 2), config)
    said = capsys.readouterr().out
    for word in ("8 x 32 x 32", "8 x 16 x 16", "2048", "32,784", "32,898"):  # 80 + 32,784 + 34
        assert word in said


def report_of(num_classes):
    rng = np.random.default_rng(0)
    labels = np.arange(60) % num_classes
    probs = rng.dirichlet(np.ones(num_classes), 60)
    classes = [f"class{i}" for i in range(num_classes)]
    threshold = 0.4 if num_classes == 2 else None
    groups = np.arange(60).astype(str)
    return member_report("m", labels, probs, groups, threshold, classes) | {"test_openings": None}


def test_scores_of_two_classes_stand_at_both_thresholds(capsys):
    show_scores(report_of(2))
    said = capsys.readouterr().out
    assert "0.4000" in said
    assert "at 0.5" in said
    for name in ("threshold", "sensitivity", "specificity", "precision", "F1"):
        assert f"{name} (class1)" in said
    assert "AUROC (" not in said
    assert "class0" not in said


def test_scores_of_several_classes_stand_class_by_class(capsys):
    show_scores(report_of(4))
    said = capsys.readouterr().out
    for word in ("class0", "class3", "mean of classes", "by the largest probability"):
        assert word in said
    assert "threshold" not in said
    assert "sensitivity (" not in said


@pytest.mark.parametrize(
    ("images_per_second", "shown"),
    [
        (1234.4, "1234"),
        (99.6, "100"),
        (10, "10"),
        (7.26, "7.3"),
        (0.43, "0.43"),
        (0.0042, "0.0042"),
    ],
)
def test_slow_is_not_nothing(images_per_second, shown):
    assert console.speed(images_per_second) == shown


def test_a_plan_says_what_is_beside_training_and_no_speed_is_zero(capsys):
    study = parse({"name": "x", "backbones": ["vgg16"], "race": "full"})
    slow = BackbonePlan("vgg16", 1, 224, 0.3, 10, 2.0, 100.0)
    show_plan(Plan("x", configurations(study), [slow], 5000, 300.0, 1, "cpu", 0.05))
    said = capsys.readouterr().out
    assert " 0.3 " in said
    assert "about 2.0 h and 0.4 GiB" in said  # 2.05 h
    assert "3 min of it are start-up, reading images, and reports" in said
