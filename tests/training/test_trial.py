"""A trial gives the same weights however often it is interrupted, and keeps its best epoch."""

import functools
import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from pneumoray import checkpoint
from pneumoray.config import Config
from pneumoray.data.augment import PRESETS
from pneumoray.errors import StudyError, WeightsError
from pneumoray.evaluation import metrics
from pneumoray.models import zoo
from pneumoray.models.architecture import Architecture
from pneumoray.models.weights import Weights
from pneumoray.training import optim, trial
from pneumoray.training.trial import Team, Trial, ended, score, train

CONFIG = Config(
    backbone="mobilenetv3_small_100",  # has batch norm and dropout, and takes 0.1 s a step
    image_size=32,
    epochs=3,
    batch_size=16,
    dropout=0.2,
    augment="wide",
    clip_norm=5,
    lr=1e-3,
)
MEASURED = ("seconds", "images_per_second")


def changed(**fields):
    return Config.model_validate(CONFIG.model_dump() | fields)


def model_bytes(folder):
    return (checkpoint.newest(folder) / "model.safetensors").read_bytes()


def same_records(first, second):
    return [replace(r, **dict.fromkeys(MEASURED, 0)) for r in first] == [
        replace(r, **dict.fromkeys(MEASURED, 0)) for r in second
    ]


@pytest.fixture(scope="module")
def in_one_go(pack, tmp_path_factory):
    """(folder, records) of CONFIG trained without a break. Do not write into it."""
    folder = tmp_path_factory.mktemp("one-go")
    torch.manual_seed(123)  # whatever the caller's generator says
    return folder, list(train(CONFIG, pack, folder))


@pytest.fixture
def scripted(monkeypatch):
    """Makes validation say what a list of (AUROC, loss) says, one an epoch."""

    def script(scores):
        real = trial._record
        said = iter(scores)

        def record(*arguments):
            auroc, loss = next(said)
            return replace(real(*arguments), val_auroc=auroc, val_loss=loss)

        monkeypatch.setattr(trial, "_record", record)

    return script


def assert_same_trial(folder, records, in_one_go):
    expected_folder, expected = in_one_go
    assert same_records(records, expected)
    assert model_bytes(folder) == model_bytes(expected_folder)
    assert checkpoint.best_weights(folder).read_bytes() == (
        checkpoint.best_weights(expected_folder).read_bytes()
    )
    mine, theirs = (
        checkpoint.load_tensors(checkpoint.newest(f))[1] for f in (folder, expected_folder)
    )
    assert mine["schedule"] == theirs["schedule"]
    for key, state in mine["optimizer"]["state"].items():
        for name, value in state.items():
            assert torch.equal(value, theirs["optimizer"]["state"][key][name])
    assert same_records(checkpoint.read_state(folder).records, expected)


def test_interrupted_after_one_epoch_and_resumed_it_ends_with_the_same_bits(
    pack, tmp_path, in_one_go
):
    records = list(itertools.islice(train(CONFIG, pack, tmp_path), 1))
    torch.randn(7)  # what else draws in this process makes no difference
    records += train(CONFIG, pack, tmp_path)
    assert_same_trial(tmp_path, records, in_one_go)


def zero_the_middle(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 4096] = bytes(4096)
    path.unlink()  # a best epoch's weights are the same file
    path.write_bytes(data)


def cut_off(path):
    data = path.read_bytes()[:40]
    path.unlink()
    path.write_bytes(data)


@pytest.mark.parametrize("harm", [cut_off, zero_the_middle])
@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.pt", "best.safetensors"])
def test_from_a_damaged_checkpoint_it_goes_back_to_the_one_before_and_ends_with_the_same_bits(
    pack, tmp_path, in_one_go, name, harm
):
    records, told = list(train(CONFIG, pack, tmp_path, until=2)), []
    harm(tmp_path / "epoch-0002" / name)
    records[1:] = train(CONFIG, pack, tmp_path, tell=told.append)
    assert_same_trial(tmp_path, records, in_one_go)
    (text,) = told
    assert text.startswith(f"{name} is damaged (")
    assert text.endswith("set aside as damaged-epoch-0002; training goes on from epoch 2")
    assert (tmp_path / "damaged-epoch-0002" / name).exists()


