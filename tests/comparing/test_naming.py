import pytest

from pneumoray.comparing.naming import compared, names
from pneumoray.config import Config
from pneumoray.grid import configurations
from pneumoray.study_file import parse


def named(*fields):
    return list(names(Config(**{"backbone": "resnet18"} | one) for one in fields).values())


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([{}], ["resnet18"]),
        (
            [{"optimizer": "adamw", "lr": 1e-3}, {"optimizer": "sgd", "lr": 2.5e-4}],
            ["resnet18 adamw 1e-3", "resnet18 sgd 2.5e-4"],
        ),
        ([{"lr": 0.1}, {"lr": 0.05}], ["resnet18 0.1", "resnet18 0.05"]),
        ([{"seed": 0}, {"seed": 1}], ["resnet18 seed 0", "resnet18 seed 1"]),
        (
            [{"dropout": 0.5, "flip": True}, {"dropout": 0.0, "flip": None}],
            ["resnet18 dropout 0.5 flip true", "resnet18 dropout 0 flip null"],
        ),
        (  # momentum says nothing of adam
            [
                {"optimizer": "adam"},
                {"optimizer": "sgd", "momentum": 0.9},
                {"optimizer": "sgd", "momentum": 0.8},
            ],
            ["resnet18 adam", "resnet18 sgd momentum 0.9", "resnet18 sgd momentum 0.8"],
        ),
    ],
)
def test_a_name_is_the_backbone_and_what_was_varied(fields, expected):
    assert named(*fields) == expected


def test_a_setting_that_follows_the_backbone_is_not_repeated():
    both = [{"lr": 1e-3}, {"lr": 3e-4}]
    lite = [{"backbone": "tf_efficientnet_lite0", "weights": "package"} | one for one in both]
    assert named(*both, *lite) == [
        "resnet18 1e-3",
        "resnet18 3e-4",
        "tf_efficientnet_lite0 1e-3",
        "tf_efficientnet_lite0 3e-4",
    ]


def test_each_backbone_is_named_by_its_own_settings():
    assert named({"image_size": 32}, {"image_size": 64}, {"backbone": "vgg11"}) == [
        "resnet18 image_size 32",
        "resnet18 image_size 64",
        "vgg11",
    ]


def test_a_trial_knows_the_comparisons_and_arms_that_it_belongs_to():
    study = parse(
        {
            "name": "x",
            "race": "full",
            "backbones": ["resnet18"],
            "comparisons": {
                "rates": {"grid": {"lr": [0.1, 0.2]}},
                "sizes": {"grid": {"batch_size": [32]}, "lr": 0.1},
            },
        }
    )
    of = compared(study)
    found = {config.lr: of[config.trial_id] for config in configurations(study)}
    assert found[0.1]["comparison"] == "rates, sizes"
    assert found[0.2]["comparison"] == "rates"
