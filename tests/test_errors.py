"""Near names are offered as they are written; lists and values in a message stay short."""

import pytest

from pneumoray import errors
from pneumoray.errors import PneumorayError, change, did_you_mean, some_of


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


@pytest.mark.parametrize(
    ("words", "most", "said"),
    [
        ("abc", 3, "a, b, c"),
        ("abcd", 3, "a, b, c, 1 more"),
        ("abcdefgh", 1, "a, 7 more"),
        ("", 3, ""),
    ],
)
def test_a_list_is_cut_and_says_so(words, most, said):
    assert some_of(words, most) == said


def test_a_change_shows_both_values():
    assert change(4, 5) == "4 -> 5"
    assert change(None, {"rungs": [2]}) == "None -> {'rungs': [2]}"


def test_a_change_of_hashes_shows_their_beginnings():
    assert (
        change({"64px": "a1" * 32}, {"64px": "b2" * 32})
        == "{'64px': 'a1a1a1a1'} -> {'64px': 'b2b2b2b2'}"
    )


def test_a_change_of_long_values_shows_where_they_part():
    before = [f"resnet{i}" for i in range(30)]
    said = change(before, [*before[:-1], "vgg11"])
    old, new = said.split(" -> ")
    assert "'resnet28', 'resnet29']" in old
    assert "'resnet28', 'vgg11']" in new
    assert len(said) < 160


def test_a_count_agrees_with_its_noun_and_verb():
    assert [errors.counted(n, "file") for n in (0, 1, 2, 1200)] == [
        "0 files",
        "1 file",
        "2 files",
        "1,200 files",
    ]
    said = [errors.counted(n, "image", "stands stand") for n in (1, 2)]
    assert said == ["1 image stands", "2 images stand"]
