"""What comes next can be pasted, with the options that were given."""

import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from pneumoray.comparing.board import Board
from pneumoray.comparing.leaderboard import standings
from pneumoray.pasting import command, place
from pneumoray.stages import vote
from pneumoray.terminal.hints import show_next
from pneumoray.terminal.main import main
from pneumoray.terminal.screens import ensemble as ensemble_screen
from pneumoray.terminal.screens.leaderboard import next_steps


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"workspace": None, "mlflow": None}, ["pneumoray", "ui"]),
        ({"workspace": Path("ws")}, ["pneumoray", "ui", "--workspace", "ws"]),
        (
            {"workspace": Path("my ws"), "mlflow": Path("m'.yaml")},
            ["pneumoray", "ui", "--workspace", "my ws", "--mlflow", "m'.yaml"],
        ),
    ],
)
def test_a_command_carries_what_was_given_quoted_for_the_shell(given, expected):
    assert shlex.split(command("ui", given)) == expected


def test_what_follows_a_vote_means_the_study_that_was_voted(monkeypatch):
    monkeypatch.setattr(vote, "ensemble", lambda *args, **options: None)
    monkeypatch.setattr(ensemble_screen, "show_ensemble", lambda report: None)
    result = CliRunner().invoke(main, ["ensemble", "--study", "b", "--workspace", "my ws"])
    assert result.stderr.splitlines() == [
        "next:",
        "  ask about a film   pneumoray predict FILM --model b --workspace 'my ws'",
        "  look at every run  pneumoray ui --study b --workspace 'my ws'",
    ]


def test_each_command_stands_on_a_line_of_its_own(capsys):
    long = command("ui", {"workspace": Path("/a" * 60)})
    show_next({"look": long, "compare": "pneumoray compare --by lr"})
    assert capsys.readouterr().err.splitlines() == [
        "next:",
        f"  look     {long}",
        "  compare  pneumoray compare --by lr",
    ]


def test_a_place_is_said_from_here_where_that_is_shorter(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert place(tmp_path / "ws" / "report.md") == "ws/report.md"
    assert place(Path("/x")) == "/x"


@pytest.mark.parametrize(
    ("backbones", "vote"),
    [
        (["resnet18", "vgg11", "densenet121", "alexnet"], "ensemble --top 3"),
        (["resnet18", "vgg11"], "ensemble --top 2"),
        (["resnet18", "resnet34"], "ensemble --any-family --top 2"),
        (["resnet18"], None),
    ],
)
def test_the_vote_that_is_proposed_is_one_that_is_not_refused(trial_row, backbones, vote):
    rows = [trial_row(backbone=name) for name in backbones]
    rows += [trial_row(backbone="resnet50", outcome="cut"), trial_row(outcome="failed", lr=0.5)]
    steps = next_steps(Board("x", standings(rows), [], []))
    assert steps.get("vote the best, test once") == vote
    assert steps["see what makes a difference"] == "compare --by backbone"
    assert steps["look at every run"] == "ui"
