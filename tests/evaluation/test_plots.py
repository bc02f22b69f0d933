import io

import numpy as np
import pytest
from PIL import Image

from pneumoray.evaluation import plots
from pneumoray.evaluation.metrics import auroc
from pneumoray.evaluation.style import LINES

PAIR = ["NORMAL", "PNEUMONIA"]


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
def figure(monkeypatch):
    """The last figure drawn, as it was when it was saved."""
    seen = []
    png = plots.png

    def spy(figure):
        seen.append(figure)
        return png(figure)

    monkeypatch.setattr(plots, "png", spy)
    return lambda: seen[-1]


def words(figure):
    """Every text in a figure but its ticks, its title first."""
    found = [figure.get_suptitle()]
    for axes in figure.axes:
        legend = axes.get_legend()
        found += [
            text.get_text() for text in [*(legend.get_texts() if legend else []), *axes.texts]
        ]
        found += [axes.get_xlabel(), axes.get_ylabel()]
    return found


def test_confusion_matrix_shows_counts_and_shares_and_says_of_what(figure):
    matrix = np.array([[90, 10], [5, 15]])
    opened(plots.confusion_matrix(matrix, PAIR, "vgg11-1234, validation", 0.4234))
    assert {"90\n90.0%", "10\n10.0%", "5\n25.0%", "15\n75.0%"} <= set(words(figure()))
    assert words(figure())[0] == (
        "Confusion matrix\nvgg11-1234, validation\ncalled PNEUMONIA at a probability of 0.423 or more"
    )


@pytest.mark.parametrize(
    ("classes", "threshold", "words"),
    [
        (PAIR, None, "called PNEUMONIA at a probability of 0.500 or more"),
        (PAIR, 0.25, "called PNEUMONIA at a probability of 0.250 or more"),
        (["a", "b", "c"], None, "called by the largest probability"),
    ],
)
def test_how_a_class_is_called_is_said_in_words(classes, threshold, words):
    assert plots.decision(classes, threshold) == words


@pytest.mark.parametrize("num_classes", [3, 12, 60])
def test_confusion_matrix_of_many_classes_stays_a_page(num_classes):
    classes = [f"finding number {i}" for i in range(num_classes)]
    matrix = np.diag(np.arange(num_classes))  # the first class has no images
    assert max(opened(plots.confusion_matrix(matrix, classes)).size) <= 2100


@pytest.mark.parametrize("num_classes", [2, 5])
def test_roc_curves_name_every_model_with_its_auroc(num_classes, figure):
    threshold, classes = (0.4, PAIR) if num_classes == 2 else (None, list("abcde"))
    models = {
        name: (*predictions(num_classes, seed=i), threshold)
        for i, name in enumerate(("vgg11", "vote"))
    }
    opened(plots.roc_curves(models, classes, "study mini, test"))
    named = [text for text in words(figure()) if "(AUROC 0." in text or "(AUROC 1." in text]
    assert len(named) == 2
    assert all(("threshold 0.400)" in text) == (num_classes == 2) for text in named)
    of = "ROC of PNEUMONIA" if num_classes == 2 else "ROC of each class against the rest, averaged"
    assert words(figure())[0] == f"{of}\nstudy mini, test"
    assert any("sensitivity (PNEUMONIA)" in text for text in words(figure())) == (num_classes == 2)


def test_the_mark_on_a_roc_curve_stands_where_its_threshold_calls(figure):
    labels = np.array([0, 0, 1, 1, 1])
    positive = np.array([0.1, 0.6, 0.3, 0.6, 0.9])
    probs = np.stack([1 - positive, positive], axis=1)
    plots.roc_curves({"vgg11": (labels, probs, 0.5)}, PAIR)
    curve = figure().axes[0].lines[0]
    (mark,) = curve.get_markevery()
    assert curve.get_xydata()[mark].tolist() == pytest.approx(
        [1 / 2, 2 / 3]
    )  # 0.6 and 0.9 are called


def test_models_are_told_apart_without_colours(figure):
    models = {f"model{i}": (*predictions(2, seed=i), 0.5) for i in range(5)}
    plots.roc_curves(models, PAIR)
    lines = figure().axes[0].lines[:5]
    assert len({line.get_marker() for line in lines}) == 5
    assert len({str(line) for line in LINES}) == 5  # of dashes
    assert [line.get_linestyle() for line in lines] == ["-", "--", "--", "--", "--"]


def test_roc_curves_of_one_class_say_undefined(figure):
    opened(plots.roc_curves({"vgg11": (np.zeros(9, dtype=int), np.full((9, 2), 0.5), 0.5)}, PAIR))
    assert "vgg11 (AUROC undefined)" in words(figure())


def test_the_macro_roc_curve_has_the_macro_auroc_under_it(figure):
    labels, probs = predictions(4, seed=2)
    plots.roc_curves({"vgg11": (labels, probs, None)}, list("abcd"))
    false, true = figure().axes[0].lines[0].get_xydata().T
    assert np.trapezoid(true, false) == pytest.approx(auroc(labels, probs), abs=0.01)


@pytest.mark.parametrize("num_classes", [2, 5])
def test_reliability(num_classes, figure):
    classes, threshold = (PAIR, 0.25) if num_classes == 2 else (list("abcde"), None)
    opened(plots.reliability(*predictions(num_classes), classes, "vote, test", threshold))
    assert "Observed share" in words(figure())
    what = "probability of PNEUMONIA" if num_classes == 2 else "probability of the class called"
    how = "at a probability of 0.250 or more" if num_classes == 2 else "by the largest probability"
    assert words(figure())[0].startswith(f"Reliability: {what}\nvote, test\ncalled ")
    assert words(figure())[0].endswith(how)
    assert f"Predicted {what}" in words(figure())
    assert ("threshold 0.250" in words(figure())) == (num_classes == 2)
    alike = np.full((9, num_classes), 1 / num_classes)
    opened(plots.reliability(np.ones(9, dtype=int), alike, classes))


def test_the_same_input_gives_the_same_bytes():
    models = {"vgg11": (*predictions(2), 0.5)}
    assert plots.roc_curves(models, PAIR) == plots.roc_curves(models, PAIR)
