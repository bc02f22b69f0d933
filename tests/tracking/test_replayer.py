"""The journal arrives in MLflow once, whatever is killed, down, or replayed."""

import http.server
import json
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from pneumoray import bundle, tracking
from pneumoray.bundle import Bundle, Member
from pneumoray.errors import TrackingError
from pneumoray.journal import Journal
from pneumoray.models import zoo
from pneumoray.models.architecture import Architecture
from pneumoray.predictions import Predictions
from pneumoray.tracking import replayer

torch.set_num_threads(1)  # tiny networks: more threads only wait for each other

RECORD = {
    "train_loss": 0.5,
    "train_accuracy": 0.7,
    "train_auroc": 0.8,
    "val_loss": 0.6,
    "val_accuracy": 0.65,
    "val_auroc": 0.75,
    "lr": 1e-3,
    "images_per_second": 100.0,
    "seconds": 2.0,
}
CONFIG = {"backbone": "resnet18", "optimizer": "adam", "lr": 1e-3, "clip_norm": None}
PACK_HASH = "0123456789abcdef" * 4
STUDY = {
    "study": "demo",
    "config": {"name": "demo", "grid": {"lr": [1e-3, 1e-2]}},
    "pack": {"hash": PACK_HASH, "path": "/packs/0123456789abcdef", "num_train": 7, "num_val": 3},
    "tags": {"git_commit": "abc123", "version.torch": "2"},
    "findings": [{"kind": "hidden", "severity": "handled", "message": "m", "image_ids": ["a"]}],
    "leaks_allowed": False,
}
SCORES = {
    "auroc": 0.9,
    "accuracy": 0.8,
    "intervals": {"auroc": [0.85, 0.95], "accuracy": [None, 1]},
}


def _begin(journal, trial="resnet18-1", stage="race", folder="", **changes):
    journal.append(
        "trial",
        trial=trial,
        stage=stage,
        family="resnet",
        backbone="resnet18",
        folder=str(folder),
        config=CONFIG | changes,
    )


def _epochs(journal, epochs, trial="resnet18-1"):
    for epoch in epochs:
        record = RECORD | {"epoch": epoch, "val_auroc": 0.7 + epoch / 100}
        journal.append("epoch", trial=trial, epoch=epoch, record=record)


def _end(journal, trial="resnet18-1", status="FINISHED", outcome="trained", **fields):
    best = {"epoch": 2, "val_auroc": 0.72}
    summary = {"time_seconds": 4.5, "parameters_total": 11, "parameters_trainable": 10}
    journal.append(
        "end",
        trial=trial,
        status=status,
        outcome=outcome,
        reason=None,
        best=best,
        **summary,
        **fields,
    )


def _whole_study(journal, folder=""):
    journal.append("study", **STUDY)
    _begin(journal, folder=folder)
    _epochs(journal, [1, 2])
    _begin(journal, "vgg11-2")
    _epochs(journal, [1], "vgg11-2")
    _end(journal, "vgg11-2", outcome="cut")
    _begin(journal, stage="final", folder=folder)
    _epochs(journal, [3])
    _end(journal)
    journal.append("study_end", status="FINISHED")


def _runs(client):
    experiment = client.get_experiment_by_name("pneumoray-demo")
    runs = client.search_runs([experiment.experiment_id])
    return {run.info.run_name: run for run in runs}


def _everything(client):
    """All that MLflow knows of the study, without ids that it draws itself."""
    names = {run.info.run_id: name for name, run in _runs(client).items()}
    found = {}
    for run_id, name in names.items():
        run = client.get_run(run_id)
        tags = {key: names.get(value, value) for key, value in run.data.tags.items()}
        rows = [
            (m.key, m.step, m.timestamp, m.value)
            for key in sorted(run.data.metrics)
            for m in client.get_metric_history(run_id, key)
        ]
        files = sorted(file.path for file in client.list_artifacts(run_id))
        times = (run.info.status, run.info.start_time, run.info.end_time)
        found[name] = (times, run.data.params, tags, rows, files)
    assert len(found) == len(client.search_runs([run.info.experiment_id]))
    return found


