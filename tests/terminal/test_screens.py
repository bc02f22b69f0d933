"""What is printed: every number that was promised, and nothing cut short."""

from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from pneumoray.comparing.board import Board
from pneumoray.comparing.comparison import compare
from pneumoray.comparing.leaderboard import standings
from pneumoray.comparing.naming import told_apart
from pneumoray.comparing.suspicion import explaining, suspicions
from pneumoray.data.manifest import Finding
from pneumoray.evaluation import tables
from pneumoray.evaluation.report import Report, ensemble_report, member_report
from pneumoray.grid import configurations
from pneumoray.models.layers import describe
from pneumoray.stages.compare import Made
from pneumoray.stages.plan import BackbonePlan, Plan
from pneumoray.study_file import parse
from pneumoray.terminal import console
from pneumoray.terminal.screens.comparison import show_comparison
from pneumoray.terminal.screens.ensemble import show_ensemble
from pneumoray.terminal.screens.findings import show_findings
from pneumoray.terminal.screens.layers import show_layers
from pneumoray.terminal.screens.leaderboard import show_leaderboard
from pneumoray.terminal.screens.plan import show_plan
from pneumoray.terminal.screens.scores import show_scores

LONG = "swin_base_patch4_window7_224.ms_in22k_ft_in1k"
BACKBONES = ("vgg11_bn", "resnet18", "tf_efficientnet_lite0", LONG, "resnet18", "a", "b", "c")


