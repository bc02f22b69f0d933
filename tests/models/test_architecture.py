import json
from dataclasses import asdict

import pytest

from pneumoray.errors import StudyError
from pneumoray.models.architecture import Architecture


def test_it_survives_json():
    architecture = Architecture(
        "C-P-F-D-D", 64, "rgb", hidden=(16, 8), output="sigmoid", filters=(8, 16, 32), dropout=0.3
    )
    assert Architecture.from_dict(json.loads(json.dumps(asdict(architecture)))) == architecture


def test_what_a_table_leaves_out_is_as_it_is_by_default():
    assert Architecture.from_dict({"backbone": "resnet18"}) == Architecture("resnet18")


@pytest.mark.parametrize("values", [{"backbone": "resnet18", "code": "x"}, {"image_size": 32}])
def test_a_table_of_something_else_is_refused(values):
    with pytest.raises((ValueError, TypeError), match=r"\['code'\]|'backbone'"):
        Architecture.from_dict(values)


@pytest.mark.parametrize(("color", "in_chans"), [("grey", 1), ("rgb", 3)])
def test_channels_follow_the_color(color, in_chans):
    assert Architecture("resnet18", color=color).in_chans == in_chans


def test_one_logit_is_for_two_classes():
    assert Architecture("resnet18").num_logits(12) == 12
    assert Architecture("resnet18", output="sigmoid").num_logits(2) == 1
    with pytest.raises(StudyError, match=r"resnet18 has output sigmoid.* there are 12; use output"):
        Architecture("resnet18", output="sigmoid").num_logits(12)
