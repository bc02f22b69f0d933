import math

import pytest

from pneumoray.tracking import descriptions

SUMMARY = {
    "best": {
        "name": "resnet18 1e-3",
        "num_seeds": 1,
        "val_auroc": 0.98361,
        "val_accuracy": 0.91358,
    },
    "num_trained": 4,
    "num_cut": 3,
    "num_failed": 1,
    "vote": None,
    "next": "pneumoray ensemble --study mini --top 3",
}
VOTE = {
    "members": ["resnet18", "vgg11"],
    "openings": 1,
    "auroc": 0.98091,
    "accuracy": 0.875,
    "intervals": {"auroc": [0.944, 0.999], "accuracy": [0.78, 0.95]},
    "num_images": 64,
}


def test_a_study_says_in_two_sentences_what_came_out_and_what_comes_next():
    assert descriptions.of_study(SUMMARY) == (
        "Best on validation is resnet18 1e-3 with AUROC 0.984 and accuracy 0.914, of the study's "
        "trials (4 trained, 3 cut by the race, 1 failed). No vote has opened the test split yet."
        "\n\nNext (with --workspace, where it is not ./pneumoray-workspace): "
        "`pneumoray ensemble --study mini --top 3`"
    )


def test_after_a_vote_the_second_sentence_is_the_votes():
    said = descriptions.of_study(SUMMARY | {"vote": VOTE})
    assert (
        "The vote of resnet18, vgg11 has AUROC 0.981 [0.94, 1.00] and accuracy 0.875 [0.78, 0.95] on "
        "the 64 test images, opened once."
    ) in said
    assert "opened 2 times." in descriptions.of_study(SUMMARY | {"vote": VOTE | {"openings": 2}})


def test_a_study_without_a_score_says_so():
    best = {"name": "x", "num_seeds": 0, "val_auroc": None, "val_accuracy": None}
    said = descriptions.of_study(SUMMARY | {"best": best})
    assert said.startswith("No trial has a score (4 trained, 3 cut by the race, 1 failed).")


def test_means_over_seeds_are_called_means():
    best = SUMMARY["best"] | {"num_seeds": 3}
    assert "accuracy 0.914 (means of 3 seeds)" in descriptions.of_study(SUMMARY | {"best": best})


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ({"outcome": "trained"}, "Best on validation at epoch 2: AUROC 0.720, accuracy 0.650."),
        (
            {"outcome": "cut"},
            "Best on validation at epoch 2: AUROC 0.720, accuracy 0.650. Cut by the race.",
        ),
        ({"outcome": "failed", "reason": "no memory"}, "Failed: no memory"),
        ({"outcome": "interrupted", "best": None}, None),
    ],
)
def test_a_trial_says_how_it_ended(end, said):
    best = {"epoch": 2, "val_auroc": 0.72, "val_accuracy": 0.65}
    assert descriptions.of_trial({"best": best} | end) == said


def test_a_score_that_is_undefined_is_called_so():
    best = {"epoch": 1, "val_auroc": math.nan, "val_accuracy": 0.5}
    assert "AUROC undefined" in descriptions.of_trial({"outcome": "trained", "best": best})


def test_a_registered_model_says_how_it_is_used():
    said = descriptions.of_model("pneumoray-mini-ensemble", "champion")
    assert 'mlflow.pyfunc.load_model("models:/pneumoray-mini-ensemble@champion")' in said
