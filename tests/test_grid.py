"""What a study's comparisons, arms, axes and seeds multiply to, worked out by hand."""

import time

import pytest

from pneumoray.errors import StudyError
from pneumoray.grid import check_size, configurations, members, num_trials
from pneumoray.study import optional_backbones, without_backbones
from pneumoray.study_file import parse

BASE = {"name": "x", "epochs": 4, "race": "full", "schedule": "constant"}


def study(**fields):
    return parse(BASE | fields)


def test_the_backbone_is_an_axis_like_any_other():
    made = configurations(study(grid={"backbone": ["resnet18", "vgg11"], "lr": [0.1, 0.2]}))
    points = [(config.backbone, config.family, config.lr) for config in made]
    resnet, vgg = ("resnet18", "resnet"), ("vgg11", "vgg")
    assert points == [(*resnet, 0.1), (*resnet, 0.2), (*vgg, 0.1), (*vgg, 0.2)]


AXES = {
    "backbone": ["resnet18", "C8-P-F-D"],
    "optimizer": ["adam", "sgd"],
    "lr": [0.1, 0.2],
    "batch_size": [8, 16],
    "image_size": [32, 64],
    "image_fit": ["squeeze", "crop"],
    "normalize": ["none", "imagenet"],
    "dropout": [0.0, 0.5],
    "head": ["linear", "flatten"],
    "hidden": [[], [16]],
    "freeze": ["none", "layer2"],
    "schedule": ["cosine", "step"],
    "epochs": [2, 4],
    "augment": ["none", "wide"],
    "flip": [True, False],
    "zoom": [0.0, 0.2],
    "rotate": [0, 10],
    "weight_decay": [0.0, 0.1],
    "warmup_epochs": [0.0, 1.0],
    "label_smoothing": [0.0, 0.1],
    "class_weights": ["none", "balanced"],
    "clip_norm": [1.0, 2.0],
    "weights": ["none", "hub"],
    "color": ["grey", "rgb"],
    "output": ["softmax", "sigmoid"],
    "seed": [0, 1],
}


@pytest.mark.parametrize("axis", AXES)
def test_any_field_is_an_axis(axis):
    backbones = [] if axis == "backbone" else ["resnet18"]
    made = configurations(study(backbones=backbones, grid={axis: AXES[axis]}))
    values = [tuple(v) if isinstance(v, list) else v for v in AXES[axis]]
    assert [getattr(config, axis) for config in made] == values
    assert len({config.trial_id for config in made}) == 2


def test_crop_fraction_is_an_axis_of_crops_only():
    crop = {"image_fit": "crop", "grid": {"crop_fraction": [0.8, 1.0]}}
    made = configurations(study(backbones=["resnet18"], **crop))
    assert [config.crop_fraction for config in made] == [0.8, 1.0]
    with pytest.raises(StudyError, match="asked for twice"):
        study(backbones=["resnet18"], grid={"crop_fraction": [0.8, 1.0]})


def test_arms_are_named_variants_and_multiply_with_the_grid():
    arms = {"plain": {"lr": 0.1}, "wide": {"lr": 0.2, "dropout": 0.5}}
    made = members(study(backbones=["resnet18"], arms=arms, grid={"batch_size": [8, 16]}))
    found = [(m.arm, m.config.lr, m.config.dropout, m.config.batch_size) for m in made]
    assert found == [
        ("plain", 0.1, 0.0, 8),
        ("plain", 0.1, 0.0, 16),
        ("wide", 0.2, 0.5, 8),
        ("wide", 0.2, 0.5, 16),
    ]
    assert {m.arm: m.arm_fields for m in made} == {
        "plain": {"lr"},
        "wide": {"lr", "dropout"},
    }


