"""Properties of the pictures: what is written, that nothing written overlaps, the same bytes again."""

import io
import itertools
import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from PIL import Image

from pneumoray.evaluation import compare_curves, compare_plots, style
from pneumoray.evaluation.curves import mean_curves

LONG = [f"C{64 + i}-C64-P-C128-C128-P-F-D128-D" for i in range(12)]


def points(labels, *, seeds=3, spread=0.002, slowest=4.0):
    num = len(labels)
    has_seeds = seeds > 1
    return pd.DataFrame(
        {
            "minutes": np.linspace(1, slowest, num),
            "minutes_sd": np.full(num, 0.1 if has_seeds else math.nan),
            "val_auroc": 0.9 + spread * np.arange(num),
            "val_auroc_sd": np.full(num, 0.01 if has_seeds else math.nan),
        },
        index=list(labels),
    )


def curves(labels, num_epochs=6, overfits=True):
    found = {}
    for i, label in enumerate(labels):
        epochs = range(1, num_epochs + 1)
        records = [
            {
                "epoch": epoch,
                "train_loss": 1 / epoch,
                "val_loss": abs(epoch - 3) + 1.0 if overfits else 1.2 / epoch,
                "train_auroc": math.nan if epoch == 1 else 0.9,
                "val_auroc": 0.8 + 0.01 * i,
                "train_accuracy": 0.9,
                "val_accuracy": 0.8,
            }
            for epoch in epochs
        ]
        found[label] = mean_curves([records])
    return found


def opened(png):
    assert png.startswith(b"\x89PNG\r\n")
    image = Image.open(io.BytesIO(png))
    assert min(image.size) >= 300
    assert max(image.size) <= 2000
    assert len(set(image.convert("L").get_flattened_data())) > 10  # not a blank page
    return image


@pytest.fixture
def figure(monkeypatch):
    """The last figure drawn, as it was when it was saved."""
    seen = []
    for module in (compare_plots, compare_curves):
        png = module.png

        def spy(figure, png=png):
            seen.append(figure)
            return png(figure)

        monkeypatch.setattr(module, "png", spy)
    return lambda: seen[-1]


