"""What a study's champions are called: one name, one model."""

import numpy as np
import pandas as pd
import pytest
import torch

from pneumoray import checkpoint, tracking
from pneumoray.epochs import EpochRecord, State
from pneumoray.errors import StudyError
from pneumoray.grid import configurations
from pneumoray.journal import Journal
from pneumoray.predictions import Predictions
from pneumoray.stages.champion import candidates, check_names
from pneumoray.study_file import parse
from pneumoray.workspace import Workspace, open_workspace


@pytest.fixture
def place(tmp_path):
    """A workspace with study a, whose families are resnet and b-c."""
    for name in ("study.json", "models/resnet/bundle.json", "models/b-c/bundle.json"):
        file = tmp_path / "studies" / "a" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{}")
    return Workspace(tmp_path)


@pytest.mark.parametrize(
    ("study", "family", "message"),
    [
        (
            "a-b",
            "c",
            "registered model pneumoray-a-b-c is family b-c of study a, and would be family c",
        ),
        ("a-resnet", "x", None),
        ("A", "x", "studies a and A would be one folder on some systems"),
        ("a", "b-c", None),  # the study itself, trained on
        ("b", "b-c", None),
    ],
)
def test_a_name_that_another_study_has_is_refused(place, study, family, message):
    if message is None:
        check_names(place, study, [family], tracking.Settings())
    else:
        with pytest.raises(StudyError) as caught:
            check_names(place, study, [family], tracking.Settings())
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


def test_the_name_of_a_vote_is_one_too(place):
    vote = place.root / "studies" / "a" / "models" / "x-ensemble" / "bundle.json"
    vote.parent.mkdir()
    vote.write_text("{}")
    with pytest.raises(
        StudyError, match="pneumoray-a-x-ensemble is family x-ensemble of study a, and"
    ):
        check_names(place, "a-x", ["resnet"], tracking.Settings())


def test_names_that_the_settings_keep_apart_are_taken(place):
    check_names(place, "a-b", ["c"], tracking.Settings(model="{study} of {family}"))


@pytest.fixture
def trained(tmp_path):
    """The folder of a study whose two trials, of two families, were trained to their end."""
    study = parse({"name": "x", "backbones": ["resnet18", "vgg11"], "epochs": 1, "race": "full"})
    folder = open_workspace(tmp_path).study("x")
    folder.claim(study, {}, False, {})
    journal = Journal(folder.journal)
    journal.append("study", study="x", config=study.model_dump())
    images = pd.DataFrame({"id": ["a", "b"], "label": [0, 1], "group": ["a", "b"]})
    val = Predictions(images, np.array([[0.8, 0.2], [0.4, 0.6]]), ("NORMAL", "PNEUMONIA"))
    state = State((EpochRecord(1, 0.6, 0.7, 0.8, 0.5, 0.9, 0.9, 1e-3, 100.0, 2.0),))
    for config in configurations(study):
        weights = {"weight": torch.ones(1)}
        checkpoint.save(folder.trial(config.trial_id), state, weights, {}, val)
        journal.append("trial", trial=config.trial_id, stage="final")
        journal.append("end", trial=config.trial_id, status="FINISHED", outcome="trained")
    return folder


def test_a_trial_whose_predictions_are_damaged_is_left_out_and_told(trained):
    said = []
    assert {one.family for one in candidates(trained, said.append)} == {"resnet", "vgg"}
    assert said == []
    (trial,) = [row.trial for row in trained.rows() if row.family == "vgg"]
    file = checkpoint.newest(trained.trial(trial)) / "val_predictions.csv"
    file.write_bytes(file.read_bytes().replace(b"0.2", b"0.9"))  # as long as before
    assert [one.family for one in candidates(trained, said.append)] == ["resnet"]
    assert said[0]["text"].startswith(f"left out: trial {trial}: val_predictions.csv is damaged")
    assert "'pneumoray train-all' trains it again" in said[0]["text"]
