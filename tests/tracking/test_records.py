"""What each record of a journal leaves in MLflow; that it arrives at all is test_replayer's."""

import getpass
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pneumoray import tracking
from pneumoray.predictions import Predictions

STUDY = {
    "study": "demo",
    "config": {"name": "demo"},
    "pack": {"hash": "0" * 64, "path": "/packs/0", "num_train": 7, "num_val": 3, "num_test": 2},
    "tags": {"git_commit": "abc123"},
}
SYSTEM = {"cpu_utilization_percentage": 90.0, "system_memory_usage_megabytes": 512.0}
SCORES = {
    "auroc": 0.9,
    "accuracy": 0.8,
    "intervals": {"auroc": [0.85, 0.95], "accuracy": [0.7, 0.9]},
    "num_images": 2,
}
REPORT = {
    "vote": SCORES | {"name": "vote"},
    "members": [
        SCORES | {"name": "resnet18-1", "backbone": "resnet18"},
        SCORES | {"name": "vgg11-2", "backbone": "vgg11"},
    ],
}


@pytest.fixture
def write(journal):
    """Appends records of a study of one trial, and a vote."""

    class Write:
        def study(self):
            journal.append("study", **STUDY)

        def trial(self, scores=(0.7, 0.9, 0.8), name="resnet18 adamw 1e-3", system=SYSTEM):
            config = {"backbone": "resnet18", "lr": 1e-3}
            about = {"stage": "race", "family": "resnet", "config": config, "folder": ""}
            journal.append("trial", trial="resnet18-1", run_name=name, **about)
            for epoch in range(1, len(scores) + 1):
                best = {"val_auroc": max(scores[:epoch]), "val_accuracy": 0.5}
                record = {"epoch": epoch, "val_auroc": scores[epoch - 1]}
                fields = {"record": record, "best": best, "system": system}
                journal.append("epoch", trial="resnet18-1", epoch=epoch, **fields)
            best = {"epoch": 2, "val_auroc": max(scores), "val_accuracy": 0.5}
            ended = {"status": "FINISHED", "outcome": "trained", "best": best, "time_seconds": 4.56}
            journal.append("end", trial="resnet18-1", **ended, parameters_total=11)

        def vote(self, began):
            journal.append("opening", ensemble="ensemble-1", number=1)
            members = ["resnet18-1", "vgg11-2"]
            about = {"ensemble": "ensemble-1", "members": members, "report": REPORT}
            more = {"bundle": "/nowhere", "val_auroc": 0.97, "openings": 1, "began": began}
            journal.append("ensemble", **about, **more)

        def summary(self, picture):
            best = {"name": "resnet18 adamw 1e-3", "num_seeds": 1}
            journal.append(
                "summary",
                best=best | {"val_auroc": 0.9, "val_accuracy": 0.5},
                num_trained=1,
                num_cut=2,
                num_failed=0,
                vote=None,
                next="pneumoray ensemble --study demo --top 2",
                files={"leaderboard.png": str(picture)},
            )

    return Write()


@pytest.fixture
def runs(journal, settings, client):
    """Replays the journal, and gives the runs by their names."""

    def replayed():
        thread = tracking.Replayer(journal.path, settings)
        thread.start()
        assert thread.close(60) == 0
        experiment = client.get_experiment_by_name("pneumoray-demo")
        return {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}

    return replayed


def steps(client, run, key):
    return [(row.step, row.value) for row in client.get_metric_history(run.info.run_id, key)]


def test_a_trial_is_called_by_what_differs_and_its_hash_is_a_tag(write, runs):
    write.study()
    write.trial()
    run = runs()["resnet18 adamw 1e-3"]
    assert run.data.tags["pneumoray.trial"] == "resnet18-1"


def test_a_trials_metrics_are_curves_and_its_constants_are_not_metrics(write, runs, client):
    write.study()
    write.trial()
    run = runs()["resnet18 adamw 1e-3"]
    metrics = {name for name in run.data.metrics if not name.startswith("system/")}
    assert metrics == {"val_auroc", "best_val_auroc", "best_val_accuracy"}
    assert run.data.metrics["best_val_auroc"] == 0.9
    assert run.data.params["parameters_total"] == "11"
    assert (run.data.tags["best_epoch"], run.data.tags["time_seconds"]) == ("2", "4.6")
    curve = steps(client, run, "best_val_auroc")
    assert sorted(set(curve)) == [(1, 0.7), (2, 0.9), (3, 0.9)]


