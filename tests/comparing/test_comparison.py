"""Numbers worked out by hand: what is held equal, means and deviations, the common epoch, the notes."""

import math

import pytest

from pneumoray.comparing.comparison import compare
from pneumoray.errors import StudyError


def by_label(comparison):
    return {value.label: value for value in comparison.values}


def said(comparison, words):
    """The one note that holds these words."""
    (note,) = [note for note in comparison.notes if words in note]
    return note


def test_means_and_deviations_over_seeds(trial_row):
    rows = [
        trial_row([score], lr=lr, seed=seed)
        for lr, scores in {0.1: [0.90, 0.94, 0.92], 0.01: [0.80, 0.80, 0.80]}.items()
        for seed, score in enumerate(scores)
    ]
    found = compare(rows, ["lr"], {})
    values = by_label(found)
    assert list(values) == ["0.01", "0.1"]  # numbers rise
    assert values["0.1"].mean == pytest.approx(0.92)
    assert values["0.1"].sd == pytest.approx(0.02)
    assert (values["0.01"].sd, values["0.01"].num_trials) == (0, 3)
    assert found.is_all_equal
    assert found.notes == ("all else is equal", "± is the standard deviation over 3 seeds each")
    assert found.best.label == "0.1"


def test_all_that_a_value_is_described_by(trial_row):
    rows = [
        trial_row(
            [0.8, 0.9],
            lr=lr,
            val_loss=[0.5, 0.4],
            val_accuracy=[0.7, 0.8],
            seconds=[60, 120],
            images_per_second=[10, 30],
        )
        for lr in (0.1, 0.2)
    ]
    found = compare(rows, ["lr"], {})
    value = found.values[0]
    assert (value.best_epoch, value.val_accuracy, value.val_loss) == (2, 0.8, 0.4)
    assert (value.minutes, value.images_per_second) == (3, 20)
    assert (value.parameters_total, value.parameters_trainable) == (1000, 100)
    assert (value.sd, value.minutes_sd, value.overfit_epoch) == (None, None, None)
    assert value.curves["val_auroc"].tolist() == [0.8, 0.9]
    assert "one trial each" in found.notes[-1]
    (first, _) = found.table().to_dict("records")
    assert first["lr"] == 0.1
    assert (first["val_auroc"], first["minutes"], first["parameters"]) == (0.9, 3, 1000)
    assert math.isnan(first["val_auroc_sd"])


def test_words_stand_best_first(trial_row):
    rows = [
        trial_row([score], optimizer=name)
        for name, score in {"adam": 0.8, "adamw": 0.9, "sgd": 0.7}.items()
    ]
    assert list(by_label(compare(rows, ["optimizer"], {}))) == ["adamw", "adam", "sgd"]


def test_only_contexts_with_every_value_are_compared(trial_row):
    scores = {
        ("adam", 0.1): 0.90,
        ("adam", 0.01): 0.80,
        ("sgd", 0.1): 0.70,
        ("sgd", 0.01): 0.60,
        ("sgd", 0.001): 0.99,  # adam has none of it
    }
    rows = [trial_row([score], optimizer=o, lr=lr) for (o, lr), score in scores.items()]
    found = compare(rows, ["optimizer"], {})
    values = by_label(found)
    assert values["adam"].mean == pytest.approx(0.85)
    assert values["sgd"].mean == pytest.approx(0.65)
    assert found.is_all_equal
    assert found.notes[0] == "all else is equal: averaged over 2 settings of lr"
    assert said(found, "left out") == "left out, as not every optimizer was trained there: lr 0.001"
    assert "differences between their other settings" in found.notes[-1]


def test_every_context_weighs_alike_whatever_seeds_failed(trial_row):
    rows = [
        trial_row([0.9], lr=0.1, dropout=0.0, seed=0),
        trial_row([0.9], lr=0.1, dropout=0.0, seed=1),
        trial_row([0.6], lr=0.1, dropout=0.5, seed=0),
        trial_row([0.1], "failed", "loss is nan", lr=0.1, dropout=0.5, seed=1),
        *(trial_row([0.8], lr=0.2, dropout=d, seed=s) for d in (0.0, 0.5) for s in (0, 1)),
    ]
    found = compare(rows, ["lr"], {})
    assert by_label(found)["0.1"].mean == pytest.approx(0.75)  # of 0.9 and 0.6
    assert said(found, "failed") == f"left out, failed: {rows[3].trial} (loss is nan)"
    assert "over 3 trials each, but 4 for 0.2; it holds" in said(found, "±")