def test_without_a_checkpoint_before_it_begins_again(pack, tmp_path, in_one_go):
    told = []
    list(train(CONFIG, pack, tmp_path, until=1))
    cut_off(tmp_path / "epoch-0001" / "optimizer.pt")
    records = list(train(CONFIG, pack, tmp_path, tell=told.append))
    assert_same_trial(tmp_path, records, in_one_go)
    assert told[0].endswith("training begins again at epoch 1")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_predictions_that_are_no_numbers_are_no_epoch(pack, tmp_path, monkeypatch, value):
    """Weights may be finite, and still too large for what the network makes of them."""
    monkeypatch.setattr(
        trial, "predict", lambda model, batches: np.full((len(pack.rows("val")), 2), value)
    )
    with pytest.raises(FloatingPointError, match="predictions are not finite after epoch 1; lower"):
        list(train(CONFIG, pack, tmp_path))
    assert checkpoint.newest(tmp_path) is None


def test_race_then_final_is_one_go(pack, tmp_path, in_one_go):
    records = [
        *train(CONFIG, pack, tmp_path, until=1),
        *train(CONFIG, pack, tmp_path, until=2),
        *train(CONFIG, pack, tmp_path),
    ]
    assert_same_trial(tmp_path, records, in_one_go)


@pytest.mark.parametrize(
    "fields",
    [
        {"optimizer": "sgd", "schedule": "step", "step_epochs": 1, "lr": 0.02},
        {"optimizer": "adam", "schedule": "constant", "class_weights": "balanced"},
    ],
)
def test_other_optimizers_and_schedules_resume_too(pack, tmp_path, fields):
    config = changed(epochs=2, **fields)
    list(train(config, pack, tmp_path / "one-go"))
    list(train(config, pack, tmp_path / "two", until=1))
    list(train(config, pack, tmp_path / "two"))
    assert model_bytes(tmp_path / "one-go") == model_bytes(tmp_path / "two")


def test_more_epochs_under_a_constant_schedule_go_on_where_fewer_ended(pack, tmp_path):
    short, long = (changed(schedule="constant", epochs=epochs) for epochs in (1, 2))
    assert short.trial_id == long.trial_id
    list(train(short, pack, tmp_path / "grown"))
    assert [record.epoch for record in train(long, pack, tmp_path / "grown")] == [2]
    list(train(long, pack, tmp_path / "at-once"))
    assert model_bytes(tmp_path / "grown") == model_bytes(tmp_path / "at-once")


def test_another_seed_is_another_trial(pack, tmp_path, in_one_go):
    list(train(changed(seed=1), pack, tmp_path, until=1))
    folder, _ = in_one_go
    assert model_bytes(tmp_path) != model_bytes(folder)


def test_what_is_done_is_not_done_again(pack, in_one_go, monkeypatch):
    folder, _ = in_one_go
    monkeypatch.setattr(trial, "build_model", None)  # would fail when called
    assert list(train(CONFIG, pack, folder)) == []
    assert list(train(CONFIG, pack, folder, until=2)) == []


def test_a_checkpoint_is_on_disk_before_its_epoch_is_told(pack, tmp_path):
    for record in train(CONFIG, pack, tmp_path, until=2):
        state = checkpoint.read_state(tmp_path)
        assert state.records[-1] == record
        kept = [f"epoch-{record.epoch - 1:04}"] * (record.epoch > 1) + [f"epoch-{record.epoch:04}"]
        assert sorted(path.name for path in tmp_path.iterdir()) == kept


def test_a_record_measures_what_the_predictions_say(pack, in_one_go):
    folder, records = in_one_go
    state = checkpoint.read_state(folder)
    val = checkpoint.val_predictions(folder)
    assert val.image_ids.tolist() == pack.manifest.of_split("val")["id"].tolist()
    assert state.best.val_auroc == metrics.auroc(val.labels, val.probs)
    assert state.best.val_loss == pytest.approx(metrics.log_loss(val.labels, val.probs))
    assert state.best.val_accuracy == metrics.accuracy(val.labels, val.probs)
    assert [record.epoch for record in records] == [1, 2, 3]
    assert records[0].lr > records[1].lr > records[2].lr > 0
    assert state.parameters_total == state.parameters_trainable > 1_000_000
    assert state.weights_source == "random"