def test_system_metrics_come_under_mlflows_names_unless_the_settings_say_no(
    write, runs, client, settings, journal, tmp_path
):
    write.study()
    write.trial()
    run = runs()["resnet18 adamw 1e-3"]
    found = steps(client, run, "system/cpu_utilization_percentage")
    assert found == [(1, 90.0), (2, 90.0), (3, 90.0)]
    other = {"tracking_uri": f"sqlite:///{tmp_path}/other.db", "system_metrics": False}
    without = settings.model_copy(update=other)
    tracking.replay(journal.path, without)
    (run_id,) = tracking.run_ids(without, "demo", journal.path).values()
    from mlflow import MlflowClient

    metrics = MlflowClient(without.tracking_uri).get_run(run_id).data.metrics
    assert "val_auroc" in metrics
    assert not any(name.startswith("system/") for name in metrics)


def test_runs_say_who_made_them_how_and_of_which_data(write, runs, journal):
    write.study()
    write.trial()
    write.vote(began=None)
    found = runs()
    parent, vote = found["demo"], found["vote of resnet18, vgg11"]
    for run in found.values():
        assert run.info.user_id == run.data.tags["mlflow.user"] == getpass.getuser()
        assert run.data.tags["mlflow.source.type"] == "LOCAL"
    assert parent.data.tags["mlflow.source.name"] == "pneumoray train-all"
    assert vote.data.tags["mlflow.source.name"] == "pneumoray ensemble"

    def splits(run):
        return {one.tags[0].value: one.dataset.name for one in run.inputs.dataset_inputs}

    named = {split: f"demo-{split}" for split in ("train", "val", "test")}
    assert splits(parent) == named  # test since it was opened
    assert splits(found["resnet18 adamw 1e-3"]) == {k: named[k] for k in ("train", "val")}
    assert splits(vote) == {k: named[k] for k in ("val", "test")}


def test_a_vote_took_as_long_as_its_stage_and_logs_at_most_a_dozen_metrics(write, runs, journal):
    write.study()
    write.vote(began=1_700_000_000.5)
    found = runs()
    vote = found["vote of resnet18, vgg11"]
    assert vote.info.start_time == 1_700_000_000_500
    assert vote.info.end_time > vote.info.start_time
    tested = {"test_auroc": 0.9, "test_auroc_low": 0.85, "test_auroc_high": 0.95}
    tested |= {"test_accuracy": 0.8, "test_accuracy_low": 0.7, "test_accuracy_high": 0.9}
    assert vote.data.metrics == {"best_val_auroc": 0.97} | tested
    assert found["demo"].data.metrics == tested
    note = vote.data.tags["mlflow.note.content"]
    assert note.startswith("Soft vote of resnet18, vgg11 of study demo: AUROC 0.900 [0.85, 0.95]")


def test_a_study_carries_what_it_found(write, runs, client, tmp_path):
    (tmp_path / "leaderboard.png").write_bytes(b"png")
    write.study()
    write.summary(tmp_path / "leaderboard.png")
    run = runs()["demo"]
    assert run.data.metrics == {
        "best_val_auroc": 0.9,
        "best_val_accuracy": 0.5,
        "num_trained": 1,
        "num_cut": 2,
        "num_failed": 0,
    }
    note = run.data.tags["mlflow.note.content"]
    assert note.endswith("./pneumoray-workspace): `pneumoray ensemble --study demo --top 2`")
    files = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert "leaderboard.png" in files


def test_one_column_sorts_all_runs(write, runs, client, tmp_path):
    write.study()
    write.trial()
    write.vote(began=None)
    write.summary(tmp_path / "gone.png")
    runs()
    experiment = client.get_experiment_by_name("pneumoray-demo")
    order = ["metrics.best_val_auroc DESC", "attributes.run_name ASC"]
    found = client.search_runs([experiment.experiment_id], order_by=order)
    assert [(run.info.run_name, run.data.metrics["best_val_auroc"]) for run in found] == [
        ("vote of resnet18, vgg11", 0.97),
        ("demo", 0.9),
        ("resnet18 adamw 1e-3", 0.9),
    ]