def test_comparisons_follow_each_other_and_share_what_is_equal():
    made = study(
        backbones=["resnet18"],
        lr=0.1,
        comparisons={
            "rates": {"grid": {"lr": [0.1, 0.2]}},
            "sizes": {"grid": {"batch_size": [8, 32]}},
            "others": {"backbones": ["vgg11"], "dropout": 0.5},
        },
    )
    points = [
        (m.comparison, m.config.backbone, m.config.lr, m.config.batch_size) for m in members(made)
    ]
    assert points == [
        ("rates", "resnet18", 0.1, 32),
        ("rates", "resnet18", 0.2, 32),
        ("sizes", "resnet18", 0.1, 8),
        ("sizes", "resnet18", 0.1, 32),
        ("others", "vgg11", 0.1, 32),
    ]
    assert num_trials(made) == 5
    assert (
        len(configurations(made)) == 4
    )  # (0.1, 32) belongs to two comparisons and is trained once
    assert configurations(made)[-1].dropout == 0.5


def test_seeds_repeat_each_configuration():
    made = configurations(study(backbones=["resnet18"], grid={"lr": [0.1, 0.2]}, seeds=3, seed=5))
    assert [(c.lr, c.seed) for c in made] == [(lr, s) for lr in (0.1, 0.2) for s in (5, 6, 7)]
    assert len({c.trial_id for c in made}) == 6
    assert len({c.config_id for c in made}) == 2


def test_epochs_compared_under_a_constant_schedule_are_trials_of_their_own():
    short, long = configurations(study(backbones=["resnet18"], grid={"epochs": [2, 4]}))
    assert short.trial_id != long.trial_id
    (only,) = configurations(study(backbones=["resnet18"]))
    assert only.trial_id not in (short.trial_id, long.trial_id)  # more epochs go on with this one
    (longer,) = configurations(study(backbones=["resnet18"], epochs=9))
    assert longer.trial_id == only.trial_id


def test_settings_of_layer_strings_say_nothing_of_other_backbones():
    with pytest.raises(StudyError, match="asked for twice"):
        study(backbones=["resnet18"], grid={"kernel_size": [3, 5]})
    made = configurations(
        study(backbones=["C8-P-F-D"], image_size=32, grid={"kernel_size": [3, 5]})
    )
    assert len(made) == 2


def test_new_fields_leave_old_trials_their_ids():
    """An id that was made when Config had other fields: defaults are no part of it."""
    (config,) = configurations(study(backbones=["resnet18"], lr=0.1))
    named = config.model_dump(exclude_defaults=True)
    assert named.keys() == {"backbone", "family", "lr", "schedule", "epochs"}


def test_optional_backbones_of_a_comparison_can_be_left_out():
    optional = {"backbone": "tf_efficientnet_lite0", "weights": "package", "optional": True}
    made = study(
        comparisons={"a": {"backbones": ["resnet18", optional]}, "b": {"backbone": "vgg11"}}
    )
    assert optional_backbones(made) == [("tf_efficientnet_lite0", "package")]
    less = without_backbones(made, ["tf_efficientnet_lite0"])
    assert [config.backbone for config in configurations(less)] == ["resnet18", "vgg11"]
    alone = study(comparisons={"a": {"backbones": [optional]}})
    with pytest.raises(StudyError, match="nothing is left"):
        without_backbones(alone, ["tf_efficientnet_lite0"])


def test_500_trials_begin_and_501_need_a_yes():
    half = {"lr": [0.1 + i / 1000 for i in range(250)], "batch_size": [8, 16]}
    check_size(study(backbones=["resnet18"], grid=half), yes=False)
    more = [half, {"lr": [0.9]}]
    with pytest.raises(StudyError, match=r"asks for 501 trials, more than 500.*--yes"):
        check_size(study(backbones=["resnet18"], grid=more), yes=False)
    check_size(study(backbones=["resnet18"], grid=more), yes=True)


def test_a_grid_too_large_to_make_is_refused_at_once():
    axes = {name: [i / 1000 for i in range(1, 900)] for name in ("lr", "dropout", "momentum")}
    start = time.process_time()
    with pytest.raises(StudyError, match="726,572,699 trials"):
        check_size(study(backbones=["resnet18"], grid=axes), yes=False)
    assert time.process_time() - start < 5


