"""What MLflow refuses waits, and keeps nothing else from being sent; what was deleted is whole again."""

import shutil
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pneumoray import tracking
from pneumoray.errors import TrackingError
from pneumoray.journal import Journal
from pneumoray.predictions import Predictions

PACK = {"hash": "ab" * 32, "path": "/packs/abab", "num_train": 7, "num_val": 3, "num_test": 4}
STUDY = {"study": "demo", "config": {"name": "demo"}, "pack": PACK, "tags": {}, "findings": []}
MODEL = "pneumoray-demo-resnet"
SCORES = {"auroc": 0.9, "accuracy": 0.8, "intervals": {}}
REPORT = {
    "vote": SCORES | {"name": "vote", "per_class": [{"class": "NA"}, {"class": "001"}]},
    "members": [SCORES | {"name": "a", "backbone": "resnet18"}],
}


@pytest.fixture
def study(journal, make_bundle, models_unwrapped, tmp_path, save_checkpoint):
    """A study of two trials in a journal: trained, registered, voted, ended. Returns the journal's path."""
    images = pd.DataFrame({"id": ["a", "b"], "label": [0, 1], "group": ["001", "NA"]})
    journal.append("study", **STUDY)
    for trial in ("a", "b"):
        folder = tmp_path / "trials" / trial
        val = Predictions(images, np.array([[0.9, 0.1], [0.2, 0.8]]), ("NA", "001"))
        save_checkpoint(folder, 2, val)
        (folder / "per_class.csv").write_text("class,num_images,auroc\nNA,1,0.5\n001,1,\n")
        begun = {"stage": "race", "family": "resnet", "backbone": "resnet18"}
        journal.append("trial", trial=trial, folder=str(folder), config={"lr": 1e-3}, **begun)
        for epoch in (1, 2):
            record = {"epoch": epoch, "val_auroc": 0.5 + epoch / 10, "train_loss": 1.0}
            journal.append("epoch", trial=trial, epoch=epoch, record=record)
        ended = {"outcome": "trained", "reason": None, "time_seconds": 1.0}
        best = {"epoch": 2, "val_auroc": 0.7}
        journal.append("end", trial=trial, status="FINISHED", best=best, **ended)
    bundle = make_bundle(tmp_path / "bundle", info={"origin": {"trial": "a"}})
    scored = {"val_auroc": 0.7, "val_digest": "same", "bundle": str(bundle)}
    journal.append("model", name=MODEL, family="resnet", trial="a", **scored)
    vote = {"ensemble": "vote-1", "members": ["a", "b"], "report": REPORT, "openings": 1}
    (tmp_path / "report.md").write_text("# tested")
    files = {"report.md": str(tmp_path / "report.md")}
    bundle = make_bundle(tmp_path / "vote", num_members=2)
    journal.append("ensemble", **vote, **scored | {"bundle": str(bundle)}, files=files)
    journal.append("study_end", status="FINISHED")
    return journal.path


NUM_RUNS, NUM_LINES = 4, 12


def close(path, settings):
    """What the thread says at its end: how many lines wait, and why."""
    thread = tracking.Replayer(path, settings)
    thread.start()
    return thread.close(60), thread


def runs(client):
    experiment = client.get_experiment_by_name("pneumoray-demo")
    return {r.info.run_name: r for r in client.search_runs([experiment.experiment_id])}


def content(client):
    """What MLflow has of the study, by the names of the runs, without ids that it draws itself."""
    found = {}
    named = {run.info.run_id: name for name, run in runs(client).items()}
    for name, run in runs(client).items():
        history = {
            key: [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, key)]
            for key in run.data.metrics
        }
        files = sorted(file.path for file in client.list_artifacts(run.info.run_id))
        tags = {key: named.get(value, value) for key, value in run.data.tags.items()}
        times = run.info.start_time, run.info.end_time
        splits = sorted(one.dataset.name for one in run.inputs.dataset_inputs)
        found[name] = run.info.status, times, run.data.params, tags, history, files, splits
    models = {
        model.name: (model.aliases, len(client.search_model_versions(f"name = '{model.name}'")))
        for model in client.search_registered_models()
    }
    return found, models


def num_sent(client):
    """How far the next process takes the journal to be sent."""
    return int(runs(client)["demo"].data.tags.get("pneumoray.sent", 0))


def num_sent_or_none(client):
    """The same, while the runs are only being made."""
    known = client.get_experiment_by_name("pneumoray-demo") and runs(client)
    return num_sent(client) if known and "demo" in known else None


