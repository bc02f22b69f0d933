import io

import numpy as np
import pytest
from PIL import Image

from pneumoray.evaluation import trial_plots


def records(num_epochs):
    return [
        {
            "epoch": epoch,
            "train_loss": 1 / epoch,
            "val_loss": 1.2 / epoch,
            "train_auroc": 1 - 0.2 / epoch,
            "val_auroc": 0.95 - 0.1 * abs(epoch - 3),  # best at epoch 3
        }
        for epoch in range(1, num_epochs + 1)
    ]


def opened(png):
    image = Image.open(io.BytesIO(png))
    assert min(image.size) >= 400
    assert len(set(image.convert("L").get_flattened_data())) > 10  # not a blank page
    return image


@pytest.fixture
def figure(monkeypatch):
    """The last figure drawn, as it was when it was saved."""
    seen = []
    png = trial_plots.png

    def spy(figure):
        seen.append(figure)
        return png(figure)

    monkeypatch.setattr(trial_plots, "png", spy)
    return lambda: seen[-1]


def words(figure):
    """Every text in a figure but its ticks, its title first."""
    found = [figure.get_suptitle()]
    for axes in figure.axes:
        legend = axes.get_legend()
        found += [
            text.get_text() for text in [*(legend.get_texts() if legend else []), *axes.texts]
        ]
        found += [axes.get_xlabel(), axes.get_ylabel(), axes.get_title()]
    return found


@pytest.mark.parametrize("num_epochs", [1, 2, 3, 40])
def test_learning_curves_have_whole_epochs_on_their_axis(num_epochs, figure):
    opened(trial_plots.learning_curves(records(num_epochs), "resnet18"))
    assert all(float(tick).is_integer() for axes in figure().axes for tick in axes.get_xticks())
    assert {"Epoch", "Loss (nats)", "AUROC", "train", "validation"} <= set(words(figure()))


def test_learning_curves_mark_the_best_epoch_by_validation_auroc(figure):
    trial_plots.learning_curves(records(6))
    assert "best epoch 3: 0.950" in words(figure())
    assert "best epoch 3: 0.400" in words(figure())  # the loss at that epoch


def test_the_smaller_loss_breaks_a_tie(figure):
    tied = [dict(record, val_auroc=1.0) for record in records(4)]
    trial_plots.learning_curves(tied)
    assert "best epoch 4: 1.000" in words(figure())


def test_learning_curves_with_missing_values(figure):
    gaps = [dict(record, val_auroc=None, train_auroc=float("nan")) for record in records(3)]
    opened(trial_plots.learning_curves(gaps))
    assert not any("best" in text for text in words(figure()))
    opened(trial_plots.learning_curves([]))


def test_training_and_validation_are_told_apart_without_colours(figure):
    trial_plots.learning_curves(records(6), "resnet18-1234")
    train, val = figure().axes[0].lines[:2]
    assert (train.get_linestyle(), val.get_linestyle()) == (":", "-")
    assert words(figure())[0] == "Learning curves\nresnet18-1234"


def test_mistakes_stand_over_the_names_of_their_files(figure):
    images = [np.full((20, 20, 1), 100 + i, dtype=np.uint8) for i in range(5)]
    long = "a-hospital-somewhere-2024-11-25-1.2.840.113619.2.55.3.604688119.png"
    files = [*(f"person{i}_virus_{i}.jpeg" for i in range(4)), long]
    titles = [f"NORMAL\ncalled PNEUMONIA 9{i}%" for i in range(5)]
    opened(trial_plots.mistakes(images, titles, files, "vgg11, validation", "called so"))
    found = words(figure())
    assert found[0] == "Called wrong, the surest first: vgg11, validation\ncalled so"
    assert {*titles, *files[:4]} <= set(found)
    folded = next(text for text in found if "604688119.png" in text)
    assert folded.replace("\n", "") in long  # its end, which tells files apart


def test_no_mistakes_are_a_line_of_words(figure):
    opened(trial_plots.mistakes([], [], [], "vgg11, validation", ""))
    assert [text.get_text() for text in figure().texts][-1] == "none: every image was called right"


def test_the_same_input_gives_the_same_bytes():
    draw = trial_plots.learning_curves
    assert draw(records(5), "resnet18") == draw(records(5), "resnet18")