def test_score_repeats_the_predictions_of_the_best_epoch(pack, in_one_go):
    folder, _ = in_one_go
    again = score(Trial(CONFIG, folder, pack.path), "val")
    before = checkpoint.val_predictions(folder)
    assert again.image_ids.tolist() == before.image_ids.tolist()
    np.testing.assert_allclose(again.probs, before.probs, atol=1e-6)
    test = score(Trial(CONFIG, folder, pack.path), "test", batch_size=5)
    assert test.image_ids.tolist() == pack.manifest.of_split("test")["id"].tolist()


def test_it_learns(pack, tmp_path):
    config = changed(augment="none", schedule="constant", epochs=6, lr=3e-3, dropout=0.0)
    records = list(train(config, pack, tmp_path))
    assert records[-1].train_loss < records[0].train_loss
    assert records[-1].train_auroc > 0.9


def test_the_best_epoch_is_a_copy_that_later_epochs_leave_alone(pack, tmp_path, scripted):
    scripted([(0.6, 0.5), (0.9, 0.5), (0.7, 0.5)])
    weights = [model_bytes(tmp_path) for _ in train(CONFIG, pack, tmp_path)]
    assert checkpoint.read_state(tmp_path).best.epoch == 2
    assert checkpoint.best_weights(tmp_path).read_bytes() == weights[1]
    assert len(set(weights)) == 3


def test_the_best_epoch_survives_a_resume_that_finds_none_better(pack, tmp_path, scripted):
    scripted([(0.9, 0.5), (0.6, 0.5), (0.7, 0.5)])
    list(train(CONFIG, pack, tmp_path, until=1))
    best = model_bytes(tmp_path)
    list(train(CONFIG, pack, tmp_path))
    assert checkpoint.best_weights(tmp_path).read_bytes() == best
    assert checkpoint.read_state(tmp_path).best.epoch == 1


def test_log_loss_breaks_ties_and_an_undefined_auroc_loses(pack, tmp_path, scripted):
    scripted([(float("nan"), 0.1), (0.8, 0.5), (0.8, 0.4)])
    list(train(CONFIG, pack, tmp_path))
    assert checkpoint.read_state(tmp_path).best.epoch == 3


def test_patience_ends_a_trial_for_good(pack, tmp_path, scripted):
    config = changed(epochs=20, patience=2, schedule="constant")
    scripted([(0.6, 0.5), (0.7, 0.5), (0.7, 0.6), (0.65, 0.5)])
    records = list(train(config, pack, tmp_path))
    assert [record.epoch for record in records] == [1, 2, 3, 4]
    state = checkpoint.read_state(tmp_path)
    assert state.best.epoch == 2
    assert ended(config, state, config.epochs)
    assert list(train(config, pack, tmp_path)) == []


def test_patience_counts_across_a_resume(pack, tmp_path, scripted):
    config = changed(epochs=20, patience=2, schedule="constant")
    scripted([(0.9, 0.5), (0.7, 0.5), (0.7, 0.6)])
    list(train(config, pack, tmp_path, until=2))
    assert [record.epoch for record in train(config, pack, tmp_path)] == [3]


def test_validation_sees_every_image_as_it_is_at_every_epoch(pack, tmp_path, monkeypatch):
    seen = []
    real = trial.predict

    def spied(model, batches):
        seen.append(torch.cat([images.clone() for images, _ in batches]))
        return real(model, batches)

    monkeypatch.setattr(trial, "predict", spied)
    config = changed(augment="wide", normalize="none")
    list(train(config, pack, tmp_path, until=2))
    stored = torch.from_numpy(pack.pixels[pack.rows("val")]).permute(0, 3, 1, 2).float() / 255
    assert len(seen) == 2
    assert torch.equal(seen[0], stored)
    assert torch.equal(seen[1], stored)


def test_training_sees_train_images_only_and_augmented(pack, tmp_path, monkeypatch):
    made = []
    real = trial.TrainBatches

    def spied(pack_, rows, batch_size, augment, *rest):
        made.append((rows, augment))
        return real(pack_, rows, batch_size, augment, *rest)

    monkeypatch.setattr(trial, "TrainBatches", spied)
    list(train(changed(flip=False, rotate=3.0), pack, tmp_path, until=1))
    ((rows, augment),) = made
    assert rows.tolist() == pack.rows("train").tolist()
    assert augment == replace(PRESETS["wide"], flip=False, rotate_degrees=3.0)


