"""A checkpoint is complete or ignored, and the best epoch is a copy."""

import itertools
import math
import shutil

import numpy as np
import pandas as pd
import pytest
import torch

from pneumoray import artifact, checkpoint
from pneumoray.checkpoint import EpochRecord, State
from pneumoray.errors import WorkspaceError
from pneumoray.predictions import Predictions


def record(epoch=1, val_auroc=0.5, val_loss=0.5, seconds=2.0):
    return EpochRecord(epoch, 0.6, 0.7, 0.8, val_loss, 0.9, val_auroc, 1e-3, 100.0, seconds)


def predictions(value=0.5):
    images = pd.DataFrame({"id": ["a", "b"], "label": [0, 1], "group": ["a", "b"]})
    return Predictions(images, np.array([[1 - value, value]] * 2), ("N", "P"))


def save(folder, *aurocs):
    """Checkpoints of epochs with these validation AUROCs, one after the other, as a trial does.

    The weight of epoch n is n, and so says the prediction (n / 100).
    """
    records = ()
    for epoch, auroc in enumerate(aurocs, start=1):
        records += (record(epoch, auroc),)
        model = {"weight": torch.full((2, 3), float(epoch))}
        state = State(records, 10, 9, (0.5,), (0.2,), "random")
        optimizer = {"optimizer": {"step": torch.tensor(epoch)}, "schedule": {"last_epoch": epoch}}
        checkpoint.save(folder, state, model, optimizer, predictions(epoch / 100))
    return State(records, 10, 9, (0.5,), (0.2,), "random")


def best_weight(folder):
    tensors = checkpoint.safetensors.torch.load_file(checkpoint.best_weights(folder))
    return float(tensors["weight"][0, 0])


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (record(val_auroc=0.9), record(val_auroc=0.8)),
        (record(val_auroc=0.9, val_loss=0.1), record(val_auroc=0.9, val_loss=0.2)),
        (record(val_auroc=0.9, val_loss=9.0), record(val_auroc=0.8, val_loss=0.1)),
        (record(val_auroc=0.1), record(val_auroc=math.nan)),
        (record(val_auroc=math.nan, val_loss=0.1), record(val_auroc=math.nan, val_loss=0.2)),
        (record(val_auroc=math.nan), None),
    ],
)
def test_better_is_higher_auroc_then_lower_loss(better, worse):
    assert better.better_than(worse)
    assert worse is None or not worse.better_than(better)
    assert not better.better_than(better)


def test_of_equal_epochs_the_first_is_the_best():
    assert State((record(1, 0.9), record(2, 0.9), record(3, 0.8))).best.epoch == 1


def test_state_sums_up_its_records():
    state = State((record(1, seconds=2.0), record(2, seconds=3.5)))
    assert (state.epoch, state.seconds) == (2, 5.5)
    assert (State().epoch, State().seconds, State().best) == (0, 0, None)


def test_everything_comes_back(tmp_path):
    saved = save(tmp_path, 0.7, 0.9)
    assert checkpoint.read_state(tmp_path) == saved
    model, optimizer = checkpoint.load_tensors(checkpoint.newest(tmp_path))
    assert torch.equal(model["weight"], torch.full((2, 3), 2.0))
    assert optimizer == {"optimizer": {"step": torch.tensor(2)}, "schedule": {"last_epoch": 2}}
    np.testing.assert_array_equal(checkpoint.val_predictions(tmp_path).probs[:, 1], [0.02, 0.02])


def test_an_undefined_auroc_comes_back(tmp_path):
    save(tmp_path, math.nan)
    assert math.isnan(checkpoint.read_state(tmp_path).records[0].val_auroc)


@pytest.mark.parametrize(
    ("aurocs", "best"),
    [((0.7, 0.9), 2), ((0.9, 0.7), 1), ((0.8, 0.9, 0.7, 0.6), 2), ((0.5, 0.5, 0.5), 1)],
)
def test_the_best_epoch_is_carried_over(tmp_path, aurocs, best):
    save(tmp_path, *aurocs)
    assert best_weight(tmp_path) == best
    assert checkpoint.val_predictions(tmp_path).probs[0, 1] == best / 100


def test_one_checkpoint_is_kept(tmp_path):
    save(tmp_path, 0.7, 0.9, 0.8)
    assert [path.name for path in tmp_path.iterdir()] == ["epoch-0003"]


def test_the_old_checkpoint_stays_until_the_new_one_is_whole(tmp_path, monkeypatch):
    saved = save(tmp_path, 0.7)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    state = State((*saved.records, record(2, 0.9)), mean=(0.5,), std=(0.2,))
    with pytest.raises(OSError, match="No space"):
        checkpoint.save(tmp_path, state, {"weight": torch.zeros(1)}, {}, predictions())
    assert checkpoint.read_state(tmp_path) == saved
    assert [path.name for path in tmp_path.iterdir()] == ["epoch-0001"]


@pytest.mark.parametrize("draft", ["epoch-0002", ".epoch-0002.tmp-abc"])
def test_an_incomplete_checkpoint_is_ignored(tmp_path, draft):
    saved = save(tmp_path, 0.7)
    (tmp_path / draft).mkdir()
    (tmp_path / draft / "model.safetensors").write_bytes(b"half")
    if draft.startswith("."):  # a draft may hold all of it: only its name tells
        shutil.copyfile(tmp_path / "epoch-0001" / "state.json", tmp_path / draft / "state.json")
    assert checkpoint.read_state(tmp_path) == saved


def test_a_trial_that_has_not_begun_is_empty(tmp_path):
    assert checkpoint.newest(tmp_path / "none") is None
    assert checkpoint.read_state(tmp_path / "none") == State()
    with pytest.raises(ValueError, match="no complete checkpoint"):
        checkpoint.best_weights(tmp_path)


def test_a_damaged_state_is_one_line(tmp_path):
    save(tmp_path, 0.7)
    (tmp_path / "epoch-0001" / "state.json").write_text("{")
    with pytest.raises(WorkspaceError, match=r"state\.json can't be read"):
        checkpoint.read_state(tmp_path)


def test_optimizer_files_can_not_run_code(tmp_path):
    save(tmp_path, 0.7)
    folder = checkpoint.newest(tmp_path)
    torch.save({"optimizer": itertools.count()}, folder / "optimizer.pt")
    with pytest.raises(Exception, match=r"(?i)weights.only"):
        checkpoint.load_tensors(folder)


def test_a_file_system_without_hard_links_will_do(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(checkpoint.os, "link", refuse)
    save(tmp_path, 0.9, 0.7)
    assert best_weight(tmp_path) == 1


def test_the_later_epoch_is_newer_past_a_thousand(tmp_path):
    for epoch in (999, 1000):
        folder = tmp_path / f"epoch-{epoch:04d}"
        artifact.write_json(folder / "state.json", {})
    assert checkpoint.newest(tmp_path).name == "epoch-1000"
