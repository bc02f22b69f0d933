import json
import math

import pandas as pd
import pytest

from pneumoray.comparing import leaderboard
from pneumoray.comparing.leaderboard import standings
from pneumoray.evaluation.tables import to_csv


def test_a_configuration_is_ranked_by_its_mean_over_seeds(trial_row):
    rows = [
        *(trial_row([score], lr=0.1, seed=seed) for seed, score in enumerate([0.90, 0.94, 0.92])),
        *(trial_row([score], lr=0.2, seed=seed) for seed, score in enumerate([0.99, 0.80, 0.91])),
    ]
    first, second = standings(reversed(rows))
    assert (first.config.lr, second.config.lr) == (0.1, 0.2)
    assert [row.config.seed for row in first.rows] == [0, 1, 2]
    assert first.mean == pytest.approx(0.92)
    assert first.spread == pytest.approx(0.02)  # of the sample: sqrt((4 + 4 + 0) / 2) hundredths
    assert second.mean == pytest.approx(0.90)
    assert first.seeds == "3"


def test_one_seed_has_no_spread(trial_row):
    (standing,) = standings([trial_row([0.9])])
    assert (standing.mean, standing.spread, standing.seeds) == (0.9, None, "1")


def test_the_best_epoch_counts_not_the_last(trial_row):
    (standing,) = standings([trial_row([0.7, 0.95, 0.8], val_loss=[0.6, 0.2, 0.4])])
    assert standing.mean == 0.95
    assert [best.epoch for best in standing.bests] == [2]
    assert standing.val_loss == 0.2


def test_the_lower_mean_loss_breaks_ties(trial_row):
    rows = [trial_row([0.9], val_loss=[loss], lr=loss) for loss in (0.3, 0.1, 0.2)]
    assert [standing.config.lr for standing in standings(rows)] == [0.1, 0.2, 0.3]


def test_what_has_no_score_stands_at_the_end_the_failed_last(trial_row):
    rows = [
        trial_row([0.99], "failed", lr=1),
        trial_row((), "", lr=2),
        trial_row([math.nan], lr=3),
        trial_row([0.5], lr=4),
    ]
    found = standings(rows)
    assert found[0].config.lr == 4
    assert found[-1].config.lr == 1
    assert [standing.mean for standing in found[1:]] == [None] * 3
    assert {standing.seeds for standing in found} == {"1"}
    assert {standing.outcome for standing in found} == {"failed", "waiting", "trained"}


def test_a_failed_seed_is_left_out_and_said(trial_row):
    rows = [trial_row([0.9], seed=0), trial_row([0.1], "failed", "nan", seed=1)]
    (standing,) = standings(rows)
    assert (standing.mean, standing.seeds) == (0.9, "1 of 2")
    assert standing.outcome == "1 failed, 1 trained"


def test_times_and_speeds(trial_row):
    rows = [
        trial_row([0.9] * 2, seconds=[10, 20], images_per_second=[50, 90], seed=0),
        trial_row([0.9], seconds=[50], images_per_second=[100], seed=1),
    ]
    (standing,) = standings(rows)
    assert standing.time_seconds == 40  # the mean of 30 and 50
    assert standing.images_per_second == 90  # the median of all epochs
    assert (standing.parameters_total, standing.parameters_trainable) == (1000, 100)


def test_a_frozen_model_may_train_nothing(trial_row):
    (standing,) = standings([trial_row(parameters=(1000, 0))])
    assert (standing.parameters_total, standing.parameters_trainable) == (1000, 0)
    (waiting,) = standings([trial_row((), "")])
    assert (waiting.parameters_total, waiting.parameters_trainable) == (None, None)


def test_the_table_has_the_settings_that_vary_and_the_scores(trial_row):
    rows = [trial_row([0.8, 0.9], lr=1e-5), trial_row([0.7], lr=1e-3, outcome="cut")]
    table = leaderboard.table(standings(rows))
    assert table.columns.tolist() == [
        "trial",
        "lr",
        "val_auroc",
        "val_auroc_sd",
        "seeds",
        "val_accuracy",
        "best_epoch",
        "epochs_trained",
        "parameters",
        "trainable",
        "minutes",
        "images_per_second",
        "outcome",
    ]
    assert table["trial"].tolist() == [row.trial for row in rows]
    assert table["lr"].tolist() == [1e-5, 1e-3]
    assert table["best_epoch"].tolist() == ["2", "1"]
    assert table["minutes"].tolist() == pytest.approx([0.2, 0.1])
    assert table["outcome"].tolist() == ["trained", "cut"]


