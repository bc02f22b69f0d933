"""How many epochs a study trains, counted by hand, and what an estimate holds beside them."""

import shutil

import pytest

from pneumoray.distributed.resources import Resources
from pneumoray.errors import ClusterError, DataError, WeightsError
from pneumoray.grid import configurations
from pneumoray.models import hub
from pneumoray.stages.plan import dry_run, epochs_a_trial, num_epochs
from pneumoray.study_file import parse

BASE = {"name": "x", "backbones": ["resnet18"], "epochs": 15, "grid": {"lr": [0.1, 0.2, 0.3, 0.4]}}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"race": "full"}, 4 * 15),
        ({"race": "full", "seeds": 3}, 3 * 4 * 15),
        ({"race": {"rungs": [3], "eta": 4}}, 4 * 3 + 12),
        ({"race": {"rungs": [3], "eta": 4}, "seeds": 3}, 3 * (4 * 3 + 12)),
        ({"race": {"rungs": [2, 5], "eta": 2}}, 4 * 2 + 2 * 3 + 10),
        ({"race": "full", "grid": {"epochs": [5, 10]}}, 15),
    ],
)
def test_epochs_that_a_backbone_trains(fields, expected):
    study = parse(BASE | fields)
    configs = configurations(study)
    assert num_epochs(study, configs) == expected
    assert epochs_a_trial(study, configs) == {"resnet18": expected / len(configs)}


@pytest.fixture
def plan_of(tmp_path, xrays):
    """Plans a study of two small networks on the tests' X-rays: (plan, what was said)."""

    def make(resources=None, **fields):
        base = {"name": "x", "image_size": 32, "epochs": 2, "race": "full"}
        networks = ["resnet10t", "mobilenetv3_small_050"]
        said = []
        study = parse(base | {"backbones": networks, "grid": {"lr": [0.1, 0.2]}} | fields)
        place = {"workspace": tmp_path, "address": "local", "resources": resources}
        plan = dry_run(study, xrays, **place, on_event=said.append)
        assert said[0]["type"] == "understood"  # shown before anything else
        return plan, [event["text"] for event in said if event["type"] == "note"]

    return make


def test_a_plan_counts_its_timings_and_holds_more_than_training(plan_of):
    plan, said = plan_of(Resources(device="cpu", max_concurrent=1))
    assert said == [
        "positive class: PNEUMONIA (NORMAL is negative by its name)",
        "patients are known by the rule kermany (30 patients, such as IM-0000 of "
        "NORMAL/IM-0000-0000.png); if that is wrong, write a patient_rule or a patient column",
        "timing 1 of 2: resnet10t at 32 px",
        "timing 2 of 2: mobilenetv3_small_050 at 32 px",
    ]
    assert plan.device == "cpu"
    assert plan.slots == 1
    # 20 s of start, 8 s of one round, 1 s for each of 4 trials, 5 s for each of 2 families
    assert plan.extra_hours * 3600 == pytest.approx(20 + 8 + 4 + 10, abs=5)
    assert plan.extra_hours * 3600 > 42  # and the reading of 60 images


def test_images_that_are_packed_already_take_no_time_to_read(plan_of, pack, tmp_path):
    shutil.copytree(pack.path.parent, tmp_path / "packs")
    fractions = {"val_fraction": 0.25, "test_fraction": 0.2, "split_seed": 0}  # those of the pack
    plan, _ = plan_of(Resources(device="cpu", max_concurrent=1), **fractions)
    assert plan.extra_hours * 3600 == pytest.approx(42)
    training = sum(network.hours for network in plan.backbones)
    assert plan.hours == pytest.approx(training + plan.extra_hours)


def test_no_more_run_side_by_side_than_there_are(plan_of):
    plan, _ = plan_of(Resources(device="cpu"), backbones=["resnet10t"], grid={})
    assert plan.slots == 1


@pytest.mark.parametrize(
    ("race", "states"), [("full", 4 * 4 + 3), ({"rungs": [1], "eta": 2}, 4 * 7)]
)
def test_a_trial_that_has_not_ended_takes_the_disk_of_two_checkpoints(plan_of, race, states):
    one_at_a_time, lrs = Resources(device="cpu", max_concurrent=1), {"lr": [0.1, 0.2, 0.3, 0.4]}
    plan, _ = plan_of(one_at_a_time, backbones=["C4-P-F-D"], grid=lrs, race=race)
    parameters = (9 + 1) * 4 + (
        4 * 16 * 16 + 1
    ) * 2  # a convolution of 4 maps, a layer of 2 classes
    assert plan.backbones[0].disk_mib * 2**20 == pytest.approx(states * parameters * 4)


def test_what_training_refuses_the_plan_refuses_before_timing(plan_of, monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    with pytest.raises(ClusterError, match="use --device cpu"):
        plan_of(Resources(device="cuda"))
    monkeypatch.setattr(hub, "why_no_answer", lambda url: f"{url} can't be reached")
    monkeypatch.setattr(hub, "cached", lambda backbone: None)
    file = r"timm/resnet10t\.c3_in1k/resolve/main/model\.safetensors"
    with pytest.raises(WeightsError, match=rf"weights of resnet10t: https://\S+/{file} can't"):
        plan_of(weights="hub")


def test_a_plan_is_refused_where_the_test_split_has_patients_of_train(tmp_path, draw_xrays):
    data = tmp_path / "data"
    for split in ("train", "test"):
        draw_xrays(data / split, 4)  # the same patients in both
    study = parse({"name": "x", "backbones": ["resnet10t"], "epochs": 1, "image_size": 32})
    place = {"workspace": tmp_path / "ws", "address": "local"}
    with pytest.raises(
        DataError, match="patients or copies are in test and in train, 8 groups in 16 pairs"
    ):
        dry_run(study, data, **place)
    assert dry_run(study, data, **place, allow_leaks=True).num_images > 0