def legend_of(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def boxes(figure, texts):
    """Where texts stand, in pixels; of an annotation the words alone, without the line."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    return [Text.get_window_extent(text, renderer) for text in texts]


@pytest.mark.parametrize(
    ("num_values", "seeds", "spread"), [(2, 3, 0.002), (9, 3, 0.0), (12, 1, 0.0), (12, 3, 0.002)]
)
def test_names_of_points_stand_beside_them_and_never_on_each_other(
    num_values, seeds, spread, figure
):
    data = points(LONG[:num_values], seeds=seeds, spread=spread)
    opened(compare_plots.score_against_time(data, "backbone"))
    axes = figure().axes[0]
    names = axes.texts
    assert sorted(name.get_text().replace("\n", "") for name in names) == sorted(LONG[:num_values])
    drawn = boxes(figure(), names)
    assert not any(a.overlaps(b) for a, b in itertools.combinations(drawn, 2))
    inside = figure().bbox
    assert all(inside.x0 <= box.x0 and box.x1 <= inside.x1 for box in drawn)
    assert "minutes" in axes.get_xlabel()
    assert "AUROC" in axes.get_ylabel()
    assert ("standard deviation" in axes.get_title()) == (seeds > 1)


def test_times_that_are_far_apart_stand_on_a_logarithmic_axis(figure):
    compare_plots.score_against_time(points(["a", "b", "c"], slowest=100), "backbone")
    assert figure().axes[0].get_xscale() == "log"
    assert all("10^" not in tick.get_text() for tick in figure().axes[0].get_xticklabels())
    compare_plots.score_against_time(points(["a", "b", "c"]), "backbone")
    assert figure().axes[0].get_xscale() == "linear"


def test_a_single_point(figure):
    opened(compare_plots.score_against_time(points(["a"], seeds=1), "lr"))


def test_names_move_as_little_as_they_must():
    sizes = np.full(3, 0.1)
    moved = compare_plots._spread_out(np.array([0.5, 0.5, 0.9]), sizes)
    assert moved == pytest.approx([0.45, 0.55, 0.9])
    assert compare_plots._spread_out(np.array([1.0, 1.0, 1.0]), sizes) == pytest.approx(
        [0.8, 0.9, 1.0]
    )
    crowded = compare_plots._spread_out(np.zeros(3), np.full(3, 2.0))
    assert crowded == pytest.approx([0, 0.5, 1])


def grid(num_rows, num_columns, *, labels=None):
    values = 0.9 + 0.001 * np.arange(num_rows * num_columns).reshape(num_rows, num_columns)
    rows = pd.Index(labels or [f"value {i}" for i in range(num_rows)], name="backbone")
    columns = pd.Index([f"{10.0**-i:g}" for i in range(num_columns)], name="lr")
    means = pd.DataFrame(values, index=rows, columns=columns)
    return means, means * 0 + 0.003


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (3, 4), (12, 12)])
def test_every_cell_of_the_map_is_numbered(shape, figure):
    means, deviations = grid(*shape)
    opened(compare_plots.heat_map(means, deviations))
    axes = figure().axes[0]
    assert len(axes.texts) == means.size
    assert axes.texts[0].get_text() == "0.900\n± 0.003"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("lr", "backbone")
    assert figure().axes[1].get_ylabel() == compare_plots.SCORE
    drawn = boxes(figure(), axes.texts)
    assert not any(a.overlaps(b) for a, b in itertools.combinations(drawn, 2))


def test_an_empty_cell_has_no_number_and_is_explained(figure):
    means, deviations = grid(2, 2)
    means.iloc[0, 1] = deviations.iloc[0, 1] = deviations.iloc[1, 1] = math.nan
    opened(compare_plots.heat_map(means, deviations))
    texts = [text.get_text() for text in figure().axes[0].texts]
    assert texts == ["0.900\n± 0.003", "0.902\n± 0.003", "0.903"]
    assert legend_of(figure()) == ["not trained"]


def test_long_names_of_the_map_do_not_overlap(figure):
    means, deviations = grid(9, 9, labels=LONG[:9])
    opened(compare_plots.heat_map(means.T, deviations.T))
    ticks = figure().axes[0].get_xticklabels()
    assert len(ticks) == 9
    assert all(tick.get_rotation() for tick in ticks)


@pytest.mark.parametrize("num_values", [1, 5, 12])
def test_overlaid_curves_name_every_value_and_unit(num_values, figure):
    labels = LONG[:num_values]
    opened(compare_curves.overlaid_curves(curves(labels), dict.fromkeys(labels, 3), "backbone"))
    assert legend_of(figure()) == [*labels, "validation", "train", "overfitting begins"]
    assert [axes.get_ylabel() for axes in figure().axes] == [
        "Loss (nats)",
        "AUROC",
        "Accuracy (share)",
    ]
    assert {axes.get_xlabel() for axes in figure().axes} == {"Epoch"}


def test_overfitting_is_marked_on_the_validation_loss(figure):
    compare_curves.overlaid_curves(curves(["a", "b"]), {"a": 3, "b": None}, "lr", until=2)
    loss = figure().axes[0]
    rings = [line for line in loss.lines if line.get_markersize() > 10]
    assert [tuple(map(float, ring.get_xydata()[0])) for ring in rings] == [(3, 1)]
    assert legend_of(figure())[-1] == "compared up to epoch 2"


def test_without_overfitting_nothing_is_marked(figure):
    nothing = dict.fromkeys("ab")
    compare_curves.overlaid_curves(curves("ab", overfits=False), nothing, "lr")
    assert legend_of(figure()) == ["a", "b", "validation", "train"]
    compare_curves.curves_apart(curves("ab", overfits=False), nothing, "lr")
    assert legend_of(figure()) == ["validation", "train"]


@pytest.mark.parametrize(("num_values", "num_epochs"), [(1, 1), (2, 30), (5, 1), (9, 6), (12, 30)])
def test_each_value_has_a_panel_of_its_own_on_common_axes(num_values, num_epochs, figure):
    labels = LONG[:num_values]
    overfit = dict.fromkeys(labels, 3 if num_epochs > 3 else None)
    opened(compare_curves.curves_apart(curves(labels, num_epochs), overfit, "backbone"))
    panels = [axes for axes in figure().axes if axes.get_visible()]
    assert [axes.get_title().replace("\n", "") for axes in panels] == labels
    assert len({axes.get_ylim() for axes in panels}) == 1
    epochs = panels[0].get_xticks()
    assert all(float(epoch).is_integer() for epoch in epochs)


def test_one_wild_epoch_does_not_press_the_others_flat(figure):
    data = curves("ab", 40, overfits=False)
    data["a"].loc[1, "val_loss"] = 1e4
    compare_curves.overlaid_curves(data, dict.fromkeys("ab"), "lr")
    assert figure().axes[0].get_ylim()[1] < 10


def test_a_mean_over_fewer_trials_than_it_began_with_is_dashed_from_there_on(figure):
    data = curves("ab", 6, overfits=False)
    data["a"]["num_trials"] = [3, 3, 3, 2, 2, 1]
    for draw in (compare_curves.overlaid_curves, compare_curves.curves_apart):
        draw(data, dict.fromkeys("ab"), "lr")
        assert legend_of(figure())[-1] == "over fewer trials"
        dashed = [line for line in figure().axes[0].lines if line.get_linestyle() == "--"]
        assert [line.get_xdata().tolist() for line in dashed] == [[3, 4, 5, 6]] * 2  # train and val
        whole = figure().axes[0].lines[0]
        assert (whole.get_linestyle(), whole.get_xdata().tolist()) == (":", [1, 2, 3])


def test_twelve_values_are_told_apart_and_numbers_run_from_dark_to_light():
    words = style.styles(LONG, in_order=False)
    assert len({(look["color"], look["marker"]) for look in words.values()}) == 12
    assert len({look["marker"] for look in words.values()}) == 12
    numbers = style.styles(LONG, in_order=True)
    brightness = [sum(look["color"][:3]) for look in numbers.values()]
    assert brightness == sorted(brightness)


def test_the_same_input_gives_the_same_bytes():
    data, labels = curves("ab"), dict.fromkeys("ab", 3)
    means, deviations = grid(2, 2)
    for draw in (
        lambda: compare_curves.overlaid_curves(data, labels, "lr", in_order=True),
        lambda: compare_curves.curves_apart(data, labels, "lr"),
        lambda: compare_plots.score_against_time(points("ab"), "lr"),
        lambda: compare_plots.heat_map(means, deviations),
    ):
        assert draw() == draw()