def test_several_seeds_are_shown_as_a_configuration_with_all_best_epochs(trial_row):
    rows = [trial_row([0.8, 0.9], seed=0), trial_row([0.9, 0.8], seed=1)]
    (row,) = leaderboard.table(standings(rows)).to_dict("records")
    assert row["configuration"] == rows[0].config.config_id
    assert (row["best_epoch"], row["epochs_trained"], row["seeds"]) == ("2 1", "2", "2")


def test_settings_are_shown_as_a_study_writes_them(trial_row):
    rows = [
        trial_row(flip=None, hidden=(), optimizer="adam"),
        trial_row(flip=True, hidden=(64, 16), optimizer="sgd"),
    ]
    table = leaderboard.table(standings(rows)).set_index("optimizer")
    assert table["flip"].to_dict() == {"adam": "null", "sgd": "true"}
    assert table["hidden"].to_dict() == {"adam": "[]", "sgd": "[64, 16]"}


def test_a_table_of_waiting_trials(trial_row):
    table = leaderboard.table(standings([trial_row((), "", lr=lr) for lr in (1, 2)]))
    assert table["val_auroc"].isna().all()
    assert table["best_epoch"].tolist() == ["", ""]
    assert to_csv(table).splitlines()[1].endswith(",waiting")
    assert leaderboard.table([]).columns.tolist() == table.columns.drop("lr").tolist()


def test_json_is_a_list_of_trials(trial_row):
    row = trial_row([0.9, 0.95], lr=1e-4)
    found = leaderboard.to_json(standings([trial_row([0.5]), row]))[0]
    expected = {
        "trial": row.trial,
        "config_id": row.config.config_id,
        "family": "resnet",
        "backbone": "resnet18",
        "stage": "race",
        "status": "FINISHED",
        "outcome": "trained",
        "val_auroc": 0.95,
        "val_accuracy": 0.9,
        "best_epoch": 2,
        "epochs": 2,
        "time_seconds": 12.0,
        "run_id": None,
        "optimizer": "adamw",
        "lr": 1e-4,
        "reason": "",
        "val_auroc_mean": 0.95,
        "val_auroc_sd": None,
        "seeds": 1,
        "parameters_total": 1000,
        "parameters_trainable": 100,
        "images_per_second": 100.0,
        "varying": {"lr": 1e-4},
    }
    assert {key: found[key] for key in expected} == expected


def test_json_has_every_seed_beside_the_mean_of_its_configuration(trial_row):
    rows = [trial_row([0.9], seed=0), trial_row([0.8, 0.92], seed=1)]
    found = leaderboard.to_json(standings(rows))
    assert [one["trial"] for one in found] == [row.trial for row in rows]
    assert [one["seed"] for one in found] == [0, 1]
    assert [one["val_auroc"] for one in found] == [0.9, 0.92]
    assert [one["best_epoch"] for one in found] == [1, 2]
    for one in found:
        assert one["val_auroc_mean"] == pytest.approx(0.91)
        assert one["val_auroc_sd"] == pytest.approx(0.01 * math.sqrt(2))
        assert one["seeds"] == one["seeds_scored"] == 2


def test_json_has_no_nan(trial_row):
    rows = [trial_row([math.nan], seed=0), trial_row((), "", seed=1)]
    found = leaderboard.to_json(standings(rows))
    assert [one["val_auroc"] for one in found] == [None, None]
    json.dumps(found, allow_nan=False)
    assert [one["outcome"] for one in found] == ["trained", ""]


def test_a_waiting_trial_in_json_is_as_the_journal_says(trial_row):
    (found,) = leaderboard.to_json(standings([trial_row((), "")]))
    assert (found["status"], found["outcome"]) == ("WAITING", "")
    assert found["parameters_total"] is None
    assert isinstance(leaderboard.table(standings([trial_row()])), pd.DataFrame)


def test_a_mean_over_fewer_seeds_stands_behind_complete_ones(trial_row):
    lucky = [trial_row([0.97], lr=0.1), trial_row((), "failed", lr=0.1, seed=1)]
    sound = [trial_row([0.95], lr=0.2), trial_row([0.95], lr=0.2, seed=1)]
    assert [found.config.lr for found in standings([*lucky, *sound])] == [0.2, 0.1]