BAD = {
    "axis that does not exist": ({"grid": {"lrr": [1]}}, "grid axis 'lrr' is no field.*mean lr"),
    "empty axis": ({"grid": {"lr": []}}, r"grid axis 'lr' needs a list of values, got \[\]"),
    "arm's field": ({"arms": {"a": {"lrr": 1}}}, "arm 'a': 'lrr' is no field"),
    "arms with other data": (
        {"arms": {"a": {"data": "elsewhere"}}},
        "arm 'a': 'data' belongs to the whole study.*same data and classes",
    ),
    "arms with other classes": ({"arms": {"a": {"classes": ["x"]}}}, "same data and classes"),
    "arms that are a list": ({"arms": [1]}, "arms"),
    "arm that is no table": ({"arms": {"a": 1}}, "arms"),
    "arm's seeds": ({"arms": {"a": {"seeds": 2}}}, "'seeds' belongs to the whole study: move it"),
    "seeds twice": ({"seeds": 2, "grid": {"seed": [0, 1]}}, "choose one of them"),
    "comparison's field": ({"comparisons": {"c": {"lrr": 1}}}, "comparison 'c': 'lrr' is no field"),
    "comparisons beside a grid": (
        {"comparisons": {"c": {}}, "grid": {"lr": [1]}},
        "belong in the comparisons",
    ),
    "backbones and an axis": ({"grid": {"backbone": ["vgg11"]}}, "keep one of them"),
    "freeze on a layer string": (
        {"backbones": ["C8-P-F-D"], "freeze": "layer2"},
        "layer string",
    ),
    "stage that is none": ({"freeze": "layer9"}, "layer9.*stem, layer1, layer2, layer3, layer4"),
    "layer string": ({"backbones": ["C8-D-F-D"]}, r"position 2 \(D\)"),
    "too many pools": (
        {"backbones": ["P-P-P-P-P-P-F-D"], "image_size": 32},
        r"position 6 \(P\).*1 x 1 x 1",
    ),
    "head of a layer string": ({"backbones": ["C8-P-F-D"], "hidden": [16]}, "hidden|head"),
}


@pytest.mark.parametrize(("fields", "said"), BAD.values(), ids=BAD.keys())
def test_a_mistake_is_one_line(fields, said):
    with pytest.raises(StudyError, match=said) as caught:
        study(**({"backbones": ["resnet18"]} | fields))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"arms": {"a": {"lr": 0.5}, "b": {}}, "grid": {"lr": [0.1, 0.2]}},
            "arm 'a': the arm and the grid",
        ),
        (
            {"backbones": [{"backbone": "vgg11", "lr": 0.5}], "arms": {"a": {"lr": 0.1}}},
            "arm 'a': the arm and backbones both set lr",
        ),
    ],
)
def test_a_field_that_an_arm_and_another_place_set_is_refused(more, message):
    with pytest.raises(StudyError, match=message):
        study(**({"backbones": ["resnet18"]} | more))


@pytest.mark.parametrize(
    "table",
    [
        {"backbones": [152]},
        {"backbones": 5},
        {"backbones": [None]},
        {"backbones": [["resnet18"]]},
        {"backbones": "resnet18"},
        {"grid": {True: [1]}},
        {"arms": {"a": {True: 1}}},
        {True: 1},
    ],
)
def test_nonsense_in_a_comparison_is_one_line(table):
    with pytest.raises(StudyError) as error:
        study(backbones=["resnet18"], comparisons={"c": table})
    assert "\n" not in str(error.value)


def test_an_axis_that_says_nothing_of_an_optimizer_is_named():
    with pytest.raises(StudyError, match=r"asked for twice: the axis momentum says nothing of it"):
        study(backbones=["resnet18"], grid={"optimizer": ["adam", "sgd"], "momentum": [0.9, 0.95]})


def test_trials_that_comparisons_share_count_once():
    rates = [i / 1000 for i in range(1, 252)]
    shared = study(
        backbones=["resnet18"],
        comparisons={"a": {"grid": {"lr": rates}}, "b": {"grid": {"lr": rates}}},
    )
    assert num_trials(shared) == 502
    check_size(shared, yes=False)
    with pytest.raises(StudyError, match="753 trials, more than 500"):
        check_size(shared.model_copy(update={"seeds": 3}), yes=False)