def test_a_study_is_a_parent_run_with_a_run_for_each_trial(
    journal, settings, client, tmp_path, save_checkpoint
):
    folder = tmp_path / "trial"
    folder.mkdir()
    (folder / "curves.png").write_bytes(b"png")
    images = pd.DataFrame({"id": ["a", "b"], "label": [0, 1], "group": ["p", "q"]})
    val = Predictions(images, np.array([[0.9, 0.1], [0.2, 0.8]]), ("NORMAL", "PNEUMONIA"))
    save_checkpoint(folder, 3, val)
    _whole_study(journal, folder)
    tracking.replay(journal.path, settings)

    runs = _runs(client)
    assert set(runs) == {"demo", "resnet18-1", "vgg11-2"}
    trial, parent = runs["resnet18-1"], runs["demo"]
    assert trial.data.tags["mlflow.parentRunId"] == parent.info.run_id
    expected = {"backbone": "resnet18", "optimizer": "adam", "lr": "0.001", "clip_norm": "null"}
    sizes = {"parameters_total": "11", "parameters_trainable": "10"}
    assert trial.data.params == expected | sizes
    assert parent.data.params["grid"] == '{"lr": [0.001, 0.01]}'
    tags = {"stage": "final", "outcome": "trained", "pack": PACK_HASH, "version.torch": "2"}
    assert tags.items() <= trial.data.tags.items()
    assert trial.data.tags["mlflow.source.git.commit"] == "abc123"
    assert "leaks" not in trial.data.tags
    assert runs["vgg11-2"].data.tags["outcome"] == "cut"
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    assert trial.data.metrics["best_val_auroc"] == 0.72
    assert set(trial.data.metrics) == set(RECORD) | {"best_val_auroc"}  # and no constants
    assert {"best_epoch": "2", "time_seconds": "4.5"}.items() <= trial.data.tags.items()
    rows = client.get_metric_history(trial.info.run_id, "val_auroc")
    assert [(row.step, row.value) for row in rows] == [(1, 0.71), (2, 0.72), (3, 0.73)]
    journalled = [json.loads(line) for line in journal.path.read_text().splitlines()]
    assert rows[0].timestamp == round(journalled[2]["time"] * 1000)
    counts = {}
    for dataset in trial.inputs.dataset_inputs:
        assert PACK_HASH.startswith(dataset.dataset.digest)
        (context,) = dataset.tags
        assert (context.key, dataset.dataset.name) == (
            "mlflow.data.context",
            f"demo-{context.value}",
        )
        counts[context.value] = json.loads(dataset.dataset.profile)["num_images"]
    assert counts == {"train": 7, "val": 3}

    files = {file.path for file in client.list_artifacts(trial.info.run_id)}
    assert files == {"curves.png", "val_predictions.json"}
    path = client.download_artifacts(trial.info.run_id, "val_predictions.json", str(tmp_path))
    assert json.loads(Path(path).read_text())["columns"][:2] == ["id", "label"]
    assert "val_predictions.json" in trial.data.tags["mlflow.loggedArtifacts"]
    assert tracking.run_ids(settings, "demo", journal.path) == {
        name: runs[name].info.run_id for name in ("resnet18-1", "vgg11-2")
    }


def test_replaying_twice_is_replaying_once(journal, settings, client, monkeypatch):
    _whole_study(journal)
    tracking.replay(journal.path, settings)
    once = _everything(client)
    tracking.replay(journal.path, settings)
    assert _everything(client) == once
    # correctness does not hang on the position that the parent run remembers
    client.set_tag(_runs(client)["demo"].info.run_id, "pneumoray.sent", "0")
    tracking.replay(journal.path, settings)
    assert _everything(client) == once


@pytest.mark.parametrize("survives", range(1, 8))
def test_killed_in_the_middle_the_next_replay_completes_it(
    journal, settings, client, monkeypatch, survives
):
    _whole_study(journal)
    records = replayer.with_mlflow("records")
    write, calls = records.Writer.write, []

    def killed_after(self, record):
        calls.append(record)
        write(self, record)
        if len(calls) == survives:
            raise KeyboardInterrupt  # after MLflow wrote, before anyone knows

    with monkeypatch.context() as patch:
        patch.setattr(records.Writer, "write", killed_after)
        with pytest.raises(KeyboardInterrupt):
            tracking.replay(journal.path, settings)
    tracking.replay(journal.path, settings)
    runs = _everything(client)
    assert set(runs) == {"demo", "resnet18-1", "vgg11-2"}
    assert {times[0] for times, *_ in runs.values()} == {"FINISHED"}
    rows = [row for row in runs["resnet18-1"][3] if row[0] == "train_loss"]
    assert [row[1] for row in rows] == [1, 2, 3]


