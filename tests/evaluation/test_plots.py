import io

import numpy as np
import pytest
from PIL import Image

from pneumoray.evaluation import plots


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


def predictions(num_classes, num_images=60, seed=0):
    generator = np.random.default_rng(seed)
    labels = np.arange(num_images) % num_classes
    probs = generator.dirichlet(np.ones(num_classes), num_images) + np.eye(num_classes)[labels]
    return labels, probs / 2


def opened(png):
    assert png.startswith(b"\x89PNG\r\n")
    image = Image.open(io.BytesIO(png))
    assert min(image.size) >= 400
    assert len(set(image.convert("L").get_flattened_data())) > 10  # not a blank page
    return image


@pytest.fixture
def texts(monkeypatch):
    """Every text in the figures drawn, and tick values of their x axes."""
    seen: dict[str, list] = {"texts": [], "ticks": []}
    png = plots.png

    def spy(figure):
        data = png(figure)
        for axes in figure.axes:
            legend = axes.get_legend()
            labels = legend.get_texts() if legend else []
            seen["texts"] += [text.get_text() for text in [*labels, *axes.texts, axes.title]]
            seen["texts"] += [axes.get_xlabel(), axes.get_ylabel()]
            seen["ticks"].append(list(axes.get_xticks()))
        return data

    monkeypatch.setattr(plots, "png", spy)
    return seen


@pytest.mark.parametrize("num_epochs", [1, 2, 3, 40])
def test_learning_curves_have_whole_epochs_on_their_axis(num_epochs, texts):
    opened(plots.learning_curves(records(num_epochs), "resnet18"))
    assert all(float(tick).is_integer() for ticks in texts["ticks"] for tick in ticks)
    assert {"Epoch", "Loss (nats)", "AUROC", "train", "validation"} <= set(texts["texts"])


def test_learning_curves_mark_the_best_epoch_by_validation_auroc(texts):
    plots.learning_curves(records(6))
    assert "best epoch 3: 0.950" in texts["texts"]
    assert "best epoch 3: 0.400" in texts["texts"]  # the loss at that epoch


def test_the_smaller_loss_breaks_a_tie(texts):
    tied = [dict(record, val_auroc=1.0) for record in records(4)]
    plots.learning_curves(tied)
    assert "best epoch 4: 1.000" in texts["texts"]


def test_learning_curves_with_missing_values(texts):
    gaps = [dict(record, val_auroc=None, train_auroc=float("nan")) for record in records(3)]
    opened(plots.learning_curves(gaps))
    assert not any("best" in text for text in texts["texts"])
    opened(plots.learning_curves([]))


def test_confusion_matrix_shows_counts_and_shares(texts):
    matrix = np.array([[90, 10], [5, 15]])
    opened(plots.confusion_matrix(matrix, ["NORMAL", "PNEUMONIA"]))
    assert {"90\n90.0%", "10\n10.0%", "5\n25.0%", "15\n75.0%"} <= set(texts["texts"])


@pytest.mark.parametrize("num_classes", [3, 12, 60])
def test_confusion_matrix_of_many_classes_stays_a_page(num_classes):
    classes = [f"finding number {i}" for i in range(num_classes)]
    matrix = np.diag(np.arange(num_classes))  # the first class has no images
    assert max(opened(plots.confusion_matrix(matrix, classes)).size) <= 2100


@pytest.mark.parametrize("num_classes", [2, 5])
def test_roc_curves_name_every_model_with_its_auroc(num_classes, texts):
    models = {"vgg11": predictions(num_classes), "vote": predictions(num_classes, seed=1)}
    opened(plots.roc_curves(models))
    assert sum("(AUROC 0." in text or "(AUROC 1." in text for text in texts["texts"]) == 2


def test_roc_curves_of_one_class_say_undefined(texts):
    opened(plots.roc_curves({"vgg11": (np.zeros(9, dtype=int), np.full((9, 2), 0.5))}))
    assert "vgg11 (AUROC undefined)" in texts["texts"]


def test_the_macro_roc_curve_has_the_macro_auroc_under_it():
    labels, probs = predictions(4, seed=2)
    false, true = plots._roc(labels, probs)
    assert np.trapezoid(true, false) == pytest.approx(plots.auroc(labels, probs), abs=0.01)


@pytest.mark.parametrize("num_classes", [2, 5])
def test_reliability(num_classes, texts):
    opened(plots.reliability(*predictions(num_classes)))
    assert "Observed share" in texts["texts"]
    opened(plots.reliability(np.ones(9, dtype=int), np.full((9, num_classes), 1 / num_classes)))


def test_the_same_input_gives_the_same_bytes():
    assert plots.learning_curves(records(5)) == plots.learning_curves(records(5))
