import pytest

from pneumoray.comparing.axes import setting, varying, with_unit
from pneumoray.config import Config


def configs(**fields):
    """One Config a value; fields of one value are common to all."""
    num = max(len(values) for values in fields.values())
    return [
        Config(**{"backbone": "resnet18"} | {k: v[i % len(v)] for k, v in fields.items()})
        for i in range(num)
    ]


def test_the_backbone_comes_first_and_the_seed_never():
    found = configs(
        lr=[1e-3, 1e-4], backbone=["resnet18", "vgg11"], image_size=[64, 32], seed=[0, 1]
    )
    assert varying(found) == ["backbone", "image_size", "lr"]
    assert varying(configs(seed=[0, 1, 2])) == []


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"image_fit": ["squeeze", "crop"], "crop_fraction": [0.8]}, ["image_fit"]),
        ({"image_fit": ["crop", "crop"], "crop_fraction": [0.8, 0.6]}, ["crop_fraction"]),
        ({"optimizer": ["adam", "sgd"], "momentum": [0.9, 0.95]}, ["optimizer"]),
        ({"schedule": ["constant", "step"], "step_epochs": [7, 3]}, ["schedule"]),
        ({"backbone": ["resnet18", "C-P-F-D"], "filters": [(8, 16)]}, ["backbone"]),
        ({"backbone": ["C-P-F-D", "resnet18"], "hidden": [(), (16,)]}, ["backbone"]),
        ({"backbone": ["C-P-F-D"], "filters": [(8, 16), (4,)]}, ["filters"]),
    ],
)
def test_a_configuration_does_not_differ_by_what_says_nothing_of_it(fields, named):
    assert varying(configs(**fields)) == named


def test_a_setting_that_says_nothing_is_empty():
    adam, sgd = configs(optimizer=["adam", "sgd"])
    assert setting(adam, "momentum") == ""
    assert setting(sgd, "momentum") == 0.9
    assert setting(sgd, "lr") == 1e-3


def test_axes_that_have_a_unit_are_shown_with_it():
    assert with_unit("image_size") == "image_size (px)"
    assert with_unit("optimizer") == "optimizer"