def test_the_thread_sends_as_lines_come_and_flushes_at_the_end(journal, settings, client):
    thread = tracking.Replayer(journal.path, settings)
    thread.start()
    journal.append("study", **STUDY)
    _begin(journal)
    _epochs(journal, range(1, 251))
    while not tracking.run_ids(settings, "demo", journal.path):
        assert thread.error == ""
        time.sleep(0.05)
    assert _runs(client)["resnet18-1"].info.status == "RUNNING"
    _end(journal, status="FAILED", outcome="failed")
    journal.append("study_end", status="KILLED")
    assert thread.close(60) == 0
    assert (thread.error, thread.notes) == ("", [])
    runs = _runs(client)
    assert (runs["resnet18-1"].info.status, runs["demo"].info.status) == ("FAILED", "KILLED")
    assert len(client.get_metric_history(runs["resnet18-1"].info.run_id, "lr")) == 250


def test_a_resumed_trial_goes_on_in_its_run(journal, settings, client):
    journal.append("study", **STUDY)
    _begin(journal)
    _epochs(journal, [1])
    _end(journal, status="KILLED", outcome="interrupted")
    journal.append("study_end", status="KILLED")
    tracking.replay(journal.path, settings)
    first = _runs(client)["resnet18-1"]
    assert first.info.status == "KILLED"
    journal.append("study", **STUDY)
    _begin(journal, lr=5.0)
    tracking.replay(journal.path, settings)
    again = _runs(client)["resnet18-1"]
    assert (again.info.run_id, again.info.status) == (first.info.run_id, "RUNNING")
    assert (again.data.params["lr"], again.data.tags["lr.now"]) == ("0.001", "5.0")


def test_the_first_record_of_an_epoch_wins(journal, settings, client):
    journal.append("study", **STUDY)
    _begin(journal)
    _epochs(journal, [1])
    line = {"type": "epoch", "time": 1.0, "trial": "resnet18-1", "epoch": 1}
    with journal.path.open("a") as file:
        file.write(json.dumps(line | {"record": RECORD | {"val_auroc": 0.1}}) + "\n")
    tracking.replay(journal.path, settings)
    rows = client.get_metric_history(_runs(client)["resnet18-1"].info.run_id, "val_auroc")
    assert [row.value for row in rows] == [0.71]


def test_a_study_begun_anew_gets_new_runs_and_the_old_are_ended_and_marked(
    journal, settings, client
):
    journal.append("study", **STUDY)
    _begin(journal, "vgg11-2")
    _end(journal, "vgg11-2")
    _begin(journal)
    tracking.replay(journal.path, settings)
    before = {name: run.info.run_id for name, run in _runs(client).items()}
    old = before["resnet18-1"]
    journal.path.unlink()
    fresh = Journal(journal.path)
    fresh.append("study", **STUDY | {"leaks_allowed": True})
    _begin(fresh)
    tracking.replay(fresh.path, settings)
    ended = {name: client.get_run(run_id) for name, run_id in before.items()}
    statuses = {name: run.info.status for name, run in ended.items()}
    assert statuses == {"demo": "KILLED", "resnet18-1": "KILLED", "vgg11-2": "FINISHED"}
    assert {run.data.tags["replaced"] for run in ended.values()} == {"true"}
    assert {run.info.lifecycle_stage for run in ended.values()} == {"active"}
    new = tracking.run_ids(settings, "demo", journal.path)["resnet18-1"]
    assert new != old
    tags = client.get_run(new).data.tags
    assert (tags["leaks"], tags.get("replaced")) == ("allowed", None)


def test_a_record_that_mlflow_refuses_does_not_hold_up_the_rest(journal, settings, client):
    journal.append("study", **STUDY)
    _begin(journal)
    journal.append("epoch", trial="resnet18-1", epoch=1, record={"val?auroc": 0.5})
    _epochs(journal, [2])
    journal.append("model", trial="resnet18-1", family="resnet", bundle="/nowhere", val_auroc=0.5)
    _end(journal)
    thread = tracking.Replayer(journal.path, settings)
    thread.start()
    assert thread.close(60) == 1  # the epoch; a bundle that is gone can't be sent by waiting
    assert len(thread.notes) == 2
    assert "val?auroc" in thread.notes[0]
    assert "/nowhere" in thread.notes[1]
    assert (thread.refused, thread.gone) == (thread.notes[:1], thread.notes[1:])
    run = _runs(client)["resnet18-1"]
    assert (run.info.status, run.data.metrics["val_auroc"]) == ("FINISHED", 0.72)