@pytest.fixture(autouse=True)
def _eighty(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def lines_of(capsys):
    """What was printed, after a look that no line is longer than the screen."""
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert max(map(len, lines)) <= 80
    return lines


def vote_of(num_members, num_classes=2):
    members = [
        report_of(num_classes)
        | {"name": f"{name}-{i:08x}", "backbone": name, "val_auroc": 0.9 + i / 100}
        for i, name in enumerate(BACKBONES[:num_members])
    ]
    vote = report_of(num_classes) | {"name": "vote", "val_auroc": 0.97}
    facts = {"study": "mine", "test_openings": 2, "leaks_allowed": False}
    return Report(ensemble_report(vote, members, **facts), Path("ws/ensembles/ensemble-1"))


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


def test_a_slow_network_is_not_of_no_speed_in_the_wide_leaderboard(trial_row, capsys):
    rows = [trial_row((0.8,), lr=lr, images_per_second=[0.43]) for lr in (0.1, 0.2)]
    show_leaderboard(Board("mine", standings(rows), [], []), wide=True)
    assert capsys.readouterr().out.count("  0.43  trained") == 2


def test_doubts_call_a_trial_by_its_name_in_the_table(trial_row, monkeypatch, capsys):
    rows = [
        trial_row((0.99,), train_accuracy=[1.0], val_accuracy=[0.999], lr=3e-4),
        trial_row((0.9,), lr=1e-3),
        trial_row((), outcome="failed", reason="loss is nan", lr=0.5),
    ]
    findings = [
        Finding("duplicate", "handled", "12 files are copies of 6 images, byte by byte"),
        Finding("a", "note", "hush"),
    ]
    doubts = suspicions(rows, told_apart(row.config for row in rows))
    terminal = Console(force_terminal=True, width=60, color_system=None, soft_wrap=True)
    monkeypatch.setattr(console, "out", terminal)
    show_leaderboard(Board("mine", standings(rows), doubts, explaining(findings)))
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[-6:] == [
        "resnet18 0.5 failed: loss is nan",
        "doubt: resnet18 3e-4: accuracy 100.0% in training and 99.9%",
        "       in validation at epoch 1 is too good: suspect copies",
        "       or leaks between the splits",
        "the audit noticed: 12 files are copies of 6 images, byte by",
        "                   byte",
    ]


def test_layers_prints_every_shape_and_the_total(capsys):
    (config,) = configurations(
        parse({"name": "x", "backbones": ["C8-P-F-D16-D"], "image_size": 32, "race": "full"})
    )
    show_layers(describe(config.architecture, 2), config)
    said = capsys.readouterr().out
    for word in ("8 x 32 x 32", "8 x 16 x 16", "2048", "32,784", "32,898"):  # 80 + 32,784 + 34
        assert word in said


@pytest.mark.parametrize("num_members", [2, 3, 5, 8])
def test_the_vote_has_one_line_a_model_and_keeps_each_column_under_its_heading(num_members, capsys):
    report = vote_of(num_members)
    show_ensemble(report)
    lines = lines_of(capsys)
    first = lines[: lines.index("The vote, and its best member by validation")]
    for model in [*report["members"], report["vote"]]:
        rows = [line.split() for line in first if line.split()[:1] == [report.name_of(model)]]
        scores = ("val_auroc", "auroc", "accuracy", "sensitivity", "specificity")
        assert [cell for row in rows for cell in row[1:]] == [f"{model[n]:.4f}" for n in scores]
    assert "Test split of study mine: 60 images of 60 patients, opened 2 times" in lines
    assert lines[-2:] == [
        "the report (report.md) and the model (bundle) are in",
        "ws/ensembles/ensemble-1",
    ]


def test_the_vote_and_its_best_member_have_intervals_and_name_the_positive_class(capsys):
    report = vote_of(3)
    show_ensemble(report)
    lines = lines_of(capsys)
    low, high = report["vote"]["intervals"]["sensitivity"]
    cell = f"{report['vote']['sensitivity']:.3f} [{low:.2f}, {high:.2f}]"
    rows = [line for line in lines if line.startswith("sensitivity (class1)")]
    assert len(rows) == 2  # at the threshold, and at 0.5
    assert rows[0].count(cell) == 2  # the vote's, and the best member's, which is the same here
    assert any(line.split()[:2] == ["vote", "tf_efficientnet_lite0"] for line in lines)


def test_members_of_one_backbone_are_told_apart():
    report = vote_of(5)
    names = [report.name_of(model) for model in report["members"]]
    assert names[0] == "vgg11_bn"
    assert (names[1], names[4]) == ("resnet18-00000001", "resnet18-00000004")


def test_a_vote_of_several_classes_stands_class_by_class(capsys):
    show_ensemble(vote_of(3, num_classes=4))
    lines = lines_of(capsys)
    assert "Each model at the largest probability" in lines
    assert any(line.startswith("class3 ") for line in lines)
    assert not any("threshold" in line for line in lines)


def test_a_leaderboard_with_seeds_says_so_once_and_fits(trial_row, capsys):
    rows = [
        trial_row(
            (0.9 - lr / 10,), seed=seed, backbone=backbone, lr=lr, optimizer=optimizer, dropout=lr
        )
        for backbone in ("tf_efficientnet_lite0", LONG)
        for lr in (0.001, 0.0003)
        for optimizer in ("adamw", "sgd")
        for seed in range(3)
    ]
    show_leaderboard(Board("mine", standings(rows), [], []))
    lines = lines_of(capsys)
    assert lines[0] == "Leaderboard of study mine, 3 seeds each"
    assert sum("0.8999 ± 0.0000" in line for line in lines) == 4
    show_leaderboard(Board("mine", standings(rows), [], []), wide=True)
    assert any("images/s" in line for line in lines_of(capsys))


def test_a_comparison_of_two_axes_repeats_both_beside_every_score(trial_row, capsys):
    rows = [
        trial_row((0.9,), lr=lr, optimizer=name) for lr in (0.1, 0.2) for name in ("adamw", "sgd")
    ]
    compared = compare(rows, ["optimizer", "lr"], {})
    show_comparison(Made("mine", "", compared, Path("/a.html")))
    lines = lines_of(capsys)
    rows_of = [line.split()[:2] for line in lines if line.startswith(("adamw", "sgd"))]
    assert (
        rows_of[:4]
        == rows_of[4:8]
        == [["adamw", "0.1"], ["adamw", "0.2"], ["sgd", "0.1"], ["sgd", "0.2"]]
    )
    assert "pictures: /a.html" in lines


def test_a_plan_fits_whatever_varies(capsys):
    grid = {
        "optimizer": ["adamw", "sgd"],
        "lr": [0.1],
        "hidden": [[], [64, 128]],
        "flip": [True, False],
    }
    configs = configurations(parse({"name": "x", "backbones": [LONG, "resnet18"], "grid": grid}))
    backbones = [
        BackbonePlan(name, 8, 224, 1234.5, 123, 12.34, 1234.5) for name in (LONG, "resnet18")
    ]
    show_plan(Plan("x", configs, backbones, 5232, 100.0, 2, "cpu", 0.05))
    lines = capsys.readouterr().out.splitlines()
    tables = [line.rstrip() for line in lines if "nothing started" not in line]
    assert max(map(len, tables)) <= 80
    for word in (configs[0].trial_id, "[64, 128]", "12.34", "1234"):
        assert any(word in line for line in tables)


def test_findings_are_sentences_what_must_be_fixed_first(capsys):
    show_findings(
        [
            Finding("small", "note", "few [images] here"),
            Finding("leak", "fix", "one patient is on both sides", ("a", "b")),
        ]
    )
    assert capsys.readouterr().out.splitlines() == [
        "fix      leak, 2 images: one patient is on both sides",
        "note     small: few [images] here",
    ]
    show_findings([])
    assert "nothing found" in capsys.readouterr().out


def test_a_terminal_breaks_sentences_between_words(monkeypatch, capsys):
    monkeypatch.setattr(
        console, "out", Console(force_terminal=True, width=30, color_system=None, soft_wrap=True)
    )
    console.say("one patient is on both sides", head="fix  ")
    console.say_whole("report: " + "a/" * 20)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == ["fix  one patient is on both", "     sides", "report: " + "a/" * 20]


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
    assert tables.speed(images_per_second) == shown


def test_a_plan_says_what_is_beside_training_and_no_speed_is_zero(capsys):
    study = parse({"name": "x", "backbones": ["vgg16"], "race": "full"})
    slow = BackbonePlan("vgg16", 1, 224, 0.3, 10, 2.0, 100.0)
    show_plan(Plan("x", configurations(study), [slow], 5000, 300.0, 1, "cpu", 0.05))
    said = capsys.readouterr().out
    assert " 0.3 " in said
    assert "1 trial on 5000 images, 1 side by side on cpu" in said
    assert "about 2.0 h and 0.4 GiB" in said  # 2.05 h
    assert "3 min of it are start-up, reading images, and reports" in said
