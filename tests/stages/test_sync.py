"""`pneumoray sync`: what MLflow has not got is there afterwards, and what can't be sent is said."""

import json
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from pneumoray import artifact, tracking
from pneumoray.journal import Journal
from pneumoray.stages import recording
from pneumoray.stages.sync import sync
from pneumoray.terminal.main import main
from pneumoray.tracking import replayer
from pneumoray.workspace import open_workspace

PACK = {"hash": "ab" * 32, "path": "/packs/abab", "num_train": 7, "num_val": 3, "num_test": 4}


def _begin(place, name):
    """A study with one trial of two epochs, which was trained, and a page that was compared."""
    folder = place.study(name)
    artifact.write_json(folder.path / "study.json", {})
    journal = Journal(folder.journal)
    journal.append("study", study=name, config={"name": name}, pack=PACK)
    begun = {"stage": "race", "family": "resnet", "backbone": "resnet18", "config": {"lr": 0.1}}
    journal.append("trial", trial="a", folder=str(folder.path / "a"), **begun)
    for epoch in (1, 2):
        journal.append("epoch", trial="a", epoch=epoch, record={"epoch": epoch, "val_auroc": 0.5})
    best = {"epoch": 2, "val_auroc": 0.5}
    ended = {"outcome": "trained", "reason": None, "time_seconds": 1.0, "best": best}
    journal.append("end", trial="a", status="FINISHED", **ended)
    (folder.path / "page.html").write_text("<html>")
    journal.append("comparison", page=str(folder.path / "page.html"))
    journal.append("study_end", status="FINISHED")
    return folder


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """An initialised database: making one takes MLflow seconds."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    _client(path).search_experiments()
    return path


def _client(path):
    settings = tracking.Settings(tracking_uri=f"sqlite:///{path}")
    return replayer.with_mlflow("client").connect(settings)


@pytest.fixture
def place(tmp_path, empty, monkeypatch):
    """A workspace with the studies 'one' and 'two', of which nothing was sent."""
    monkeypatch.chdir(tmp_path)
    place = open_workspace(tmp_path / "ws")
    (place.root / "mlflow.db").write_bytes(empty.read_bytes())
    for name in ("one", "two"):
        _begin(place, name)
    return place


@pytest.fixture
def client(place):
    return _client(place.root / "mlflow.db")


def _run(*arguments):
    done = CliRunner().invoke(main, ["sync", *map(str, arguments)])
    assert not done.exception or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout.splitlines(), done.stderr


def _runs(client, study):
    experiment = client.get_experiment_by_name(f"pneumoray-{study}")
    return {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}


def test_every_study_is_sent_and_one_line_says_so(place, client):
    where = f"sqlite:///{place.root}/mlflow.db"
    code, lines, errors = _run("--workspace", place.root)
    said = f"all of it is in {where} (2 runs, 7 records)"
    assert (code, lines) == (0, [f"one: {said}", f"two: {said}"])
    assert errors.splitlines() == ["worked through 7 of 7 records"] * 2
    for study in ("one", "two"):
        assert set(_runs(client, study)) == {study, "a"}
    settings = tracking.find_settings(None, place.root)
    assert recording.all_sent(place.study("one"), settings)


def test_what_was_deleted_since_is_there_again_whatever_is_noted(place, client):
    _run("--workspace", place.root)
    runs = _runs(client, "one")
    for run in runs.values():
        client.delete_run(run.info.run_id)
    assert _runs(client, "one") == {}
    code, lines, _ = _run("--workspace", place.root, "--study", "one")
    assert (code, len(lines)) == (0, 1)
    again = _runs(client, "one")
    assert again["a"].data.tags["mlflow.parentRunId"] == again["one"].info.run_id
    assert again["a"].data.params == {"lr": "0.1"}
    history = client.get_metric_history(again["a"].info.run_id, "val_auroc")
    assert [row.step for row in history] == [1, 2]
    files = [file.path for file in client.list_artifacts(again["one"].info.run_id)]
    assert "comparisons" in files


def test_what_is_missing_is_said_by_name_and_the_exit_code_is_one(place, client):
    page = place.study("one").path / "page.html"
    page.unlink()
    Journal(place.study("two").journal).append("epoch", trial="a", epoch=3, record={"a?": 1.0})
    code, lines, _ = _run("--workspace", place.root)
    assert code == 1
    assert lines[0] == f"one: not in MLflow: comparison: {page} is missing"
    assert lines[1].startswith("two: not in MLflow: epoch of a: Invalid value ")
    assert {run.info.status for run in _runs(client, "two").values()} == {"FINISHED"}
    settings = tracking.find_settings(None, place.root)
    assert not recording.all_sent(place.study("two"), settings)


def test_a_study_in_use_is_left_alone_and_refused_by_name(place, client):
    def work():
        with place.study("one").locked():
            has_lock.set()
            may_end.wait(60)

    has_lock, may_end = threading.Event(), threading.Event()
    thread = threading.Thread(target=work)
    thread.start()
    assert has_lock.wait(60)
    try:
        code, lines, _ = _run("--workspace", place.root)
        assert (code, lines[0]) == (0, "one: in use by another process, which sends it itself")
        assert client.get_experiment_by_name("pneumoray-one") is None
        code, lines, errors = _run("--workspace", place.root, "--study", "one")
        assert (code, lines) == (1, [])
        assert "study one is in use by another process" in errors
    finally:
        may_end.set()
        thread.join()


def test_a_study_that_was_only_claimed_has_nothing_to_send(place):
    artifact.write_json(place.study("new").path / "study.json", {})
    assert _run("--workspace", place.root, "--study", "new")[:2] == (
        0,
        ["new: nothing to send yet"],
    )


def test_a_server_that_is_away_is_one_line_for_each_study(place):
    (place.root / "mlflow.yaml").write_text("tracking_uri: http://me:s3cret@127.0.0.1:1\n")
    found = list(sync(workspace=place.root))
    assert [one.place for one in found] == ["http://127.0.0.1:1"] * 2
    assert "MLflow server http://127.0.0.1:1 can't be reached" in found[0].missing[0]
    code, lines, _ = _run("--workspace", place.root)
    assert code == 1
    assert len(lines) == 2
    assert "s3cret" not in "".join(lines)


def test_what_was_written_by_a_damaged_disk_is_named(place):
    with place.study("one").journal.open("a") as file:
        file.write("{no json}\n")
    code, lines, _ = _run("--workspace", place.root)
    assert code == 1
    assert "line 8 of" in lines[0]
    assert lines[1].startswith("two: all of it is in")


def test_no_study_or_an_unknown_one_is_refused(place, tmp_path):
    code, _, errors = _run("--workspace", tmp_path / "empty")
    assert (code, "nothing is trained in workspace" in errors) == (1, True)
    code, _, errors = _run("--workspace", place.root, "--study", "on")
    assert (code, "did you mean one?" in errors) == (1, True)
    assert not Path(tmp_path / "empty").exists()


def test_a_study_of_which_a_part_is_refused_is_noted_as_not_sent(place):
    settings = tracking.find_settings(None, place.root)
    folder, told = place.study("one"), []
    wrong = settings.model_copy(update={"tags": {"ward?": "3"}})
    with recording.recorded(folder, wrong, told.append):
        pass
    (event,) = told
    assert (event["type"], event["study"], event["records"]) == ("unsent", "one", 2)
    assert "ward?" in event["reason"]
    assert not recording.all_sent(folder, wrong)
    with recording.recorded(folder, settings, told.append):
        pass
    assert told == [event]
    assert recording.all_sent(folder, settings)
    assert set(json.loads((folder.path / "sent.json").read_text())["run_ids"]) == {"a"}
