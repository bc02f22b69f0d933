"""The studies of a workspace: how far each came, its scores, its disk."""

import os
import time
from dataclasses import asdict

import pytest

from pneumoray import artifact
from pneumoray.checkpoint import EpochRecord, State
from pneumoray.errors import StudyError
from pneumoray.grid import configurations
from pneumoray.journal import Journal
from pneumoray.stages.overview import overview
from pneumoray.study_file import parse
from pneumoray.workspace import open_workspace


@pytest.fixture
def place(tmp_path):
    return open_workspace(tmp_path / "ws")


def begin(place, name, aurocs=(), end=None, vote=None):
    """A study of three trials; those with an AUROC have ended, of which the last was cut."""
    study = parse({"name": name, "backbones": ["resnet18"], "grid": {"lr": [0.1, 0.2, 0.3]}})
    folder = place.study(name)
    folder.claim(study, {}, False, {"leaks_allowed": False})
    written = Journal(folder.journal)
    written.append("study", study=name, config=study.model_dump())
    ids = [config.trial_id for config in configurations(study)]
    for trial, auroc in zip(ids, aurocs, strict=False):
        written.append("trial", trial=trial, stage="race")
        record = EpochRecord(1, 0.5, 0.5, 0.5, 0.4, 0.5, auroc, 0.5, 10.0, 30.0)
        artifact.write_json(
            folder.trial(trial) / "epoch-0001" / "state.json", asdict(State((record,)))
        )
        outcome = "cut" if trial == ids[2] else "trained"
        written.append("end", trial=trial, status="FINISHED", outcome=outcome, reason=None)
    if end:
        written.append("study_end", status=end)
    if vote:
        written.append("ensemble", ensemble="ensemble-1", val_auroc=vote)
    return ids


def test_a_finished_study_has_its_best_trial_and_its_vote(place):
    ids = begin(place, "x", (0.8, 0.9, float("nan")), end="FINISHED", vote=0.95)
    (found,) = overview(place.root).studies
    assert (found.study, found.state) == ("x", "finished")
    assert (found.num_ended, found.num_failed, found.num_trials) == (3, 0, 3)
    best = (found.best_trial, found.best_backbone, found.best_val_auroc)
    assert best == (ids[1], "resnet18", 0.9)
    assert (found.vote, found.vote_val_auroc) == ("ensemble-1", 0.95)


@pytest.mark.parametrize(
    ("end", "state"),
    [("FINISHED", "finished"), ("KILLED", "stopped"), ("FAILED", "failed"), (None, "stopped")],
)
def test_the_state_is_that_of_the_last_attempt(place, end, state):
    begin(place, "x", (0.8,), end=end)
    (found,) = overview(place.root).studies
    assert (found.state, found.num_ended, found.num_trials) == (state, 1, 3)


def test_who_holds_the_study_is_running_it(place):
    begin(place, "x", (0.8,), end="KILLED")
    with place.study("x").locked():
        (found,) = overview(place.root).studies
    assert (found.state, found.num_ended) == ("running", 1)


def test_a_study_that_was_only_claimed_has_no_score(place):
    study = parse({"name": "x", "backbones": ["resnet18"]})
    place.study("x").claim(study, {}, False, {"leaks_allowed": False})
    (found,) = overview(place.root).studies
    assert (found.state, found.num_trials, found.best_val_auroc) == ("not begun", 0, None)
    assert found.trained_at is None


def test_a_damaged_study_says_why_and_the_others_are_shown(place):
    begin(place, "a", (0.8,), end="FINISHED")
    begin(place, "b")
    with place.study("b").journal.open("a") as file:
        file.write("{\n")
    found = {one.study: one for one in overview(place.root).studies}
    assert found["a"].state == "finished"
    assert found["b"].state == "damaged"
    assert "line 2 of" in found["b"].reason


def test_the_last_trained_is_first_and_a_later_vote_is_no_training(place):
    for name in ("b", "a", "c"):
        begin(place, name, end="FINISHED")
    Journal(place.study("b").journal).append("ensemble", ensemble="e", val_auroc=0.5)
    found = overview(place.root)
    assert [one.study for one in found.studies] == ["c", "a", "b"]
    assert found.meant is None


def test_a_clock_that_was_set_back_does_not_change_which_is_first(place, monkeypatch):
    for day, name in ((9, "a"), (8, "b"), (3, "c")):
        monkeypatch.setattr(time, "time", lambda day=day: day * 86_400.0)
        begin(place, name, end="FINISHED")
        place.remember(name)  # as train-all does
    found = overview(place.root)
    assert [one.trained_at for one in found.studies] == [3 * 86_400, 9 * 86_400, 8 * 86_400]
    assert [one.study for one in found.studies] == ["c", "a", "b"]
    assert found.meant == "c"


def test_disk_is_the_studys_own_and_packs_and_mlflow_are_apart(place):
    begin(place, "x")
    (place.study("x").path / "large").write_bytes(bytes(5000))
    own = sum(file.stat().st_size for file in place.study("x").path.iterdir())
    for name, size in (("packs/1/pixels.u8", 700), ("mlflow.db", 30), ("mlartifacts/m", 4)):
        (place.root / name).parent.mkdir(parents=True, exist_ok=True)
        (place.root / name).write_bytes(bytes(size))
    found = overview(place.root)
    assert found.studies[0].num_bytes == own > 5000
    assert (found.num_pack_bytes, found.num_mlflow_bytes) == (700, 34)


def test_where_nothing_is_trained_nothing_is_made(tmp_path):
    with pytest.raises(StudyError, match=r"nothing is trained .*train-all"):
        overview(tmp_path / "nowhere")
    assert os.listdir(tmp_path) == []
