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


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_two_checkpoints_are_kept_until_one_will_do(tmp_path):
    saved = save(tmp_path, 0.7, 0.9, 0.8)
    assert names(tmp_path) == ["epoch-0002", "epoch-0003"]
    checkpoint.drop_older(tmp_path)
    assert names(tmp_path) == ["epoch-0003"]
    assert checkpoint.read_state(tmp_path) == saved
    assert best_weight(tmp_path) == 2


def tear(path, size=40):
    """Cut a file off as a power loss does: in this checkpoint alone, whatever it shares its bytes with."""
    data = path.read_bytes()[:size]
    path.unlink()
    path.write_bytes(data)


def overwrite(path):
    """Change the last number or letter of what a file holds: its size and its beginning are right."""
    data = bytearray(path.read_bytes())
    if path.suffix == ".pt":  # a zip: the pickle of its first part
        data[data.index(b"optimizer") + 1] ^= 1
    else:
        data[-2] ^= 1
    path.unlink()
    path.write_bytes(data)


SEALED = ["model.safetensors", "best.safetensors", "optimizer.pt", "val_predictions.csv"]


@pytest.mark.parametrize("size", [0, 40])
@pytest.mark.parametrize("name", SEALED)
def test_a_file_that_was_cut_off_is_told_and_the_checkpoint_before_is_taken(tmp_path, name, size):
    before = save(tmp_path, 0.7, 0.8)
    whole = save(tmp_path, 0.7, 0.8, 0.9)
    torn = tmp_path / "epoch-0003" / name
    num_bytes = torn.stat().st_size
    tear(torn, size)
    assert checkpoint.read_state(tmp_path) == before
    assert best_weight(tmp_path) == 2
    told = f"{name} is damaged ({size} of {num_bytes:,} bytes are there)"
    assert checkpoint.examine(tmp_path) == (before, f"{told} in epoch-0003")
    assert names(tmp_path) == ["epoch-0002", "epoch-0003"]  # looking changes nothing
    mended = checkpoint.mend(tmp_path)
    assert mended == f"{told}, set aside as damaged-epoch-0003; training goes on from epoch 3"
    assert names(tmp_path) == ["damaged-epoch-0003", "epoch-0002"]
    assert (tmp_path / "damaged-epoch-0003" / name).stat().st_size == size
    assert checkpoint.mend(tmp_path) == ""
    assert checkpoint.examine(tmp_path) == (before, "")
    assert save(tmp_path, 0.7, 0.8, 0.9) == whole  # trained again
    assert checkpoint.read_state(tmp_path) == whole
    assert "damaged-epoch-0003" in names(tmp_path)


@pytest.mark.parametrize("name", SEALED)
def test_a_changed_byte_is_noticed_before_it_is_loaded(tmp_path, name):
    before = save(tmp_path, 0.7)
    whole = save(tmp_path, 0.7, 0.8)
    overwrite(tmp_path / "epoch-0002" / name)
    assert checkpoint.read_state(tmp_path) == whole  # its size says nothing
    mended = checkpoint.mend(tmp_path)
    assert f"{name} is damaged (its bytes are not those that were written)" in mended
    assert mended.endswith("training goes on from epoch 2")
    assert checkpoint.read_state(tmp_path) == before


def test_a_missing_file_is_damage(tmp_path):
    save(tmp_path, 0.7)
    (tmp_path / "epoch-0001" / "optimizer.pt").unlink()
    assert checkpoint.examine(tmp_path) == (State(), "optimizer.pt is missing in epoch-0001")
    assert checkpoint.read_state(tmp_path) == State()
    assert checkpoint.is_begun(tmp_path)
    assert checkpoint.starts_anew(tmp_path)


def test_where_all_are_damaged_the_trial_begins_again_and_each_is_kept(tmp_path):
    for number in (1, 2):
        save(tmp_path, 0.7, 0.8)
        for epoch in (1, 2):
            tear(tmp_path / f"epoch-000{epoch}" / "optimizer.pt")
        mended = checkpoint.mend(tmp_path)
        assert mended.count("optimizer.pt is damaged") == 2
        assert mended.endswith("training begins again at epoch 1")
        assert checkpoint.read_state(tmp_path) == State()
        assert len(names(tmp_path)) == 2 * number
    assert names(tmp_path)[:2] == ["damaged-epoch-0001", "damaged-epoch-0001-2"]


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("best.safetensors", checkpoint.best_weights),
        ("val_predictions.csv", checkpoint.val_predictions),
    ],
)
def test_what_is_deployed_is_what_was_written(tmp_path, name, read):
    save(tmp_path, 0.7)
    overwrite(tmp_path / "epoch-0001" / name)
    with pytest.raises(WorkspaceError, match=rf"{name} is damaged.*'pneumoray train-all' trains"):
        read(tmp_path)
    assert checkpoint.read_state(tmp_path) == State()  # so that it is
    assert names(tmp_path) == ["damaged-epoch-0001"]