def test_a_server_that_is_down_loses_nothing(journal, settings, client):
    _whole_study(journal)
    with closing(socket.socket()) as deaf:
        deaf.bind(("127.0.0.1", 0))  # and does not listen
        down = tracking.Settings(tracking_uri=f"http://127.0.0.1:{deaf.getsockname()[1]}")
        thread = tracking.Replayer(journal.path, down)
        thread.start()
        begun = time.monotonic()
        assert thread.close(60) == len(journal.path.read_text().splitlines())
        assert time.monotonic() - begun < 20
        assert "can't be reached" in thread.error
        assert tracking.run_ids(down, "demo", journal.path) == {}
    tracking.replay(journal.path, settings)
    assert {run.info.status for run in _runs(client).values()} == {"FINISHED"}


class _FakeServer(http.server.BaseHTTPRequestHandler):
    answers: dict[str, tuple[int, str]]

    def do_GET(self):
        status, text = self.answers.get(self.path, (404, "nothing"))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args):
        pass


@pytest.fixture
def fake_server():
    """Starts a server that answers as told, and returns its address."""
    started = []

    def start(answers):
        handler = type("Handler", (_FakeServer,), {"answers": answers})
        httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=httpd.serve_forever, args=(0.05,)).start()
        started.append(httpd)
        return f"http://127.0.0.1:{httpd.server_port}"

    yield start
    for httpd in started:
        httpd.shutdown()
        httpd.server_close()


def test_a_server_of_version_three_is_taken(fake_server):
    uri = fake_server({"/mlflow/version": (200, "3.5.0"), "/mlflow/health": (200, "OK")})
    tracking.check(tracking.Settings(tracking_uri=f"{uri}/mlflow"))


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"/version": (200, "2.22.1"), "/health": (200, "OK")}, "is of version 2.22.1; 3 or newer"),
        ({"/version": (200, "<html>")}, "is no MLflow server"),
        ({"/version": (200, "404 not found")}, "is no MLflow server"),
        ({}, "HTTP 404"),
        ({"/version": (200, "3.5.0"), "/health": (503, "")}, r"is not healthy \(HTTP 503\)"),
        ({"/version": (401, "")}, "MLFLOW_TRACKING_USERNAME"),
    ],
)
def test_a_server_that_cannot_be_used_is_refused_in_one_line(fake_server, answers, message):
    with pytest.raises(TrackingError, match=message) as error:
        tracking.check(tracking.Settings(tracking_uri=fake_server(answers)))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("http://user:secret@127.0.0.1:1", r"http://127.0.0.1:1 can't be reached"),
        ("postgresql+psycopg2://user:secret@127.0.0.1:1/db", r"127.0.0.1:1/db does not answer"),
        ("./mlruns", "neither a server"),
        ("sqlite:///{tmp}/text.db", "can't be used"),
        ("sqlite:///{tmp}/text.db/mlflow.db", "can't be used"),
    ],
)
def test_other_places_that_cannot_be_used_are_refused(tmp_path, uri, message):
    (tmp_path / "text.db").write_text("no database, but long enough to have a header " * 10)
    with pytest.raises(TrackingError, match=message) as error:
        tracking.check(tracking.Settings(tracking_uri=uri.replace("{tmp}", str(tmp_path))))
    assert "secret" not in str(error.value)


def test_settings_come_from_the_first_file_there_is(tmp_path, monkeypatch):
    here, workspace = tmp_path / "here", tmp_path / "workspace"
    here.mkdir()
    workspace.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    defaults = tracking.find_settings(None, workspace)
    assert defaults.tracking_uri == f"sqlite:///{workspace}/mlflow.db"
    assert defaults.artifacts == f"{workspace}/mlartifacts"
    assert defaults.model_name("xray", "vgg") == "pneumoray-xray-vgg"
    (workspace / "mlflow.yaml").write_text("tracking_uri: http://there:5000/\ntags: {ward: 7}")
    assert tracking.find_settings(None, workspace).tracking_uri == "http://there:5000"
    assert tracking.find_settings(None, workspace).tags == {"ward": "7"}
    (here / "mlflow.yaml").write_text("tracking_uri: sqlite:///mine.db")
    assert tracking.find_settings(None, workspace).tracking_uri == f"sqlite:///{here}/mine.db"
    (tmp_path / "named.yaml").write_text("experiment: mine-{study}")
    named = tracking.find_settings(tmp_path / "named.yaml", workspace)
    assert named.experiment_name("xray") == "mine-xray"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere")
    assert tracking.find_settings(None, workspace).tracking_uri == "http://elsewhere"
    assert tracking.find_settings(None, workspace, demo=True) == defaults


