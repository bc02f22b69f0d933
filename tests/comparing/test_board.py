"""A board shows itself: what decides as text, all of it as HTML."""

from pneumoray.comparing.board import Board
from pneumoray.comparing.leaderboard import standings


def board(rows, doubts=(), noticed=()):
    return Board("mine", standings(rows), list(doubts), list(noticed))


def test_the_summary_has_names_and_what_decides(trial_row):
    rows = [
        trial_row([0.8, 0.9], optimizer="adamw"),
        trial_row([0.7], "cut", optimizer="sgd", weight_decay=0.1),
    ]
    table = board(rows).summary()
    assert table.drop(columns="val_auroc_sd").to_dict("list") == {
        "trial": ["resnet18 adamw weight_decay 0.01", "resnet18 sgd weight_decay 0.1"],
        "val_auroc": [0.9, 0.7],
        "seeds": ["1", "1"],
        "epochs": ["2", "1"],
        "minutes": [0.2, 0.1],
        "outcome": ["trained", "cut"],
    }
    assert table["val_auroc_sd"].isna().all()


def test_an_axis_of_epochs_leaves_one_column_of_that_name(trial_row):
    rows = [trial_row([0.8, 0.9], epochs=2, epochs_compared=True), trial_row([0.7], epochs=1)]
    found = board(rows)
    assert "epochs" in found.table()  # as an axis
    assert found.summary()["epochs"].tolist() == ["2", "1"]  # as trained
    assert found.summary().columns.is_unique
    assert "AUROC" in repr(found)


def test_what_nothing_tells_apart_has_its_trial_for_a_name(trial_row):
    rows = [trial_row([0.9], family="one"), trial_row([0.8], family="two")]
    assert board(rows).summary()["trial"].tolist() == [row.trial for row in rows]
    assert board(rows[:1]).summary()["trial"].tolist() == [rows[0].trial]


def test_equally_many_seeds_are_said_in_the_title(trial_row):
    rows = [trial_row([0.9], lr=lr, seed=seed) for lr in (0.1, 0.2) for seed in range(3)]
    assert board(rows).title == "Leaderboard of study mine, 3 seeds each"
    assert "seeds" not in board(rows).summary()
    assert board(rows[1:]).title == "Leaderboard of study mine"
    assert board(rows[1:]).summary()["seeds"].tolist() == ["2", "3"]


def test_it_prints_as_a_table_with_its_doubts(trial_row):
    found = board([trial_row([0.9], lr=0.1), trial_row([0.8], lr=0.2)], ["too good"], ["copies"])
    assert repr(found).splitlines() == [
        "Leaderboard of study mine",
        "                 val",
        "trial          AUROC  epochs  minutes  outcome",
        "resnet18 0.1  0.9000       1     0.10  trained",
        "resnet18 0.2  0.8000       1     0.10  trained",
        "doubt: too good",
        "the audit noticed: copies",
    ]
    assert str(found) == repr(found)


def test_a_notebook_shows_all_of_it_and_no_markup_of_a_name(trial_row):
    page = board([trial_row([0.9], lr=0.1)], ["<b>"])._repr_html_()
    assert "<table" in page
    assert "images/s" in page
    assert "&lt;b&gt;" in page