@pytest.mark.parametrize("choice", ["none", "balanced"])
def test_class_weights_are_those_of_the_training_images(pack, tmp_path, monkeypatch, choice):
    asked = []
    real = trial.optim.build_loss

    def spied(label_smoothing, class_weights):
        asked.append((label_smoothing, class_weights))
        return real(label_smoothing, class_weights)

    monkeypatch.setattr(trial.optim, "build_loss", spied)
    list(train(changed(class_weights=choice, label_smoothing=0.1), pack, tmp_path, until=1))
    ((smoothing, weights),) = asked
    assert smoothing == 0.1
    if choice == "none":
        assert weights is None
    else:
        counts = np.bincount(pack.manifest.of_split("train")["label"])
        np.testing.assert_allclose(weights, counts.sum() / (2 * counts), rtol=1e-6)


def test_a_diverging_trial_says_so_and_leaves_no_broken_checkpoint(pack, tmp_path):
    config = changed(optimizer="sgd", lr=1e30, clip_norm=None, schedule="constant", warmup_epochs=0)
    with pytest.raises(FloatingPointError, match="lower the learning rate"):
        list(train(config, pack, tmp_path))
    assert checkpoint.newest(tmp_path) is None


def test_the_network_is_drawn_from_the_seed_alone():
    torch.manual_seed(5)
    first = trial.build_model(CONFIG, 2)[0].state_dict()
    torch.manual_seed(6)
    second = trial.build_model(CONFIG, 2)[0].state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    other = trial.build_model(changed(seed=1), 2)[0].state_dict()
    assert any(not torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize(
    ("config", "error", "message"),
    [
        (changed(weights="package"), WeightsError, "mobilenetv3_small_100"),
        (changed(backbone="resnet18", head="vgg"), StudyError, "head"),
    ],
)
def test_a_network_that_can_not_be_built_is_never_another_one(config, error, message):
    with pytest.raises(error, match=message) as caught:
        trial.build_model(config, 2)
    assert "\n" not in str(caught.value)


FROZEN = {
    "blocks.1": ("conv_stem.", "bn1.", "blocks.0.", "blocks.1."),
    "backbone": ("conv_stem.", "bn1.", "blocks.", "conv_head."),
}


@pytest.mark.parametrize("stage", FROZEN)
def test_what_is_frozen_keeps_every_bit_and_the_rest_learns(pack, tmp_path, stage):
    config = changed(freeze=stage, epochs=2)
    first = trial.build_model(config, 2)[0].state_dict()
    list(train(config, pack, tmp_path))
    trained, _ = checkpoint.load_tensors(checkpoint.newest(tmp_path))
    for name, tensor in trained.items():  # batch norms' statistics too
        assert torch.equal(tensor, first[name]) == name.startswith(FROZEN[stage]), name
    state = checkpoint.read_state(tmp_path)
    frozen, _ = trial.build_model(config, 2)
    counts = {True: 0, False: 0}
    for name, parameter in frozen.named_parameters():
        counts[name.startswith(FROZEN[stage])] += parameter.numel()
    assert state.parameters_trainable == counts[False]
    assert state.parameters_total == counts[True] + counts[False]
    if stage == "backbone":
        assert state.parameters_trainable == 1025 * 2


def test_a_frozen_trial_resumes_with_the_same_bits(pack, tmp_path):
    config = changed(freeze="blocks.1", hidden=(16,), epochs=2)
    list(train(config, pack, tmp_path / "one-go"))
    list(train(config, pack, tmp_path / "two", until=1))
    list(train(config, pack, tmp_path / "two"))
    assert model_bytes(tmp_path / "one-go") == model_bytes(tmp_path / "two")
    counts = [
        (state.parameters_total, state.parameters_trainable)
        for state in map(checkpoint.read_state, (tmp_path / "one-go", tmp_path / "two"))
    ]
    assert counts[0] == counts[1]
    assert counts[0][0] > counts[0][1]


def test_pretrained_weights_are_frozen_as_they_were_loaded(pack, tmp_path, monkeypatch):
    published = zoo.build(Architecture("resnet18", color="rgb"), 1000).state_dict()
    published["layer1.0.bn1.running_mean"] += 1
    found = Weights("test", "0" * 64, (0.5,), (0.5,), published)
    monkeypatch.setattr(trial.weights, "find", lambda *arguments: found)
    config = changed(backbone="resnet18", weights="package", freeze="layer1", epochs=1)
    list(train(config, pack, tmp_path))
    trained, _ = checkpoint.load_tensors(checkpoint.newest(tmp_path))
    for name in ("layer1.0.conv1.weight", "layer1.0.bn1.running_mean", "layer1.1.bn2.weight"):
        assert torch.equal(trained[name], published[name]), name
    assert not torch.equal(trained["layer2.0.conv1.weight"], published["layer2.0.conv1.weight"])


@pytest.mark.parametrize(
    "fields",
    [
        {"backbone": "C8-P-C16-P-F-D16-D", "batch_norm": True, "output": "sigmoid"},
        {"backbone": "bottleneck_resnet", "output": "sigmoid", "hidden": (16,), "freeze": "layer3"},
        {"backbone": "resnet18", "head": "flatten", "hidden": (16,), "dropout": 0.5},
    ],
)
def test_every_kind_of_network_trains_and_gives_two_columns(pack, tmp_path, fields):
    config = changed(epochs=1, **fields)
    list(train(config, pack, tmp_path))
    before = checkpoint.val_predictions(tmp_path)
    assert before.probs.shape[1] == 2
    np.testing.assert_allclose(before.probs.sum(axis=1), 1)
    again = score(Trial(config, tmp_path, pack.path), "val")
    np.testing.assert_allclose(again.probs, before.probs, atol=1e-6)


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("bias", [True, False])
def test_an_optimizer_steps_though_one_of_its_groups_is_empty(name, bias):
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2))
    for part in (model[0].weight, model[0].bias, model[1].weight if bias else model[1].bias):
        part.requires_grad_(False)
    optimizer = optim.build_optimizer(model, name, 0.1, 0.01, 0.9, clip_norm=1.0)
    assert sorted(len(group["params"]) for group in optimizer.param_groups) == [0, 1]
    before = [parameter.clone() for parameter in model.parameters()]
    model(torch.ones(4, 3)).sum().backward()
    optimizer.step()
    moved = [not torch.equal(a, b) for a, b in zip(model.parameters(), before, strict=True)]
    assert moved == [False, False, not bias, bias]
    optimizer.load_state_dict(optimizer.state_dict())