def is_whole(client):
    found, models = content(client)
    assert len(found) == NUM_RUNS
    assert {status for status, *_ in found.values()} == {"FINISHED"}
    assert found["a"][2]["lr"] == "0.001"
    assert found["a"][4]["val_auroc"] == [(1, 0.6), (2, 0.7)]
    assert found["a"][5] == ["per_class.json", "val_predictions.json"]
    assert found["a"][3]["mlflow.parentRunId"] == "demo"
    assert set(models) == {MODEL, "pneumoray-demo-ensemble"}
    assert all(set(aliases) == {"champion"} for aliases, _ in models.values())
    return True


def test_a_tag_that_is_refused_keeps_nothing_else_back_and_is_sent_once_it_is_mended(
    study, settings, client
):
    wrong = settings.model_copy(update={"tags": {"ward?": "3", "team": "radiology"}})
    waiting, thread = close(study, wrong)
    assert waiting == 5  # study, two trials, model, vote
    assert "ward?" in thread.refused[0]
    assert thread.gone == []
    assert is_whole(client)
    tags = runs(client)["a"].data.tags
    assert (tags["team"], tags["outcome"]) == ("radiology", "trained")
    version = client.get_model_version_by_alias(MODEL, "champion")
    assert {"team": "radiology", "trial": "a"}.items() <= version.tags.items()
    assert num_sent(client) == 0

    right = settings.model_copy(update={"tags": {"ward": "3"}})
    waiting, thread = close(study, right)
    assert (waiting, thread.notes) == (0, [])
    assert is_whole(client)
    assert runs(client)["b"].data.tags["ward"] == "3"
    assert num_sent(client) == NUM_LINES


@contextmanager
def refusing(monkeypatch, method, times, code="PERMISSION_DENIED", name="b"):
    """MLflow's client refuses this call so often for what is called `name`, wherever it stands."""
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import ErrorCode

    from pneumoray.tracking.client import Client

    original, left = getattr(Client, method), [times]

    def refuse(self, *arguments, **fields):
        if left[0] and name in (*arguments, *fields.values()):
            left[0] -= 1
            raise MlflowException(f"no {method}", ErrorCode.Value(code))
        return original(self, *arguments, **fields)

    with monkeypatch.context() as patch:
        patch.setattr(Client, method, refuse)
        yield


@pytest.mark.parametrize(
    ("method", "name", "waiting"),
    [
        ("log_text", "per_class.json", 3),  # of both trials and of the vote
        ("create_registered_model", MODEL, 1),
        ("set_registered_model_alias", "pneumoray-demo-ensemble", 1),
        ("log_dict", "study.json", 1),
        ("log_artifact", None, 4),  # whatever the file
    ],
)
@pytest.mark.parametrize("code", ["PERMISSION_DENIED", "INTERNAL_ERROR", "INVALID_PARAMETER_VALUE"])
def test_what_is_refused_leaves_no_run_open_and_is_sent_later(
    study, settings, client, monkeypatch, method, name, waiting, code
):
    with refusing(monkeypatch, method, -1, code, name):
        found, thread = close(study, settings)
        assert found == waiting
        assert f"no {method}" in thread.refused[0]
    assert {run.info.status for run in runs(client).values()} == {"FINISHED"}
    assert num_sent(client) < NUM_LINES
    assert close(study, settings)[0] == 0
    assert is_whole(client)


def test_an_open_end_that_is_refused_waits_and_is_sent_by_the_next(
    study, settings, client, monkeypatch
):
    """What a killed driver left open has no line of its own in the journal."""
    Journal(study).append("trial", trial="b", folder="", config={}, stage="final")
    with refusing(monkeypatch, "set_terminated", -1, name="KILLED"):
        waiting, thread = close(study, settings)
    assert waiting > 0
    assert any("left_open of b" in reason for reason in thread.refused)
    assert close(study, settings)[0] == 0
    assert runs(client)["b"].info.status == "KILLED"


def test_what_was_refused_for_a_moment_is_sent_at_the_end(study, settings, client, monkeypatch):
    with refusing(monkeypatch, "log_text", 1, "INTERNAL_ERROR", "per_class.json"):
        waiting, thread = close(study, settings)
    assert (waiting, thread.notes) == (0, [])
    assert is_whole(client)


@contextmanager
def counting(monkeypatch, method):
    """The arguments of each such call of MLflow's client."""
    from pneumoray.tracking.client import Client

    original, calls = getattr(Client, method), []

    def count(self, *arguments, **fields):
        calls.append((arguments, fields))
        return original(self, *arguments, **fields)

    with monkeypatch.context() as patch:
        patch.setattr(Client, method, count)
        yield calls


