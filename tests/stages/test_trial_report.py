"""What a trial leaves to look at, from predictions that were made up."""

import numpy as np
import pandas as pd
import pytest

from pneumoray import checkpoint
from pneumoray.config import Config
from pneumoray.evaluation import plots, trial_plots
from pneumoray.predictions import Predictions
from pneumoray.stages import trial_report
from pneumoray.training.trial import Trial

CONFIG = Config(backbone="resnet18", image_size=32)
FILES = {
    "curves.png",
    "confusion.png",
    "mistakes.png",
    "epochs.csv",
    "per_class.csv",
    "confused.csv",
}


@pytest.fixture
def report(pack, tmp_path, monkeypatch, trial_row):
    """Writes the report of a trial that calls the first `num_wrong` validation images wrong."""

    def make(num_wrong):
        images = pack.manifest.of_split("val")
        called = images["label"].to_numpy(copy=True)
        called[:num_wrong] = 1 - called[:num_wrong]
        probs = np.where(np.eye(2)[called] == 1, 0.9, 0.1)
        val = Predictions(images, probs, pack.manifest.classes)
        monkeypatch.setattr(checkpoint, "val_predictions", lambda folder: val)
        trial = Trial(CONFIG, tmp_path, pack.path)
        trial_report.write(trial, trial_row([0.6, 0.7]).state, pack)
        return val

    return make


@pytest.mark.parametrize("num_wrong", [0, 1, 13])
def test_every_file_is_written_whatever_the_number_of_mistakes(report, tmp_path, num_wrong):
    report(num_wrong)
    assert {path.name for path in tmp_path.iterdir()} == FILES
    confused = pd.read_csv(tmp_path / "confused.csv")
    assert confused["num_images"].sum() == num_wrong
    assert (confused["class"] != confused["called"]).all()


def test_pictures_say_the_trial_the_split_and_how_it_calls(report, monkeypatch):
    drawn = {}
    for module, name in ((trial_plots, "mistakes"), (plots, "confusion_matrix")):
        monkeypatch.setattr(
            module, name, lambda *given, name=name: drawn.update({name: given}) or b"png"
        )
    val = report(2)
    _, titles, files, of, how = drawn["mistakes"]
    assert sorted(files) == sorted(id.rpartition("/")[2] for id in val.image_ids[:2])
    assert all(title.endswith("90%") for title in titles)
    assert of == drawn["confusion_matrix"][2] == f"{CONFIG.trial_id}, validation"
    assert how == "called PNEUMONIA at a probability of 0.500 or more"


def test_scores_per_class_end_with_their_mean(report, tmp_path):
    val = report(1)
    table = pd.read_csv(tmp_path / "per_class.csv").set_index("class")
    assert list(table.index) == [*val.classes, "mean of classes"]
    means = table.loc[list(val.classes)].mean()
    for name in ("sensitivity", "specificity", "precision", "f1"):
        assert table.loc["mean of classes", name] == pytest.approx(means[name])
    assert table.loc["mean of classes", "num_images"] == len(val.labels)
