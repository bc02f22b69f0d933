"""Near names are offered as they are written, whatever case and hyphens were typed."""

import pytest

from pneumoray import errors
from pneumoray.errors import PneumorayError, did_you_mean


@pytest.mark.parametrize(
    ("word", "known", "expected"),
    [
        ("ResNet18", ["resnet18", "vgg11"], "; did you mean resnet18?"),
        ("efficientnet-b0", ["efficientnet_b0", "vgg11"], "; did you mean efficientnet_b0?"),
        ("epoch", ["epochs", "seed"], "; did you mean epochs?"),
        ("xray64", ["xray-64", "demo"], "; did you mean xray-64?"),
        ("zzz", ["resnet18", "vgg11"], ""),
        ("", ["resnet18"], ""),
        ("resnet18", [], ""),
    ],
)
def test_offers_near_names(word, known, expected):
    assert did_you_mean(word, known) == expected


def test_offers_at_most_three_the_nearest_first():
    offered = did_you_mean("resnet1", ["resnet10", "resnet18", "resnet14", "resnet12"])
    assert offered.count(" or ") == 2
    assert did_you_mean("resnet18d", ["resnet50", "resnet18"]).startswith("; did you mean resnet18")


@pytest.mark.parametrize(
    "kind", ["DataError", "StudyError", "WeightsError", "WorkspaceError", "TrackingError"]
)
def test_every_kind_is_caught_as_what_a_user_can_fix(kind):
    assert issubclass(getattr(errors, kind), PneumorayError)
