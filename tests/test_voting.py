"""Champions are chosen on validation, one a family; the vote is the mean of probabilities."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pneumoray.errors import StudyError
from pneumoray.predictions import Predictions
from pneumoray.voting import Candidate, champions, soft_vote, voters


def predictions(probs=((0.2, 0.8), (0.6, 0.4)), ids=("a", "b"), classes=("N", "P")):
    images = pd.DataFrame({"id": ids, "label": [0, 1], "group": ids})
    return Predictions(images, np.array(probs), classes)


def candidate(trial, family, auroc, loss=0.5):
    config_id = trial.partition("/")[0]  # "v1/0" and "v1/1" are seeds of one configuration
    return Candidate(trial, config_id, family, f"{family}-backbone", (auroc, -loss), predictions())


FIELD = [
    candidate("v1", "vgg", 0.90),
    candidate("v2", "vgg", 0.97),
    candidate("r1", "resnet", 0.95),
    candidate("e1", "efficientnet", 0.96, loss=0.3),
    candidate("e2", "efficientnet", 0.96, loss=0.2),
    candidate("d1", "densenet", float("-inf")),
]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"top": 3}, ["v2", "e2", "r1"]),
        ({"top": 1}, ["v2"]),
        ({"top": 9}, ["v2", "e2", "r1", "d1"]),
        ({"top": 3, "any_family": True}, ["v2", "e2", "e1"]),
        ({"top": 3, "families": ["resnet", "vgg"]}, ["v2", "r1"]),
        ({"top": 3, "families": ["vgg"], "any_family": True}, ["v2", "v1"]),
    ],
)
def test_the_best_of_each_family_best_first(options, expected):
    assert [chosen.trial for chosen in champions(FIELD, **options)] == expected
    assert [chosen.trial for chosen in champions(FIELD[::-1], **options)] == expected


def test_equal_candidates_are_told_apart_by_name_not_by_order():
    twins = [candidate("b", "vgg", 0.9), candidate("a", "vgg", 0.9)]
    assert [c.trial for c in champions(twins, 1)] == ["a"]
    assert [c.trial for c in champions(twins[::-1], 1)] == ["a"]


def test_a_configuration_is_ranked_by_its_mean_and_its_best_seed_stands_for_it():
    lucky = [candidate("v1/0", "vgg", 0.99), candidate("v1/1", "vgg", 0.80)]  # mean 0.895
    steady = [candidate("v2/0", "vgg", 0.91), candidate("v2/1", "vgg", 0.93)]  # mean 0.92
    assert [c.trial for c in champions([*lucky, *steady], 1)] == ["v2/1"]
    both = champions([*steady, *lucky], 9, any_family=True)
    assert [c.trial for c in both] == ["v2/1", "v1/0"]


def test_a_configuration_that_lacks_seeds_stands_behind_complete_ones():
    lucky = replace(candidate("v1/0", "vgg", 0.99), lacks_seeds=True)
    assert [c.trial for c in champions([lucky, candidate("v2/0", "vgg", 0.9)], 1)] == ["v2/0"]
    assert [c.trial for c in champions([lucky], 1)] == ["v1/0"]


def test_a_family_that_is_not_there_is_refused_with_near_names():
    with pytest.raises(StudyError, match=r"'resnets'.*densenet, efficientnet.*did you mean resnet"):
        champions(FIELD, 3, families=["resnets"])


def test_nothing_trained_says_what_to_do():
    with pytest.raises(StudyError, match="train-all"):
        champions([], 3)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"top": 3}, ["v2", "e2", "r1"]),
        ({"top": 2, "families": ["vgg", "resnet"]}, ["v2", "r1"]),
        ({"top": 5, "any_family": True}, ["v2", "e2", "e1", "r1", "v1"]),
    ],
)
def test_as_many_vote_as_were_asked_for(options, expected):
    assert [
        chosen.trial
        for chosen in voters(
            FIELD, scoring="pneumoray evaluate DATA --model lung-{}".format, **options
        )
    ] == expected


ALONE = r"score one model alone with 'pneumoray evaluate DATA --model lung-vgg'"
REFUSED = {
    "more families than there are": (
        {"top": 5},
        r"--top 5 asks for 5 families, and only 4 are trained to the end \(vgg, efficientnet, resnet, "
        r"1 more\): vote with --top 4, or let trials of one family vote with --any-family$",
    ),
    "more than there are at all": (
        {"top": 9},
        "vote with --top 4, or let trials of one family vote with --any-family --top 6$",
    ),
    "more trials than there are": (
        {"top": 9, "any_family": True},
        "^--top 9 asks for 9 trials, and only 6 are trained to the end: vote with --top 6$",
    ),
    "one family of two trials": (
        {"top": 3, "families": ["vgg"]},
        "^--top 3 asks for 3 families, and --families names 1: let trials of one family vote with "
        f"--any-family --top 2, or {ALONE}$",
    ),
    "one family of one trial": (
        {"top": 2, "families": ["resnet"]},
        "^--top 2 asks for 2 families, and --families names 1: score one model alone",
    ),
    "two families of four": (
        {"top": 4, "families": ["resnet", "vgg"]},
        "^--top 4 asks for 4 families, and --families names 2: vote with --top 2, or let trials of one "
        "family vote with --any-family --top 3$",
    ),
    "one member": (
        {"top": 1},
        "^a vote of one member is no vote: vote with --top 2, or let trials of one family vote with "
        f"--any-family, or {ALONE}$",
    ),
}


@pytest.mark.parametrize(("options", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_a_vote_that_can_not_be_had_says_which_can(options, said):
    with pytest.raises(StudyError, match=said):
        voters(FIELD, scoring="pneumoray evaluate DATA --model lung-{}".format, **options)


def test_where_no_other_trial_is_trained_any_family_is_not_offered_as_a_way():
    with pytest.raises(
        StudyError, match=r"--top 2, or train more \(--any-family finds no other trial\)"
    ):
        voters([FIELD[1], FIELD[2]], 3, "lung-{}".format)


def test_the_vote_is_the_mean_of_probabilities():
    voted = soft_vote([predictions(), predictions(((1.0, 0.0), (0.5, 0.5)))])
    np.testing.assert_allclose(voted.probs, [[0.6, 0.4], [0.55, 0.45]])
    assert voted.image_ids.tolist() == ["a", "b"]
    np.testing.assert_allclose(voted.probs.sum(axis=1), 1)


def test_the_vote_of_one_is_that_one():
    np.testing.assert_array_equal(soft_vote([predictions()]).probs, predictions().probs)


def test_the_vote_does_not_touch_its_members():
    member = predictions()
    before = member.probs.copy()
    soft_vote([member, predictions(((1.0, 0.0), (0.5, 0.5)))])
    np.testing.assert_array_equal(member.probs, before)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([], "at least one"),
        ([predictions(), predictions(ids=("b", "a"))], "member 1 was scored on other images"),
        ([predictions(), predictions(classes=("P", "N"))], "member 1 has other classes"),
    ],
)
def test_members_that_can_not_be_averaged_are_a_callers_mistake(members, message):
    with pytest.raises(ValueError, match=message):
        soft_vote(members)
