"""The main job as users run it: separate processes, a real Ray, a real MLflow database, tiny studies."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch

from pneumoray import checkpoint, journal
from pneumoray.data.demo import make_demo

STUDY = """
name: tiny
image_size: 32
epochs: 3
batch_size: 16
augment: light
schedule: constant
warmup_epochs: 0
backbones: [resnet10t, {backbone: mobilenetv3_small_050, grid: {optimizer: [adamw], lr: [1e-3]}}]
grid: {optimizer: [adamw], lr: [1e-3, 1e-4]}
race: {rungs: [1], eta: 2}
"""


class Job:
    """Runs `pneumoray` in a folder of its own, with nothing of the caller's environment."""

    def __init__(self, folder: Path, ray: Path) -> None:
        self.folder, self.data = folder, folder / "data"
        kept = {
            k: v
            for k, v in os.environ.items()
            if not k.startswith(("RAY_", "MLFLOW_", "PNEUMORAY_"))
        }
        self.environment = kept | {
            "RAY_TMPDIR": str(ray),  # sockets need a short path
            "RAY_AUTH_MODE": "disabled",  # else Ray leaves a token in the home folder
            "PYTHONWARNINGS": "ignore",
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "pneumoray", *arguments]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *arguments: str, code: int = 0) -> tuple[str, str]:
        """(stdout, stderr) of a command that must end with `code`."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=400)
        assert process.returncode == code, f"{arguments}: {process.returncode}\n{out}\n{err}"
        assert "Traceback" not in err
        return out, err

    def train(self, *more: str) -> tuple[str, str]:
        return self.run("train-all", "--study", "tiny.yaml", "--data", "data", *more)

    @property
    def study(self) -> Path:
        return self.folder / "pneumoray-workspace" / "studies" / "tiny"


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A small demo data set: a quarter of the usual patients."""
    return make_demo(tmp_path_factory.mktemp("images") / "data", seed=1, scale=0.25)


@pytest.fixture
def job(tmp_path, images):
    with tempfile.TemporaryDirectory(prefix="pr-", dir="/tmp") as ray:
        os.symlink(images, tmp_path / "data")
        (tmp_path / "tiny.yaml").write_text(STUDY)
        yield Job(tmp_path, Path(ray))


@pytest.fixture(scope="module")
def trained(tmp_path_factory, images):
    """A job whose study is trained and voted; tests look at it, none changes it."""
    folder = tmp_path_factory.mktemp("trained")
    with tempfile.TemporaryDirectory(prefix="pr-", dir="/tmp") as ray:
        os.symlink(images, folder / "data")
        (folder / "tiny.yaml").write_text(STUDY)
        job = Job(folder, Path(ray))
        job.train()
        job.report = json.loads(job.run("ensemble", "--top", "3", "--json")[0])
        yield job


def leaderboard(job: Job) -> list[dict]:
    return json.loads(job.run("leaderboard", "--json")[0])