def test_all_again_sends_once_more_only_from_what_was_refused_on(
    study, settings, client, monkeypatch
):
    alias = ("set_registered_model_alias", -1, "PERMISSION_DENIED", "pneumoray-demo-ensemble")
    with refusing(monkeypatch, *alias), counting(monkeypatch, "set_terminated") as calls:
        sent = tracking.replay(study, settings, whole=True)
    assert sent.num_waiting == 1  # the vote; behind it stands the end of the study
    names = {run.info.run_id: name for name, run in runs(client).items()}
    ended = Counter(names[run_id] for (run_id, *_), _ in calls)
    assert ended == {"a": 1, "b": 1, "vote of resnet18": 2, "demo": 2}
    assert num_sent(client) == NUM_LINES - 2


def test_after_an_epoch_that_is_refused_the_others_go_together_again(
    journal, settings, client, monkeypatch
):
    journal.append("study", **STUDY)
    journal.append("trial", trial="a", folder="", config={}, stage="race")
    for epoch in range(1, 251):
        record = {"val?auroc" if epoch == 7 else "val_auroc": 0.5}
        journal.append("epoch", trial="a", epoch=epoch, record=record)
    with counting(monkeypatch, "log_batch") as calls:
        sent = tracking.replay(journal.path, settings)
    assert sent.num_waiting == 1
    steps = [[one.step for one in fields["metrics"]] for _, fields in calls if "metrics" in fields]
    singly = [[epoch] for epoch in range(1, 101)]
    assert steps[-102:] == [*singly, list(range(101, 201)), list(range(201, 251))]
    history = client.get_metric_history(runs(client)["a"].info.run_id, "val_auroc")
    assert sorted(row.step for row in history) == [*range(1, 7), *range(8, 251)]


def test_a_server_that_is_busy_is_waited_for(study, settings, client, monkeypatch):
    with refusing(monkeypatch, "log_text", 1, "TEMPORARILY_UNAVAILABLE", "per_class.json"):
        with pytest.raises(TrackingError, match="can't be used now"):
            tracking.replay(study, settings)
        assert tracking.replay(study, settings).num_waiting == 0
    assert is_whole(client)


def test_one_metric_that_is_refused_does_not_keep_the_others(journal, settings, client):
    journal.append("study", **STUDY)
    journal.append("trial", trial="a", folder="", config={}, stage="race")
    record = {"val?auroc": 0.5, "train_loss": 0.25, "val_loss": 0.75}
    journal.append("epoch", trial="a", epoch=1, record=record)
    sent = tracking.replay(journal.path, settings)
    assert (sent.num_lines, sent.num_waiting) == (3, 1)
    assert "val?auroc" in sent.refused[0]
    assert runs(client)["a"].data.metrics == {"train_loss": 0.25, "val_loss": 0.75}


@pytest.mark.parametrize("deleted", [["a"], ["demo"], ["vote of resnet18"], ["demo", "a", "b"]])
@pytest.mark.parametrize("for_good", [False, True], ids=["deleted", "gone for good"])
def test_a_run_that_was_deleted_is_whole_when_it_is_made_again(
    study, settings, client, deleted, for_good
):
    assert close(study, settings)[0] == 0
    before = content(client)
    ids = {name: run.info.run_id for name, run in runs(client).items()}
    for name in deleted:
        client.delete_run(ids[name])
        if for_good:
            uris = [f"--{of}-uri={settings.tracking_uri}" for of in ("backend-store", "tracking")]
            gc = [sys.executable, "-m", "mlflow", "gc", "--run-ids", ids[name], *uris]
            subprocess.run(
                gc, check=True, capture_output=True
            )  # here it would set the server of all
    Journal(study).append("comparison", page=str(study.parent / "report.html"))
    (study.parent / "report.html").write_text("<html>")
    assert close(study, settings)[0] == 0
    assert is_whole(client)
    after = {name: run.info.run_id for name, run in runs(client).items()}
    assert {name for name in ids if ids[name] != after[name]} == set(deleted if for_good else [])
    found, models = content(client)
    for name in ("a", "b", "vote of resnet18"):
        assert found[name] == before[0][name]
    num_versions = {name: number for name, (_, number) in models.items()}
    again = {MODEL: 2 if for_good and "a" in deleted else 1}
    again["pneumoray-demo-ensemble"] = 2 if for_good and deleted[0].startswith("vote") else 1
    assert num_versions == again
    for name, (aliases, number) in models.items():
        assert aliases["champion"] == number, name


def test_a_run_that_is_deleted_while_its_study_trains_is_whole_in_the_end(study, settings, client):
    thread = tracking.Replayer(study, settings)
    thread.start()
    while num_sent_or_none(client) != NUM_LINES:
        time.sleep(0.05)
    client.delete_run(runs(client)["b"].info.run_id)
    Journal(study).append("epoch", trial="b", epoch=3, record={"epoch": 3, "val_auroc": 0.8})
    assert thread.close(60) == 0
    assert thread.notes == []
    assert is_whole(client)
    rows = client.get_metric_history(runs(client)["b"].info.run_id, "val_auroc")
    assert [row.step for row in rows] == [1, 2, 3]