def test_without_a_common_context_it_says_what_is_not_equal(trial_row):
    rows = [
        trial_row([0.9], lr=0.001, optimizer="adamw"),
        trial_row([0.8], lr=0.05, optimizer="sgd"),
    ]
    found = compare(rows, ["lr"], {})
    assert not found.is_all_equal
    assert found.notes[0] == "not all else equal: optimizer differs (adamw for 0.001; sgd for 0.05)"
    assert len(found.values) == 2


def test_fields_that_are_combined_in_other_ways_are_not_equal(trial_row):
    square = [("adam", 16, 0.0), ("adam", 32, 0.5), ("sgd", 16, 0.5), ("sgd", 32, 0.0)]
    rows = [trial_row(optimizer=o, batch_size=b, dropout=d) for o, b, d in square]
    found = compare(rows, ["optimizer"], {})
    assert found.notes[0] == "not all else equal: dropout and batch_size are combined in other ways"


def test_one_context_is_named(trial_row):
    rows = [trial_row(lr=lr) for lr in (0.1, 0.2)] + [trial_row(lr=0.1, optimizer="sgd")]
    found = compare(rows, ["lr"], {})
    assert found.notes[0] == "all else is equal, at optimizer adamw"
    assert found.notes[1] == "left out, as not every lr was trained there: optimizer sgd"


def test_trials_that_were_cut_are_compared_up_to_the_epoch_that_all_came_to(trial_row):
    rows = [
        trial_row([0.5, 0.6, 0.9], lr=0.1),
        trial_row([0.7, 0.65], "cut", lr=0.2),
        trial_row([0.5, 0.5, 0.8], lr=0.3),
    ]
    found = compare(rows, ["lr"], {})
    values = by_label(found)
    assert [values[label].mean for label in ("0.1", "0.2", "0.3")] == [0.6, 0.7, 0.5]
    assert values["0.1"].minutes == pytest.approx(0.2)
    assert len(values["0.1"].curves) == 3  # the picture shows all
    assert found.until == 2
    assert said(found, "cut").startswith("1 of 3 trials were cut by the race: ")
    assert said(found, "cut").endswith("the best of the first 2 epochs is compared")


def test_trials_that_were_cut_at_once_are_compared_there(trial_row):
    rows = [trial_row([0.5, 0.6], lr=0.1), trial_row([0.7], "cut", lr=0.2)]
    assert said(compare(rows, ["lr"], {}), "cut").endswith(": epoch 1 is compared")


def test_what_differs_within_a_value_is_no_column_for_people(trial_row):
    """Parameters have no mean; programs get the column all the same."""
    rows = [
        trial_row(backbone=name, parameters=(size, size), lr=lr)
        for name, size in (("resnet18", 10), ("resnet34", 20))
        for lr in (0.1, 0.2)
    ]
    found = compare(rows, ["lr"], {})
    assert "parameters" not in found.known()
    assert found.table()["parameters"].isna().all()


def test_an_early_stop_is_an_end_like_any_other(trial_row):
    rows = [trial_row([0.5, 0.6, 0.9], lr=0.1), trial_row([0.7], lr=0.2, patience=1)]
    found = compare(rows, ["lr"], {})
    assert found.until is None
    assert by_label(found)["0.1"].mean == 0.9


def test_early_stops_do_not_shorten_what_was_cut_later(trial_row):
    rows = [
        trial_row([0.5], lr=0.1),  # patience
        trial_row([0.4, 0.6], "cut", lr=0.2),
        trial_row([0.3, 0.4, 0.9], lr=0.3),
    ]
    values = by_label(compare(rows, ["lr"], {}))
    assert [value.mean for value in values.values()] == [0.5, 0.6, 0.4]


def test_by_epochs_nothing_is_shortened(trial_row):
    rows = [
        trial_row([0.5, 0.9], "cut", epochs=4),
        trial_row([0.5, 0.6, 0.8], epochs=3),
    ]
    found = compare(rows, ["epochs"], {})
    assert found.until is None
    assert [value.mean for value in found.values] == [0.8, 0.9]
    assert said(found, "cut").endswith("each counts as far as it came")


def test_what_has_no_score_is_left_out_and_named(trial_row):
    rows = [
        trial_row(lr=0.1),
        trial_row(lr=0.2),
        trial_row((), "", lr=0.3),
        trial_row([math.nan], lr=0.4),
        trial_row([0.4], "interrupted", lr=0.5),  # and nobody is compared at its first epoch
    ]
    found = compare(rows, ["lr"], {})
    assert list(by_label(found)) == ["0.1", "0.2"]
    assert found.until is None
    assert said(found, "not ended").endswith(f"{rows[2].trial}, {rows[4].trial}")
    assert said(found, "no defined AUROC").endswith(rows[3].trial)