def test_the_shipped_file_says_the_defaults(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shipped = Path(__file__).parents[2] / "mlflow.yaml"
    found = tracking.find_settings(shipped, tmp_path)
    assert found == tracking.find_settings(None, tmp_path, demo=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tracking_url: http://x", "unknown key 'tracking_url'; did you mean tracking_uri?"),
        ("model: '{study}-{backbone}'", "names {backbone}; only {study} and {family}"),
        ("experiment: all", "needs {study}"),
        ("- a", "must hold keys and values"),
        ("a: [", "no valid YAML"),
        ("tags: 3", "tags 3"),
        (None, "can't be read"),
    ],
)
def test_bad_settings_are_refused_in_one_line(tmp_path, text, message):
    path = tmp_path / "mlflow.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(TrackingError) as error:
        tracking.find_settings(path, tmp_path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_mlflow_reports_nothing_about_its_users():
    replayer.with_mlflow("runs")
    assert sys.modules["mlflow.telemetry.utils"].is_telemetry_disabled()


def test_importing_tracking_does_not_import_mlflow():
    code = "import sys, pneumoray.tracking; print('mlflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def _make_bundle(folder, seed=0, trial="resnet18-1", backbone="resnet18"):
    member = Member(
        name=trial,
        family="resnet",
        architecture=Architecture(backbone, image_size=32),
        image_fit="squeeze",
        crop_fraction=1.0,
        mean=(0.4,),
        std=(0.25,),
    )
    torch.manual_seed(seed)
    state = zoo.build(member.architecture, 2).state_dict()
    info = {"origin": {"trial": trial}}
    bundle.save(Bundle((member,), ("NORMAL", "PNEUMONIA"), info=info), [state], folder)
    return folder


def _model(journal, folder, val_auroc, val_digest="same", trial="resnet18-1", **fields):
    journal.append(
        "model",
        family="resnet",
        trial=trial,
        bundle=str(folder),
        val_auroc=val_auroc,
        val_digest=val_digest,
        **fields,
    )


def _champion(client):
    return int(client.get_model_version_by_alias("pneumoray-demo-resnet", "champion").version)


def test_champion_moves_only_to_a_better_model_on_the_same_images(
    journal, settings, client, tmp_path, models_unwrapped
):
    def steps():
        yield {"val_auroc": 0.9}, 1
        yield {"val_auroc": 0.8}, 1
        yield {"val_auroc": 0.99, "val_digest": "other"}, 1
        yield {"val_auroc": 0.95}, 4
        yield {"val_auroc": 0.5, "promote": True}, 5

    journal.append("study", **STUDY)
    _begin(journal)
    for seed, (fields, expected) in enumerate(steps()):
        _model(journal, _make_bundle(tmp_path / f"bundle{seed}", seed), **fields)
        tracking.replay(journal.path, settings)
        assert _champion(client) == expected
    client.set_tag(_runs(client)["demo"].info.run_id, "pneumoray.sent", "0")
    client.set_registered_model_alias("pneumoray-demo-resnet", "champion", "2")  # by hand
    tracking.replay(journal.path, settings)
    assert _champion(client) == 2
    assert len(client.search_model_versions("name = 'pneumoray-demo-resnet'")) == 5


@pytest.mark.parametrize("older", [{}, {"name": "pneumoray-demo-resnet"}])
def test_a_model_is_called_as_mlflow_yaml_says(
    older, journal, settings, client, tmp_path, monkeypatch
):
    """Also one of a journal that notes another name, as older ones do."""
    monkeypatch.setattr(
        replayer.with_mlflow("registry"), "_save", lambda path, entry, model: path.mkdir()
    )
    journal.append("study", **STUDY)
    _begin(journal)
    _model(journal, _make_bundle(tmp_path / "bundle", 0), 0.9, **older)
    tracking.replay(journal.path, settings.model_copy(update={"model": "{family} of {study}"}))
    assert [model.name for model in client.search_registered_models()] == ["resnet of demo"]


def test_a_bundle_that_was_replaced_is_not_registered_for_its_old_trial(
    journal, settings, client, tmp_path
):
    journal.append("study", **STUDY)
    _begin(journal)
    _model(journal, _make_bundle(tmp_path / "bundle", trial="resnet18-9"), 0.9)
    thread = tracking.Replayer(journal.path, settings)
    thread.start()
    assert thread.close(60) == 0
    assert "is of trial resnet18-9 by now" in thread.notes[0]
    assert client.search_registered_models() == []


IN_A_FRESH_PROCESS = """
import importlib.machinery, json, sys
import numpy as np

uri, model, pixels, target = sys.argv[1:]

class NotInstalled:
    # whatever is installed here: nobody finds pneumoray by that name
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "pneumoray":
            raise ModuleNotFoundError(name)
        return None

sys.meta_path.insert(0, NotInstalled)
import mlflow
mlflow.set_tracking_uri(uri)
loaded = mlflow.pyfunc.load_model(model)
ours = {name.partition(".")[0]: m for name, m in sys.modules.items() if "pneumoray" in name}
assert all(name.startswith("pneumoray_model_") for name in ours), list(ours)
assert any("/artifacts/code/" in (m.__file__ or "") for m in ours.values())
table = loaded.predict(np.load(pixels))
assert "ray" not in sys.modules
table.to_json(target, orient="split", double_precision=15)
"""


OWN_BACKBONE = """
from torch import nn

def small(num_classes, in_chans):
    return nn.Sequential(nn.Conv2d(in_chans, 4, 3), nn.Flatten(), nn.Linear(3600, num_classes))
"""


def test_ensemble_is_tested_registered_and_loads_where_neither_package_nor_backbone_is_installed(
    journal, settings, client, tmp_path, monkeypatch
):
    (tmp_path / "mylab").mkdir()
    (tmp_path / "mylab" / "mylab_nets.py").write_text(OWN_BACKBONE)
    monkeypatch.syspath_prepend(str(tmp_path / "mylab"))
    journal.append("study", **STUDY)
    _begin(journal)
    _end(journal)
    folder = _make_bundle(tmp_path / "bundle", trial="vote", backbone="mylab_nets:small")
    (tmp_path / "report.md").write_text("# report")
    journal.append("opening", ensemble="ensemble-1", number=2)
    journal.append(
        "ensemble",
        ensemble="ensemble-1",
        members=["resnet18-1"],
        report={
            "vote": SCORES | {"name": "vote", "threshold": 0.4, "at_half": SCORES},
            "members": [SCORES | {"name": "resnet18-1", "at_half": SCORES}],
            "temperature": 1.5,
        },
        bundle=str(folder),
        files={"report.md": str(tmp_path / "report.md"), "gone.png": str(tmp_path / "gone.png")},
        val_auroc=0.97,
        val_digest="same",
        openings=2,
    )
    journal.append("study_end", status="FINISHED")
    tracking.replay(journal.path, settings)
    run = _runs(client)["vote of resnet18-1"]
    assert run.info.status == "FINISHED"
    metrics = run.data.metrics
    tested = {"test_auroc": 0.9, "test_auroc_low": 0.85, "test_auroc_high": 0.95}
    tested |= {"test_accuracy": 0.8, "test_accuracy_high": 1.0}
    assert metrics == {"best_val_auroc": 0.97} | tested
    assert tested.items() <= _runs(client)["demo"].data.metrics.items()
    assert run.data.tags["pneumoray.ensemble"] == "ensemble-1"
    assert run.data.params["temperature"] == "1.5"
    files = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert files == {"report.json", "report.md", "scores.json"}
    assert _runs(client)["demo"].data.tags["test_openings"] == "2"
    assert not (tmp_path / "mlruns").exists()

    pixels = np.random.default_rng(0).integers(0, 256, (5, 40, 40), dtype=np.uint8)
    np.save(tmp_path / "pixels.npy", pixels)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    arguments = (settings.tracking_uri, "models:/pneumoray-demo-ensemble@champion")
    subprocess.run(
        [sys.executable, "-c", IN_A_FRESH_PROCESS, *arguments, "../pixels.npy", "../out.json"],
        cwd=elsewhere,
        check=True,
    )
    found = pd.read_json(tmp_path / "out.json", orient="split", precise_float=True)
    expected = bundle.load(folder, own_code=True).predict(pixels)
    assert found["predicted"].tolist() == expected["predicted"].tolist()
    probs = ["prob_NORMAL", "prob_PNEUMONIA"]
    np.testing.assert_allclose(found[probs], expected[probs], atol=1e-5)