def test_who_may_edit_and_not_restore_gets_a_new_run(study, settings, client, monkeypatch):
    tracking.replay(study, settings)
    old = runs(client)["b"].info.run_id
    client.delete_run(old)
    with refusing(monkeypatch, "restore_run", 1, name=old):
        assert tracking.replay(study, settings, whole=True).num_waiting == 0
    assert is_whole(client)
    assert runs(client)["b"].info.run_id != old


def test_a_registered_model_that_was_deleted_is_there_again(study, settings, client):
    tracking.replay(study, settings)
    before = content(client)
    client.delete_registered_model(MODEL)
    client.delete_model_version("pneumoray-demo-ensemble", "1")
    assert tracking.replay(study, settings).num_waiting == 0  # it believes what it has noted
    assert content(client) != before
    sent = tracking.replay(study, settings, whole=True)
    assert (sent.num_waiting, sent.refused, sent.gone) == (0, (), ())
    assert is_whole(client)
    version = client.get_model_version_by_alias("pneumoray-demo-ensemble", "champion")
    assert version.run_id == runs(client)["vote of resnet18"].info.run_id


def test_everything_again_leaves_the_same(study, settings, client):
    tracking.replay(study, settings)
    before = content(client)
    tracking.replay(study, settings, whole=True)
    assert content(client) == before


def test_a_file_that_is_gone_is_told_by_name_and_nothing_waits_for_it(
    study, settings, client, tmp_path
):
    (tmp_path / "report.md").unlink()
    shutil.rmtree(tmp_path / "bundle")
    waiting, thread = close(study, settings)
    assert (waiting, thread.refused) == (0, [])
    assert thread.gone == [
        f"model of a: bundle {tmp_path}/bundle is missing",
        f"ensemble of vote-1: {tmp_path}/report.md is missing",
    ]
    assert {run.info.status for run in runs(client).values()} == {"FINISHED"}


def test_what_a_killed_driver_left_open_is_ended_at_its_last_sign_of_life(
    journal, settings, client
):
    journal.append("study", **STUDY)
    for trial in ("a", "b"):
        journal.append("trial", trial=trial, folder="", config={}, stage="race")
    journal.append("epoch", trial="a", epoch=1, record={"epoch": 1, "val_auroc": 0.5})
    tracking.replay(journal.path, settings)
    assert {run.info.status for run in runs(client).values()} == {"RUNNING"}
    assert tracking.replay(journal.path, settings, whole=True).num_waiting == 0
    found = runs(client)
    assert {name: run.info.status for name, run in found.items()} == dict.fromkeys(
        ("demo", "a", "b"), "KILLED"
    )
    assert found["a"].data.tags["outcome"] == "interrupted"
    (last,) = client.get_metric_history(found["a"].info.run_id, "val_auroc")
    assert found["a"].info.end_time == last.timestamp


def test_long_texts_are_cut_and_say_so(journal, settings, client):
    config = {"name": "demo", "backbones": ["x" * 9000], "description": "d" * 30_000}
    journal.append("study", **STUDY | {"config": config})
    named = {"trial": "a", "run_name": "n" * 300, "folder": "", "config": {}, "stage": "race"}
    journal.append("trial", **named)
    end = {"outcome": "failed", "reason": "r" * 9000, "time_seconds": 1.0, "status": "FAILED"}
    journal.append("end", trial="a", **end)
    sent = tracking.replay(journal.path, settings)
    assert (sent.num_waiting, sent.refused) == (0, ())
    (name,) = set(runs(client)) - {"demo"}
    assert (len(name), name[-20:]) == (250, "... (300 characters)")
    param = runs(client)["demo"].data.params["backbones"]
    assert (len(param), param[-22:]) == (6000, "... (9,004 characters)")
    reason = runs(client)[name].data.tags["reason"]
    assert (len(reason), reason[-22:]) == (8000, "... (9,000 characters)")
    experiment = client.get_experiment_by_name("pneumoray-demo")
    assert len(experiment.tags["mlflow.note.content"]) == 20_000


def test_class_names_are_text_in_mlflow_too(study, settings, client, tmp_path):
    tracking.replay(study, settings)
    found = runs(client)

    def table(run, name):
        path = client.download_artifacts(found[run].info.run_id, name, str(tmp_path))
        return pd.read_json(Path(path), orient="split", dtype=False)

    per_class = table("a", "per_class.json")
    assert per_class["class"].tolist() == ["NA", "001"]
    assert per_class["num_images"].tolist() == [1, 1]
    assert per_class["auroc"].isna().tolist() == [False, True]
    assert table("vote of resnet18", "per_class.json")["class"].tolist() == ["NA", "001"]
    assert table("a", "val_predictions.json")["group"].tolist() == ["001", "NA"]