def test_two_axes_make_a_grid_with_its_numbers_in_order(trial_row):
    scores = {("sgd", 0.1): 0.7, ("adam", 0.1): 0.9, ("adam", 0.01): 0.8}
    rows = [
        trial_row([score + 0.02 * seed], optimizer=o, lr=lr, seed=seed)
        for (o, lr), score in scores.items()
        for seed in (0, 1)
    ]
    found = compare(rows, ["optimizer", "lr"], {})
    means, deviations = found.grid()
    assert (means.index.tolist(), means.columns.tolist()) == (["adam", "sgd"], ["0.01", "0.1"])
    assert (means.index.name, means.columns.name) == ("optimizer", "lr")
    assert means.loc["adam", "0.01"] == pytest.approx(0.81)
    assert deviations.loc["adam", "0.01"] == pytest.approx(0.02 / math.sqrt(2))
    assert math.isnan(means.loc["sgd", "0.01"])
    assert found.notes[1] == "combinations of optimizer and lr without a score: 1 of 4"
    assert found.values[0].label == "optimizer adam, lr 0.01"
    assert found.table().columns.tolist()[:2] == ["optimizer", "lr"]


def test_two_axes_are_compared_over_contexts_with_every_cell_that_there_is(trial_row):
    cells = [("adam", 0.1), ("adam", 0.01), ("sgd", 0.1)]
    rows = [trial_row([0.9], optimizer=o, lr=lr, dropout=0.0) for o, lr in cells]
    rows += [trial_row([0.1], optimizer=o, lr=lr, dropout=0.5) for o, lr in cells[:2]]
    found = compare(rows, ["optimizer", "lr"], {})
    assert {value.mean for value in found.values} == {0.9}
    assert found.notes[0] == "all else is equal, at dropout 0"


def arms_of(rows, name_of, fields):
    return {row.config.config_id: (name_of(row), frozenset(fields)) for row in rows}


def test_an_arm_is_compared_with_what_it_sets(trial_row):
    settings = {"own": {"backbone": "C-P-F-D", "dropout": 0.3}, "big": {"backbone": "resnet50"}}
    rows = [
        trial_row([0.9 if name == "big" else 0.8], seed=seed, **fields)
        for name, fields in settings.items()
        for seed in (0, 1)
    ]
    arms = arms_of(
        rows, lambda row: "own" if row.family == "layers" else "big", ["backbone", "dropout"]
    )
    found = compare(rows, ["arm"], arms)
    assert found.is_all_equal
    assert found.notes[0] == "all else is equal but what the arms set (backbone, dropout)"
    assert [(value.label, value.mean) for value in found.values] == [("big", 0.9), ("own", 0.8)]


def test_a_field_of_an_arm_that_is_an_axis_too_is_held_equal(trial_row):
    rows = [
        trial_row([score], optimizer=o, lr=lr)
        for o, lr, score in [
            ("adam", 0.1, 0.9),
            ("adam", 0.2, 0.7),
            ("sgd", 0.1, 0.5),
            ("sgd", 0.2, 0.4),
            ("sgd", 0.3, 0.9),
        ]
    ]
    arms = arms_of(rows, lambda row: row.config.optimizer, ["optimizer", "lr"])
    found = compare(rows, ["arm"], arms)
    assert by_label(found)["sgd"].mean == pytest.approx(0.45)
    assert said(found, "left out").endswith("lr 0.3")


def test_a_trial_of_no_arm_is_left_out(trial_row):
    rows = [trial_row(lr=lr) for lr in (0.1, 0.2, 0.3)]
    arms = arms_of(rows[:2], lambda row: f"arm {row.config.lr}", ["lr"])
    found = compare(rows, ["arm"], arms)
    assert len(found.values) == 2
    assert said(found, "no arm") == f"left out, has no arm: {rows[2].trial}"


def test_what_says_nothing_of_a_value_does_not_make_it_unequal(trial_row):
    """The square of crop and normalisation, where the fraction belongs to the crop."""
    rows = [
        trial_row([score], image_fit=fit, crop_fraction=0.8)
        for fit, score in {"squeeze": 0.8, "crop": 0.9}.items()
    ]
    assert compare(rows, ["image_fit"], {}).notes[0] == "all else is equal"
    rows.append(trial_row([0.7], image_fit="crop", crop_fraction=0.6))
    found = compare(rows, ["image_fit"], {})
    assert by_label(found)["crop"].mean == pytest.approx(0.8)
    assert "averaged over crop_fraction, which says nothing of squeeze" in found.notes


def test_such_a_field_is_held_equal_where_another_axis_is_compared(trial_row):
    fits = [{"image_fit": "squeeze"}, {"image_fit": "crop", "crop_fraction": 0.8}]
    fits.append({"image_fit": "crop", "crop_fraction": 0.6})
    rows = [trial_row(normalize=n, **fit) for n in ("none", "imagenet") for fit in fits]
    found = compare(rows, ["normalize"], {})
    assert found.notes[0] == (
        "all else is equal: averaged over 3 settings of image_fit and crop_fraction"
    )


