import pandas as pd
import pytest

from pneumoray import checkpoint, journal
from pneumoray.grid import configurations
from pneumoray.journal import Journal
from pneumoray.stages import summary
from pneumoray.study_file import parse
from pneumoray.study_folder import StudyFolder

REPORT = {
    "vote": {"auroc": 0.9, "accuracy": 0.8, "intervals": {}, "num_images": 64},
    "members": [{"backbone": "resnet18"}, {"backbone": "vgg11"}],
}


@pytest.fixture
def summarised(tmp_path, monkeypatch, trial_row):
    """The newest summary of a study of resnet18 and vgg11, given {(backbone, lr): (scores, outcome)}."""

    def summarise(ends, vote=None):
        grid = {"backbone": ["resnet18", "vgg11"], "lr": [0.1, 0.2]}
        study = parse({"name": "x", "race": "full", "grid": grid})
        folder = StudyFolder(tmp_path / "x")
        records = Journal(folder.journal)
        records.append("study", study="x", config=study.model_dump())
        states = {}
        for config in configurations(study):
            scores, outcome = ends[config.backbone, config.lr]
            states[config.trial_id] = trial_row(scores).state
            records.append("trial", trial=config.trial_id, stage="final")
            records.append("end", trial=config.trial_id, status="FINISHED", outcome=outcome)
        if vote:
            records.append("ensemble", ensemble="e", report=REPORT, openings=2)
        monkeypatch.setattr(checkpoint, "examine", lambda place: (states[place.name], ""))
        summary.note(folder, records)
        *_, newest = journal.read(folder.journal)
        return folder, newest

    return summarise


TWO_FAMILIES = {
    ("resnet18", 0.1): ((0.7, 0.9, 0.8), "trained"),
    ("resnet18", 0.2): ((0.6,), "cut"),
    ("vgg11", 0.1): ((0.8, 0.85, 0.85), "trained"),
    ("vgg11", 0.2): ((), "failed"),
}


def test_the_summary_holds_the_best_the_counts_and_the_next_command(summarised):
    _, found = summarised(TWO_FAMILIES)
    best = {"name": "resnet18 0.1", "num_seeds": 1, "val_auroc": 0.9, "val_accuracy": 0.9}
    assert found["best"] == best
    assert (found["num_trained"], found["num_cut"], found["num_failed"]) == (2, 1, 1)
    assert found["vote"] is None
    assert found["next"] == "pneumoray ensemble --study x --top 2"


def test_two_trials_of_one_family_may_vote(summarised):
    ends = {("resnet18", 0.2): ((0.6,), "trained"), ("vgg11", 0.1): ((0.8,), "cut")}
    found = summarised(TWO_FAMILIES | ends)[1]
    assert found["next"] == "pneumoray ensemble --study x --any-family --top 2"


def test_a_single_trial_is_not_sent_to_vote(summarised):
    cut = {("vgg11", 0.1): ((0.8,), "cut")}
    assert summarised(TWO_FAMILIES | cut)[1]["next"] == "pneumoray leaderboard --study x"


def test_after_a_vote_it_says_what_that_scored(summarised):
    _, found = summarised(TWO_FAMILIES, vote=True)
    scores = {"auroc": 0.9, "accuracy": 0.8, "intervals": {}, "num_images": 64}
    assert found["vote"] == {"members": ["resnet18", "vgg11"], "openings": 2} | scores
    assert found["next"] == "pneumoray predict FILM --model x"


def test_the_leaderboard_lies_in_the_studys_folder(summarised):
    folder, found = summarised(TWO_FAMILIES)
    assert set(found["files"]) == {"leaderboard.csv", "leaderboard.png"}
    table = pd.read_csv(folder.path / "leaderboard.csv")
    assert table["name"].tolist()[:2] == ["resnet18 0.1", "vgg11 0.1"]
    assert list(table.columns[:2]) == ["name", "val_auroc"]
    assert "val_auroc_sd" not in table  # empty with one seed
    assert list(table.columns[-3:]) == ["trial", "backbone", "lr"]
    assert (folder.path / "leaderboard.png").read_bytes().startswith(b"\x89PNG")


def test_without_a_score_there_is_no_picture(summarised):
    nothing = dict.fromkeys(TWO_FAMILIES, ((), "failed"))
    folder, found = summarised(nothing)
    assert found["best"]["val_auroc"] is None
    assert set(found["files"]) == {"leaderboard.csv"}
    assert not (folder.path / "leaderboard.png").exists()