def test_normalization_is_what_the_study_says(pack):
    pretrained = Weights("package x", "0" * 64, (0.3,), (0.2,), {})
    own = tuple(map(tuple, pack.train_statistics()))
    cases = [
        (changed(normalize="none"), pretrained, ((0.0,), (1.0,))),
        (changed(normalize="train"), pretrained, own),
        (changed(normalize="auto"), None, own),
        (changed(normalize="auto"), pretrained, ((0.3,), (0.2,))),
        (
            changed(normalize="imagenet", color="rgb"),
            None,
            (trial.IMAGENET_MEAN, trial.IMAGENET_STD),
        ),
    ]
    for config, weights, expected in cases:
        assert trial.normalization(config, pack, weights) == expected
    ((mean,), (std,)) = trial.normalization(changed(normalize="imagenet"), pack, None)
    assert (mean, std) == (pytest.approx(0.449), pytest.approx(0.226))


def test_a_channel_that_never_varies_is_divided_by_one(pack, tmp_path):
    flat = replace(pack, pixels=np.full_like(pack.pixels, 51))
    assert trial.normalization(CONFIG, flat, None) == ((pytest.approx(0.2),), (1.0,))
    (record,) = train(changed(epochs=1), flat, tmp_path)
    assert np.isfinite([record.train_loss, record.val_loss]).all()


def test_only_rank_0_writes_and_every_rank_tells_the_same(pack, tmp_path, in_one_go):
    _, records = in_one_go
    wrapped = []

    def wrap(model):
        wrapped.append(model)
        return model

    answers = iter(records)
    team = Team(rank=1, size=2, wrap=wrap, share=lambda value: next(answers))
    assert list(train(CONFIG, pack, tmp_path, until=1, team=team)) == records[:1]
    assert list(tmp_path.iterdir()) == []
    assert len(wrapped) == 1


def test_two_ranks_draw_different_dropout_from_one_seed(pack):
    drawn = []
    for rank in (0, 1, 0):
        batches = functools.partial(trial._seeded, lambda epoch: [], 3, rank)
        batches(1)
        drawn.append(torch.rand(4))
    assert torch.equal(drawn[0], drawn[2])
    assert not torch.equal(drawn[0], drawn[1])