def unseal(folder):
    """Make a checkpoint one of an earlier version: it says nothing of its files."""
    path = folder / "state.json"
    values = artifact.read_json(path)
    artifact.write_json(path, {k: v for k, v in values.items() if k not in ("format", "files")})


def test_a_changed_optimizer_of_an_earlier_version_is_noticed(tmp_path):
    before = save(tmp_path, 0.7)
    save(tmp_path, 0.7, 0.8)
    unseal(tmp_path / "epoch-0002")
    overwrite(tmp_path / "epoch-0002" / "optimizer.pt")
    assert "optimizer.pt is damaged" in checkpoint.mend(tmp_path)
    assert checkpoint.read_state(tmp_path) == before


@pytest.mark.parametrize("name", ["model.safetensors", "best.safetensors", "optimizer.pt"])
def test_a_checkpoint_of_an_earlier_version_opens_and_its_damage_is_seen(tmp_path, name):
    before, saved = save(tmp_path, 0.7), save(tmp_path, 0.7, 0.9)
    for epoch in (1, 2):
        unseal(tmp_path / f"epoch-000{epoch}")
    assert checkpoint.read_state(tmp_path) == saved
    assert checkpoint.mend(tmp_path) == ""
    assert checkpoint.load_tensors(checkpoint.newest(tmp_path))[0]["weight"][0, 0] == 2
    assert best_weight(tmp_path) == 2
    tear(tmp_path / "epoch-0002" / name)
    assert name in checkpoint.examine(tmp_path)[1]
    assert checkpoint.read_state(tmp_path) == before
    later = save(tmp_path, 0.7, 0.9, 0.8)
    assert checkpoint.read_state(tmp_path) == later


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


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 2}, "format 2, this version reads 1"),
        ({"records": None}, "not iterable"),
        ({"records": [{"epoch": 1}]}, "missing"),
        ({"records": []}, "it is of epoch 0"),
        ({"surprise": 1}, "surprise"),
        ({"files": {"optimizer.pt": 9}}, "not subscriptable"),
        ({"files": {"optimizer.pt": {}}}, "no 'bytes'"),
    ],
)
def test_a_state_that_can_not_be_understood_says_what_to_do(tmp_path, change, said):
    save(tmp_path, 0.7, 0.8)
    path = tmp_path / "epoch-0002" / "state.json"
    artifact.write_json(path, artifact.read_json(path) | change)
    for look in (checkpoint.read_state, checkpoint.examine, checkpoint.newest, checkpoint.mend):
        with pytest.raises(WorkspaceError, match=said) as caught:
            look(tmp_path)
        assert "move epoch-0002 out of the trial's folder" in str(caught.value)
        assert "delete" not in str(caught.value)
    assert not checkpoint.starts_anew(tmp_path)
    shutil.move(tmp_path / "epoch-0002", tmp_path / "away")
    assert checkpoint.read_state(tmp_path).epoch == 1


def test_optimizer_files_can_not_run_code(tmp_path):
    save(tmp_path, 0.7)
    folder = checkpoint.newest(tmp_path)
    torch.save({"optimizer": itertools.count()}, folder / "optimizer.pt")
    with pytest.raises(WorkspaceError) as caught:
        checkpoint.load_tensors(folder)
    assert f"{folder / 'optimizer.pt'} is damaged, or holds more than tensors" in str(caught.value)
    assert "weights_only" not in str(caught.value)  # torch's own advice how to run it


def test_a_file_system_without_hard_links_will_do(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(checkpoint.os, "link", refuse)
    save(tmp_path, 0.9, 0.7)
    assert best_weight(tmp_path) == 1


@pytest.mark.parametrize("epoch", [999, 9_999])
def test_the_later_epoch_is_newer_where_its_number_grows_a_digit(tmp_path, epoch):
    for number in (epoch, epoch + 1):
        state = State((record(number),), mean=(0.5,), std=(0.2,))
        checkpoint.save(tmp_path, state, {"weight": torch.zeros(1)}, {}, predictions())
    assert checkpoint.newest(tmp_path).name == f"epoch-{epoch + 1}"
    assert names(tmp_path) == sorted([f"epoch-{epoch:04d}", f"epoch-{epoch + 1}"])
