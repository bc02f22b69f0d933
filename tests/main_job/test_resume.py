"""A study that is killed and run again: what it takes up, what it refuses, what fails alone."""

import signal
import time
from pathlib import Path

import pytest
import safetensors.torch
import torch

from pneumoray import artifact, checkpoint, journal
from pneumoray.config import Config
from pneumoray.data.pack import open_pack
from pneumoray.training.trial import train

ONE_BRITTLE = "{backbone: 'brittle:net', grid: {optimizer: [adamw], lr: [1e-3]}}"
BRITTLE = """
import torch

class Net(torch.nn.Module):
    def __init__(self, num_classes, in_chans):
        super().__init__()
        self.linear = torch.nn.Linear(in_chans, num_classes)

    def forward(self, x):
        if self.training:
            raise RuntimeError("this net breaks in training")
        return self.linear(x.mean((2, 3)))

def net(num_classes, in_chans):
    return Net(num_classes, in_chans)
"""


@pytest.fixture(scope="module")
def resumed(make_job):
    """A job that was killed in its final and run again. One of its backbones breaks in training."""
    job = make_job()
    study = job.folder / "tiny.yaml"
    study.write_text(study.read_text().replace("backbones: [", f"backbones: [{ONE_BRITTLE}, "))
    (job.folder / "brittle.py").write_text(BRITTLE)
    job.environment["PYTHONPATH"] = str(job.folder)
    process = job.start_training()
    try:
        while len(job.epochs()) < 3 + 1:  # the race has three
            assert process.poll() is None
            time.sleep(0.1)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    job.begun = {row["trial"]: row["run_id"] for row in job.leaderboard() if row["run_id"]}
    job.out, _ = job.train()
    job.rows = job.leaderboard()
    job.trained_epochs = job.epochs()
    return job


def test_a_trial_that_fails_is_named_and_the_others_go_on(resumed):
    assert "this net breaks in training" in resumed.out
    outcomes = {(row["backbone"], row["outcome"]) for row in resumed.rows}
    assert outcomes == {
        ("resnet10t", "trained"),
        ("resnet10t", "cut"),
        ("mobilenetv3_small_050", "trained"),
        ("brittle:net", "failed"),
    }


def test_a_killed_study_goes_on_in_its_runs_and_trains_no_epoch_twice(resumed):
    epochs = resumed.trained_epochs
    assert len(epochs) == len(set(epochs)) == 3 + 1 + 3
    assert resumed.begun
    assert resumed.begun.items() <= {row["trial"]: row["run_id"] for row in resumed.rows}.items()


def test_killed_and_resumed_gives_the_same_weights_bit_for_bit(resumed, tmp_path):
    """Against each trial trained here in one go, without Ray."""
    begun = journal.latest(resumed.study / "journal.jsonl", "trial", "trial")
    for row in resumed.rows:
        if row["outcome"] == "failed":
            continue
        folder, alone = resumed.study / "trials" / row["trial"], tmp_path / row["trial"]
        config = Config(**artifact.read_json(folder / "config.json"))
        pack = open_pack(Path(begun[row["trial"]]["pack"]))
        epochs = checkpoint.read_state(folder).epoch
        assert len(list(train(config, pack, alone, until=epochs))) == epochs
        mine, theirs = (
            safetensors.torch.load_file(checkpoint.best_weights(one)) for one in (folder, alone)
        )
        assert all((mine[name] == theirs[name]).all() for name in theirs)


def test_a_changed_study_is_refused(resumed):
    _, err = resumed.train("--set", "weight_decay=0.5", code=1)
    assert "weight_decay 0.01 -> 0.5" in err
    assert "--fresh" in err


def test_more_epochs_go_on_where_fewer_ended(resumed):
    resumed.train("--set", "epochs=4")
    epochs = {row["outcome"]: row["epochs"] for row in resumed.leaderboard()}
    assert epochs == {"trained": 4, "cut": 1, "failed": 0}


def test_two_workers_of_a_final_share_each_batch(make_job, tmp_path):
    """The mean of their gradients is that of the whole batch: the weights are those of one worker."""
    job = make_job()
    network = "[{backbone: C4-P-C8-P-F-D8-D, grid: {optimizer: [sgd], lr: [0.01]}}]"
    sets = (f"backbones={network}", "race=full", "augment=none")
    job.train("--workers", "2", *(word for one in sets for word in ("--set", one)))
    (row,) = job.leaderboard()
    assert (row["outcome"], row["epochs"], row["stage"]) == ("trained", 3, "final")
    folder, alone = job.study / "trials" / row["trial"], tmp_path / "alone"
    config = Config(**artifact.read_json(folder / "config.json"))
    assert config.workers == 2
    (begun,) = journal.latest(job.study / "journal.jsonl", "trial", "trial").values()
    assert len(list(train(config, open_pack(Path(begun["pack"])), alone))) == 3
    mine, theirs = (
        safetensors.torch.load_file(checkpoint.best_weights(one)) for one in (folder, alone)
    )
    for name in theirs:
        torch.testing.assert_close(mine[name], theirs[name], rtol=1e-4, atol=1e-5)
