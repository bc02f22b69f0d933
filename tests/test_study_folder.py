"""A study's folder refuses another study under its name, has one user at a time, and ranks trials."""

import json
import os
from dataclasses import asdict
from functools import partial
from types import SimpleNamespace

import pytest

from pneumoray import artifact, checkpoint
from pneumoray.checkpoint import EpochRecord, State
from pneumoray.errors import StudyError, WorkspaceError
from pneumoray.grid import configurations
from pneumoray.journal import Journal
from pneumoray.study_file import parse
from pneumoray.study_folder import StudyFolder
from pneumoray.workspace import open_workspace

PACKS = {"32px squeeze grey": "abc"}
MARKS = {"leaks_allowed": False}


def study(**fields):
    return parse({"name": "x", "backbones": ["resnet18"], "epochs": 4, "race": "full"} | fields)


@pytest.fixture
def place(tmp_path):
    return open_workspace(tmp_path / "ws")


def test_the_same_study_on_the_same_data_goes_on(place):
    folder = place.study("x")
    folder.claim(study(), PACKS, False, MARKS)
    (folder.path / "trials").mkdir()
    folder.claim(study(description="new words", data="/moved"), PACKS, False, MARKS)
    assert (folder.path / "trials").exists()
    assert folder.identity()["packs"] == PACKS


@pytest.mark.parametrize("fresh", [False, True])
def test_a_folder_of_other_things_is_neither_claimed_nor_removed(place, fresh):
    folder = place.study("x")
    folder.path.mkdir(parents=True)
    (folder.path / ".study.json.tmp-1-ab").touch()  # a start that was killed leaves no more
    folder.claim(study(), PACKS, fresh, MARKS)
    (folder.path / "study.json").unlink()
    (folder.path / "thesis.txt").write_text("precious")
    with pytest.raises(
        WorkspaceError, match=r"studies/x is no study's folder \(it has no study\.json\)"
    ):
        folder.claim(study(), PACKS, fresh, MARKS)
    assert (folder.path / "thesis.txt").read_text() == "precious"
    assert not (folder.path / "study.json").exists()


@pytest.mark.parametrize(
    ("fields", "packs", "marks", "named"),
    [
        ({"lr": 0.5}, PACKS, MARKS, "lr 0.001 -> 0.5"),
        ({"epochs": 3, "schedule": "constant"}, PACKS, MARKS, "schedule cosine -> constant"),
        ({"epochs": 5}, PACKS, MARKS, "epochs 4 -> 5"),
        ({}, {"32px squeeze grey": "other"}, MARKS, "packs"),
        ({}, PACKS, {"leaks_allowed": True}, "leaks_allowed False -> True"),
    ],
)
def test_another_study_or_other_data_is_refused_by_name(place, fields, packs, marks, named):
    folder = place.study("x")
    folder.claim(study(), PACKS, False, MARKS)
    Journal(folder.journal).append("trial", trial="resnet18-1", stage="race")
    before = folder.identity()
    with pytest.raises(StudyError, match="--fresh") as caught:
        folder.claim(study(**fields), packs, False, marks)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)
    assert folder.identity() == before


@pytest.mark.parametrize("schedule", ["constant", "step"])
def test_more_epochs_go_on_where_the_schedule_allows(place, schedule):
    folder = place.study("x")
    folder.claim(study(schedule=schedule), PACKS, False, MARKS)
    Journal(folder.journal).append("trial", trial="resnet18-1", stage="race")
    folder.claim(study(schedule=schedule, epochs=9), PACKS, False, MARKS)
    assert folder.identity()["study"]["epochs"] == 9
    with pytest.raises(StudyError, match="epochs 9 -> 4"):
        folder.claim(study(schedule=schedule, epochs=4), PACKS, False, MARKS)


def test_a_grid_may_grow_where_no_race_cuts(place):
    folder = place.study("x")
    folder.claim(study(race="full"), PACKS, False, MARKS)
    Journal(folder.journal).append("trial", trial="resnet18-1", stage="race")
    folder.claim(study(race="full", grid={"lr": [0.1, 0.2]}, seeds=3), PACKS, False, MARKS)
    assert folder.identity()["study"]["seeds"] == 3
    with pytest.raises(StudyError, match=r"race full -> .*--fresh"):
        folder.claim(study(race={"rungs": [1]}), PACKS, False, MARKS)


def test_a_study_that_never_began_may_change(place):
    """A mistake that ended before the first trial, as too many workers, is no experiment."""
    folder = place.study("x")
    folder.claim(study(workers=32, batch_size=32), PACKS, False, MARKS)
    folder.claim(study(), PACKS, False, MARKS)
    assert folder.identity()["study"]["workers"] == 1


def test_fresh_forgets_what_was_there(place):
    folder = place.study("x")
    folder.claim(study(), PACKS, False, MARKS)
    (folder.path / "journal.jsonl").write_text("")
    folder.claim(study(lr=0.5), PACKS, True, MARKS)
    assert os.listdir(folder.path) == ["study.json"]


def test_one_process_at_a_time(place):
    folder, same = place.study("x"), open_workspace(place.root).study("x")
    with (
        folder.locked(),
        pytest.raises(WorkspaceError, match="in use by another process"),
        same.locked(),
    ):
        pass
    with same.locked():
        pass