def test_the_race_cuts_and_the_final_ends_what_it_kept(trained):
    rows = leaderboard(trained)
    assert {(row["backbone"], row["outcome"], row["epochs"]) for row in rows} == {
        ("resnet10t", "trained", 3),
        ("resnet10t", "cut", 1),
        ("mobilenetv3_small_050", "trained", 3),
    }
    assert all(row["status"] == "FINISHED" and row["run_id"] for row in rows)
    assert [row["stage"] for row in rows if row["outcome"] == "cut"] == ["race"]
    scores = [row["val_auroc"] for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert all(row["time_seconds"] > 0 for row in rows)


def test_no_epoch_is_trained_twice(trained):
    epochs = [
        (record["trial"], record["epoch"])
        for record in journal.read(trained.study / "journal.jsonl")
        if record["type"] == "epoch"
    ]
    assert len(epochs) == len(set(epochs)) == 3 + 1 + 3


def test_the_report_has_vote_and_members_at_both_thresholds(trained):
    report = trained.report
    assert {member["family"] for member in report["members"]} == {"resnet", "mobilenetv3"}
    assert report["test_openings"] == 1
    for model in (report["vote"], *report["members"]):
        for scores in (model, model["at_half"]):
            assert all(
                0 <= scores[name] <= 1
                for name in ("auroc", "accuracy", "sensitivity", "specificity")
            )
            low, high = scores["intervals"]["auroc"]
            assert low <= scores["auroc"] <= high


def test_the_vote_is_the_mean_of_its_members(trained):
    """Against an independent reading of the bundles: each member alone, on the test files."""
    import pneumoray
    from pneumoray.predictions import Predictions

    folder = trained.study / "ensembles" / trained.report["ensemble"]
    tested = Predictions.load(folder / "test_predictions.csv")
    bundle = pneumoray.load_bundle(str(folder / "bundle"))
    files = [(trained.data / image_id).read_bytes() for image_id in tested.image_ids[:20]]
    single = [
        pneumoray.load_bundle(trained.study / "models" / family).predict_probs(files)
        for family in ("resnet", "mobilenetv3")
    ]
    np.testing.assert_allclose(np.mean(single, axis=0), tested.probs[:20], atol=1e-5)
    logits = np.log(np.mean(single, axis=0)) / bundle.temperature
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(bundle.predict_probs(files), expected, atol=1e-5)


def test_evaluate_finds_again_what_the_report_says(trained):
    """The bundle, from the files on disk, against the members' batches from the Pack."""
    bundle = trained.study / "ensembles" / trained.report["ensemble"] / "bundle"
    found = json.loads(trained.run("evaluate", "data", "--bundle", str(bundle), "--json")[0])
    vote = trained.report["vote"]
    for name in ("auroc", "accuracy", "sensitivity", "specificity", "brier"):
        assert found[name] == pytest.approx(vote[name], abs=1e-4)
        assert found["at_half"][name] == pytest.approx(vote["at_half"][name], abs=1e-4)
    assert found["num_images"] == vote["num_images"]
    assert found["test_openings"] > trained.report["test_openings"]  # it is counted as well


def test_the_same_request_prints_the_stored_report_and_another_is_counted(trained):
    again = json.loads(trained.run("ensemble", "--top", "3", "--json")[0])
    assert again == trained.report
    openings = trained.study.parents[1] / "openings.jsonl"
    before = len(openings.read_text().splitlines())
    other = json.loads(trained.run("ensemble", "--families", "resnet", "--json")[0])
    assert len(other["members"]) == 1
    assert other["test_openings"] == len(openings.read_text().splitlines()) == before + 1


def test_a_second_run_trains_nothing(trained):
    before = (trained.study / "journal.jsonl").read_bytes()
    out, err = trained.train()
    assert "race" not in err
    assert "resnet10t" in out
    assert (trained.study / "journal.jsonl").read_bytes() == before


def test_mlflow_has_every_run_with_its_end_and_champions_that_load_elsewhere(trained, tmp_path):
    check = """
import json, sys, mlflow, numpy as np
mlflow.set_tracking_uri(sys.argv[1])
client = mlflow.MlflowClient()
experiment = client.get_experiment_by_name("pneumoray-tiny")
runs = client.search_runs([experiment.experiment_id])
model = mlflow.pyfunc.load_model("models:/pneumoray-tiny-ensemble@champion")
image = open(sys.argv[2], "rb").read()
table = model.predict([image])
print(json.dumps({
    "runs": [[r.info.status, dict(r.data.tags), dict(r.data.params), dict(r.data.metrics)] for r in runs],
    "models": sorted(m.name for m in client.search_registered_models()),
    "probs": table.filter(like="prob_").to_numpy().tolist(),
}))
"""
    database = trained.folder / "pneumoray-workspace" / "mlflow.db"
    image = next((trained.data / "test").glob("*/*.jpeg"))
    done = subprocess.run(
        [sys.executable, "-c", check, f"sqlite:///{database}", str(image)],
        cwd=tmp_path,
        env=trained.environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert {run[0] for run in found["runs"]} == {"FINISHED"}
    assert {
        "pneumoray-tiny-resnet",
        "pneumoray-tiny-mobilenetv3",
        "pneumoray-tiny-ensemble",
    } <= set(found["models"])
    trials = [run for run in found["runs"] if "pneumoray.trial" in run[1]]
    assert len(trials) == 3
    assert all({"val_auroc", "train_loss", "images_per_second"} <= set(run[3]) for run in trials)
    assert sum(found["probs"][0]) == pytest.approx(1)


def test_champions_in_mlflow_give_the_probabilities_of_validation(trained, tmp_path):
    program = """
import json, sys, mlflow
mlflow.set_tracking_uri(sys.argv[1])
files = [open(path, "rb").read() for path in sys.argv[3:]]
table = mlflow.pyfunc.load_model(f"models:/{sys.argv[2]}@champion").predict(files)
print(json.dumps(table.filter(like="prob_").to_numpy().tolist()))
"""
    database = trained.folder / "pneumoray-workspace" / "mlflow.db"
    best = next(row for row in leaderboard(trained) if row["family"] == "resnet")
    val = checkpoint.val_predictions(trained.study / "trials" / best["trial"])
    files = [str(trained.data / image_id) for image_id in val.image_ids[:20]]
    done = subprocess.run(
        [sys.executable, "-c", program, f"sqlite:///{database}", "pneumoray-tiny-resnet", *files],
        cwd=tmp_path,
        env=trained.environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )
    np.testing.assert_allclose(json.loads(done.stdout.splitlines()[-1]), val.probs[:20], atol=1e-5)


def test_a_trial_that_fails_is_named_and_the_others_go_on(job):
    (job.folder / "brittle.py").write_text(
        "import torch\n"
        "def net(num_classes, in_chans):\n"
        "    class Net(torch.nn.Module):\n"
        "        def __init__(self):\n"
        "            super().__init__()\n"
        "            self.linear = torch.nn.Linear(in_chans, num_classes)\n"
        "        def forward(self, x):\n"
        "            if self.training:\n"
        "                raise RuntimeError('this net breaks in training')\n"
        "            return self.linear(x.mean((2, 3)))\n"
        "    return Net()\n"
    )
    job.environment["PYTHONPATH"] = str(job.folder)
    backbones = "backbones=[resnet10t, 'brittle:net']"
    out, _ = job.train("--set", backbones, "--set", "grid={}", "--set", "epochs=2")
    assert "this net breaks in training" in out
    outcomes = {row["backbone"]: row["outcome"] for row in leaderboard(job)}
    assert outcomes == {"resnet10t": "trained", "brittle:net": "failed"}


def test_killed_and_resumed_gives_the_same_weights_bit_for_bit(job, trained):
    process = job.start("train-all", "--study", "tiny.yaml", "--data", "data")
    try:
        deadline = time.monotonic() + 200
        log = job.study / "journal.jsonl"
        while sum(record["type"] == "epoch" for record in journal.read(log)) < 4:
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.1)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    begun = {row["trial"]: row["run_id"] for row in leaderboard(job) if row["run_id"]}
    job.train()
    epochs = [(r["trial"], r["epoch"]) for r in journal.read(log) if r["type"] == "epoch"]
    assert len(epochs) == len(set(epochs)) == 3 + 1 + 3
    assert begun.items() <= {row["trial"]: row["run_id"] for row in leaderboard(job)}.items()
    for row in leaderboard(job):
        mine, theirs = (
            safetensors.torch.load_file(
                checkpoint.best_weights(one.study / "trials" / row["trial"])
            )
            for one in (job, trained)
        )
        assert all((mine[name] == theirs[name]).all() for name in theirs)


def test_a_changed_study_is_refused_and_more_epochs_go_on(job):
    small = ("--set", "backbones=[resnet10t]", "--set", "grid={}")
    job.train(*small, "--set", "epochs=2")
    _, err = job.run(
        "train-all", "--study", "tiny.yaml", "--data", "data", *small, "--set", "lr=0.5", code=1
    )
    assert "lr 0.001 -> 0.5" in err
    assert "--fresh" in err
    job.train(*small, "--set", "epochs=3")
    assert [row["epochs"] for row in leaderboard(job)] == [3]


@pytest.mark.slow
def test_two_workers_of_a_final_share_each_batch(job):
    small = ("--set", "backbones=[resnet10t]", "--set", "grid={}", "--set", "epochs=2")
    job.train(*small, "--workers", "2")
    (row,) = leaderboard(job)
    assert (row["outcome"], row["epochs"], row["stage"]) == ("trained", 2, "final")
    shutil.rmtree(job.study)
