import pytest

from pneumoray.comparing import pictures as made
from pneumoray.comparing.comparison import compare
from pneumoray.comparing.pictures import pictures
from pneumoray.evaluation import page


@pytest.fixture
def drawn(monkeypatch):
    """Names of the values that each picture was asked to show, in place of drawing them."""
    seen = {}
    curves, scores = made.compare_curves, made.compare_plots
    monkeypatch.setattr(
        curves, "overlaid_curves", lambda c, *_, **__: seen.update(curves=[*c]) or b"a"
    )
    monkeypatch.setattr(curves, "curves_apart", lambda c, *_: seen.update(apart=[*c]) or b"b")
    monkeypatch.setattr(
        scores, "score_against_time", lambda p, *_, **__: seen.update(time=[*p.index]) or b"c"
    )
    return seen


def test_one_axis_has_curves_and_score_against_time(trial_row, drawn):
    rows = [trial_row([0.8, 0.9], lr=lr, val_loss=[0.5, 0.4]) for lr in (0.1, 0.2)]
    found = pictures(compare(rows, ["lr"], {}))
    assert [picture.name for picture in found] == ["curves", "overfitting", "score-time"]
    assert drawn == {name: ["0.1", "0.2"] for name in ("curves", "apart", "time")}
    assert "for the 2 values of lr" in found[0].alt
    assert "No value overfits for good." in found[1].caption
    assert "best is 0.1 with 0.9000 in 0.2 minutes" in found[2].alt


def test_two_axes_have_a_map_first_and_units_in_words(trial_row, drawn):
    rows = [trial_row(image_size=px, lr=lr) for px in (32, 64) for lr in (0.1, 0.2)]
    found = pictures(compare(rows, ["image_size", "lr"], {}))
    assert found[0].name == "heat-map"
    assert found[0].png.startswith(b"\x89PNG")
    assert "by image_size (px) and lr" in found[0].alt


def test_where_overfitting_begins_is_said_in_words(trial_row, drawn):
    losses = [0.9, 0.5, 0.7, 0.9, 1.1]
    rows = [
        trial_row([0.9] * 5, lr=0.1, val_loss=losses),
        trial_row([0.9] * 5, lr=0.2),
    ]
    found = pictures(compare(rows, ["lr"], {}))
    assert "Overfitting begins: 0.1 from epoch 2." in found[1].caption


def test_of_more_than_twelve_values_the_best_are_drawn_in_their_order(trial_row, drawn):
    rows = [trial_row([0.5 + 0.01 * i], lr=i + 1) for i in range(14)]
    found = pictures(compare(rows, ["lr"], {}))
    assert drawn["curves"] == [str(i) for i in range(3, 15)]
    assert "for the twelve best values of lr" in found[0].alt


def test_a_comparison_becomes_a_page(trial_row):
    rows = [
        trial_row([0.8, 0.9 - lr], optimizer=o, lr=lr, seed=s)
        for o in ("adam", "sgd")
        for lr in (0.1, 0.2)
        for s in (0, 1)
    ]
    comparison = compare(rows, ["optimizer", "lr"], {})
    html = page.render(
        title="t",
        study="s",
        axis="optimizer and lr",
        table=comparison.table(),
        notes=comparison.notes,
        pictures=pictures(comparison),
        facts={},
    )
    assert html.count("data:image/png;base64,iVBORw0KGgo") == 4