def test_the_lock_is_freed_by_an_error(place):
    folder = place.study("x")
    with pytest.raises(ZeroDivisionError), folder.locked():
        raise ZeroDivisionError
    with folder.locked():
        pass


NAMES = ("done", "failed", "running", "again", "undefined", "waiting")


@pytest.fixture
def ranked(place):
    """A folder with trials that ended, failed, run, were taken up again and never began.

    `ranked.ids` are the trials' ids, by the name that each has here.
    """
    folder = place.study("x")
    written = Journal(folder.journal)
    made = study(grid={"lr": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]})
    written.append("study", study="x", config=made.model_dump())
    ids = {name: c.trial_id for name, c in zip(NAMES, configurations(made), strict=True)}
    aurocs = {"done": 0.9, "failed": None, "running": 0.95, "again": 0.8, "undefined": float("nan")}
    for name, auroc in aurocs.items():
        written.append("trial", trial=ids[name], stage="race")
        if auroc is not None:
            record = EpochRecord(1, 0.5, 0.5, 0.5, 0.4, 0.5, auroc, 0.5, 10.0, 30.0)
            _save_state(folder.trial(ids[name]), State((record,)))
    end = partial(written.append, "end")
    end(trial=ids["done"], status="FINISHED", outcome="trained", reason=None)
    end(trial=ids["failed"], status="FAILED", outcome="failed", reason="too hot")
    end(trial=ids["again"], status="KILLED", outcome="interrupted", reason="stopped")
    written.append("trial", trial=ids["again"], stage="final")
    return SimpleNamespace(folder=folder, ids=ids)


def _save_state(folder, state):
    artifact.write_json(folder / "epoch-0001" / "state.json", asdict(state))
    assert checkpoint.read_state(folder).epoch == 1


def test_the_leaderboard_has_the_best_first_and_undefined_scores_last(ranked):
    order = [row.trial for row in ranked.folder.rows()]
    assert order[:3] == [ranked.ids[name] for name in ("running", "done", "again")]
    assert set(order[3:]) == {ranked.ids[name] for name in ("failed", "undefined", "waiting")}


def test_a_row_says_how_far_its_trial_came(ranked):
    with ranked.folder.locked():
        rows = {row.trial: row for row in ranked.folder.rows({ranked.ids["done"]: "run-1"})}
    said = {
        name: (rows[i].stage, rows[i].status, rows[i].outcome, rows[i].reason)
        for name, i in ranked.ids.items()
    }
    assert said["done"] == ("race", "FINISHED", "trained", "")
    assert said["failed"] == ("race", "FAILED", "failed", "too hot")
    assert said["running"] == ("race", "RUNNING", "", "")
    assert said["again"] == ("final", "RUNNING", "", "")
    assert said["waiting"] == ("race", "WAITING", "", "")
    done, failed = rows[ranked.ids["done"]], rows[ranked.ids["failed"]]
    assert (done.epochs, done.time_seconds, done.run_id) == (1, 30.0, "run-1")
    assert (failed.epochs, failed.val_auroc) == (0, None)


def test_a_damaged_trial_says_so_and_the_others_stay_as_they_are(ranked):
    before = {row.trial: row for row in ranked.folder.rows()}
    damages = {"done": {"optimizer.pt": {"bytes": 9, "sha256": ""}}, "again": None}
    for name, files in damages.items():
        path = ranked.folder.trial(ranked.ids[name]) / "epoch-0001" / "state.json"
        if files is None:
            path.write_text("{")
        else:
            artifact.write_json(path, artifact.read_json(path) | {"files": files})
    rows = {row.trial: row for row in ranked.folder.rows()}
    done, again = (rows.pop(ranked.ids[name]) for name in damages)
    assert (done.outcome, done.epochs, done.val_auroc) == ("damaged", 0, None)
    assert done.reason == (
        "optimizer.pt is missing in epoch-0001; 'pneumoray train-all' trains it again from epoch 1"
    )
    assert (again.outcome, again.epochs) == ("failed", 0)
    assert "state.json can't be read" in again.reason
    assert all(row == before[trial] for trial, row in rows.items() if row.epochs == 0)


def test_nothing_runs_where_no_process_holds_the_study(ranked):
    rows = {row.trial: row for row in ranked.folder.rows()}
    left = rows[ranked.ids["running"]]
    assert (left.status, left.outcome) == ("KILLED", "interrupted")


def test_a_clock_that_is_set_back_ends_nothing_anew(ranked):
    """As a version wrote it whose journal had the times of the clock: the order decides."""
    lines = ranked.folder.journal.read_text().splitlines()
    records = [json.loads(line) for line in lines]
    times = range(len(records), 0, -1)
    ranked.folder.journal.write_text(
        "".join(json.dumps(r | {"time": t}) + "\n" for r, t in zip(records, times, strict=True))
    )
    rows = {row.trial: row for row in ranked.folder.rows()}
    found = {name: rows[id].outcome for name, id in ranked.ids.items()}
    assert found == {
        "done": "trained",
        "failed": "failed",
        "running": "interrupted",
        "again": "interrupted",
        "undefined": "interrupted",
        "waiting": "",
    }


def test_a_study_without_trials_has_no_rows(place):
    assert StudyFolder(place.root / "studies" / "none").rows() == []