def test_parameters_of_different_networks_are_not_averaged(trial_row):
    rows = [
        trial_row(lr=lr, backbone=name, parameters=(size, size))
        for lr in (0.1, 0.2)
        for name, size in {"resnet18": 10, "vgg11": 20}.items()
    ]
    found = compare(rows, ["lr"], {})
    assert found.values[0].parameters_total is None
    assert found.table()["parameters"].isna().all()


def test_seeds_and_families_are_axes_too(trial_row):
    rows = [trial_row([0.8 + 0.1 * seed], lr=lr, seed=seed) for lr in (1, 2) for seed in (0, 1)]
    found = compare(rows, ["seed"], {})
    assert [value.mean for value in found.values] == pytest.approx([0.8, 0.9])


def test_the_backbones_of_a_family_are_no_seeds_and_weigh_alike(trial_row):
    scores = {"resnet18": [0.9, 0.7], "resnet50": [0.6], "vgg11": [0.8], "vgg16": [0.4]}
    rows = [
        trial_row([score], backbone=name, seed=seed)
        for name, of in scores.items()
        for seed, score in enumerate(of)
    ]
    found = compare(rows, ["family"], {})
    assert found.notes[0] == "all else is equal but the backbones of each family"
    assert [(v.label, v.mean) for v in found.values] == [
        ("resnet", pytest.approx(0.7)),
        ("vgg", pytest.approx(0.6)),
    ]
    assert found.notes[1] == (
        "± is the standard deviation over 3 trials each, but 2 for vgg; "
        "it holds the differences between their other settings"
    )


def test_networks_that_see_pixels_in_their_own_way_are_said_to(trial_row):
    rows = [
        trial_row(backbone=name, weights="hub", normalize="auto") for name in ("resnet18", "vgg11")
    ]
    assert any("normalize auto" in note for note in compare(rows, ["backbone"], {}).notes)
    rows = [trial_row(weights=weights, normalize="auto") for weights in ("none", "package")]
    assert any("normalize auto" in note for note in compare(rows, ["weights"], {}).notes)
    rows = [trial_row(backbone=name, normalize="auto") for name in ("resnet18", "vgg11")]
    assert not any("normalize" in note for note in compare(rows, ["backbone"], {}).notes)
    rows = [
        trial_row(backbone=name, weights="hub", normalize="auto", lr=lr)
        for name in ("resnet18", "vgg11")
        for lr in (0.1, 0.2)
    ]
    assert not any("normalize" in note for note in compare(rows, ["lr"], {}).notes)


@pytest.mark.parametrize(
    ("by", "message"),
    [
        (["lrr"], "axis 'lrr'.*differ by backbone, lr, family; did you mean lr"),
        (["dropout"], "axis 'dropout' is the same in all trials"),
        (["arm"], "axis 'arm'"),
        (["lr", "backbone", "seed"], "one axis or two.*differ by backbone, lr"),
        (["lr", "lr"], "one axis or two"),
        ([], "one axis or two"),
    ],
)
def test_another_axis_is_refused_with_those_that_there_are(by, message, trial_row):
    rows = [trial_row(lr=lr, backbone=b) for lr in (1, 2) for b in ("resnet18", "vgg11")]
    with pytest.raises(StudyError, match=message) as caught:
        compare(rows, by, {})
    assert "\n" not in str(caught.value)


def test_trials_that_are_all_the_same_have_no_axis(trial_row):
    with pytest.raises(StudyError, match="by nothing: every trial is the same"):
        compare([trial_row()], ["lr"], {})


def test_no_score_at_all_says_what_to_do(trial_row):
    rows = [trial_row((), "", lr=1), trial_row([0.9], "failed", "nan", lr=2)]
    with pytest.raises(StudyError, match="no trial to compare has a score yet"):
        compare(rows, ["lr"], {})


def test_one_value_with_a_score_is_no_comparison(trial_row):
    rows = [trial_row(lr=0.1), trial_row((), "", lr=0.2)]
    with pytest.raises(StudyError, match=r"all trials with a score to compare have lr 0\.1"):
        compare(rows, ["lr"], {})


def test_seeds_within_each_cell_are_called_seeds(trial_row):
    rows = [
        trial_row([0.9 + lr / 100], lr=lr, optimizer=optimizer, seed=seed)
        for optimizer, lr in (("adam", 0.1), ("adam", 0.2), ("sgd", 0.3))
        for seed in (0, 1)
    ]
    found = compare(rows, ["optimizer", "lr"], {})
    assert said(found, "±") == "± is the standard deviation over 2 seeds each"