def test_written_again_it_leaves_the_same(write, runs, client, tmp_path):
    (tmp_path / "leaderboard.png").write_bytes(b"png")
    write.study()
    write.trial()
    write.vote(began=None)
    write.summary(tmp_path / "leaderboard.png")

    def everything():
        found = {}
        for name, run in runs().items():
            rows = [
                (row.key, row.step, row.timestamp, row.value)
                for key in sorted(run.data.metrics)
                for row in client.get_metric_history(run.info.run_id, key)
            ]
            tags = {key: value for key, value in run.data.tags.items() if key != "pneumoray.sent"}
            files = sorted(file.path for file in client.list_artifacts(run.info.run_id))
            inputs = sorted(one.dataset.name for one in run.inputs.dataset_inputs)
            times = (run.info.start_time, run.info.end_time)
            found[name] = (run.info.run_id, times, rows, run.data.params, tags, files, inputs)
        return found

    once = everything()
    client.set_tag(once["demo"][0], "pneumoray.sent", "0")
    assert everything() == once


def test_no_tag_of_ours_can_be_a_users_own(write, runs, tmp_path):
    (tmp_path / "leaderboard.png").write_bytes(b"png")
    write.study()
    write.trial()
    write.vote(began=None)
    write.summary(tmp_path / "leaderboard.png")
    keys = {key for run in runs().values() for key in run.data.tags}
    assert {"family", "outcome", "kind", "mlflow.user", "pneumoray.trial", "git_commit"} <= keys
    for key in keys:
        with pytest.raises(ValueError, match="a tag of that name is set already"):
            tracking.Settings(tags={key: "mine"})


@pytest.fixture
def failed(journal, tmp_path, save_checkpoint):
    """The folder of a trial that failed after two checkpoints, of which by text the older is the last."""
    journal.append("study", **STUDY)
    folder = tmp_path / "trials" / "a"
    journal.append("trial", trial="a", folder=str(folder), config={}, stage="race")
    images = pd.DataFrame({"id": ["x", "y"], "label": [0, 1], "group": ["x", "y"]})
    for epoch, prob in ((9999, 0.25), (10000, 0.75)):
        probs = np.array([[prob, 1 - prob]] * 2)
        save_checkpoint(folder, epoch, Predictions(images, probs, ("N", "P")))
    (folder / "per_class.csv").write_text("class,num_images\nN,1\n")
    ended = {"outcome": "failed", "reason": "out of memory", "time_seconds": 1.0}
    journal.append("end", trial="a", status="FAILED", **ended)
    return folder


def _sent(client, tmp_path):
    """The probabilities of class N in the predictions that MLflow has of trial a; None without any."""
    experiment = client.get_experiment_by_name("pneumoray-demo")
    runs = client.search_runs([experiment.experiment_id], "tags.`pneumoray.trial` = 'a'")
    run_id = runs[0].info.run_id
    if "val_predictions.json" not in [file.path for file in client.list_artifacts(run_id)]:
        return None
    path = client.download_artifacts(run_id, "val_predictions.json", str(tmp_path))
    return pd.read_json(Path(path), orient="split")["prob_N"].tolist()


def test_the_newest_checkpoint_gives_the_predictions(journal, settings, client, failed, tmp_path):
    sent = tracking.replay(journal.path, settings)
    assert (sent.num_waiting, sent.refused, sent.gone) == (0, (), ())
    assert _sent(client, tmp_path) == [0.75, 0.75]


@pytest.mark.parametrize("size", [0, 20, 40])
def test_of_a_torn_checkpoint_the_one_before_gives_them(
    journal, settings, client, failed, tmp_path, size
):
    os.truncate(failed / "epoch-10000" / "val_predictions.csv", size)
    sent = tracking.replay(journal.path, settings)
    assert (sent.num_waiting, sent.refused, sent.gone) == (0, (), ())
    assert _sent(client, tmp_path) == [0.25, 0.25]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("per_class.csv", 'class\n"N', "table .*per_class.csv can't be read"),
        ("epoch-10000/val_predictions.csv", "z", "predictions .* can't be read"),
        ("epoch-10000/state.json", "{", "state.json can't be read"),
    ],
)
def test_a_file_that_is_damaged_is_told_and_nothing_waits_for_it(
    journal, settings, client, failed, tmp_path, name, text, said
):
    path = failed / name
    path.write_text(text * path.stat().st_size if text == "z" else text)  # of the size that it had
    sent = tracking.replay(journal.path, settings)
    assert (sent.num_waiting, sent.refused) == (0, ())
    (gone,) = sent.gone
    assert re.search(f"^end of a: .*{said}", gone)
    assert "\n" not in gone
    assert _sent(client, tmp_path) == ([0.75, 0.75] if name == "per_class.csv" else None)
