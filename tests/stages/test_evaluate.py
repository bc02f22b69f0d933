"""A model keeps the order of classes that it was trained with, whatever the data's own would be."""

import shutil

import pytest
import torch

from pneumoray import bundle
from pneumoray.config import Config
from pneumoray.data.rules import Rules
from pneumoray.errors import DataError, WorkspaceError
from pneumoray.journal import Journal
from pneumoray.models import zoo
from pneumoray.stages.evaluate import evaluate


@pytest.fixture
def model(tmp_path):
    """Saves a model of these classes that calls every image the second of them."""

    def save(classes):
        config = Config(backbone="C4-P-F-D", image_size=16, family="layers")
        member = bundle.Member.of(config, "m", (0.4,), (0.25,))
        torch.manual_seed(0)
        state = zoo.build(member.architecture, len(classes)).state_dict()
        described = bundle.Bundle((member,), classes, threshold=0.0)
        bundle.save(
            described, [{key: one.contiguous() for key, one in state.items()}], tmp_path / "m"
        )
        return tmp_path / "m"

    return save


@pytest.mark.parametrize("classes", [("NORMAL", "PNEUMONIA"), ("PNEUMONIA", "NORMAL")])
def test_the_model_says_which_class_is_positive(model, xrays, classes):
    report = evaluate(xrays, model(classes))
    assert report["positive"] == classes[1]
    assert (report["sensitivity"], report["specificity"]) == (1, 0)
    assert [row["name"] for row in report["per_class"]] == list(classes)


def test_other_classes_than_the_models_are_refused(model, xrays):
    with pytest.raises(DataError, match="classes NORMAL, PNEUMONIA, and the model knows a, b"):
        evaluate(xrays, model(("a", "b")))


def test_a_file_that_can_not_be_written_is_refused_before_the_model_or_any_image_is_opened(
    tmp_path,
):
    with pytest.raises(WorkspaceError, match=r"can't be written \(Is a directory\)"):
        evaluate(tmp_path / "no-data", tmp_path / "no-model", save=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_patients_are_those_of_the_models_study(tmp_path, model, xrays):
    """Else the intervals would be those of other patients than the study's own."""
    notes = []
    study = tmp_path / "ws" / "studies" / "x"
    study.mkdir(parents=True)
    (study / "study.json").write_text('{"packs": {}, "study": {}}')
    rule = r"^(IM|person)"  # all of NORMAL are one patient, and all of PNEUMONIA
    Journal(study / "journal.jsonl").append("study", study="x", config={"patient_rule": rule})
    shutil.move(model(("NORMAL", "PNEUMONIA")), study / "m")
    arguments = {"workspace": tmp_path / "ws", "on_event": notes.append}
    assert evaluate(xrays, study / "m", **arguments)["num_groups"] == 2
    assert not any("rule" in note.get("text", "") for note in notes)
    rules = Rules(patient_rule="kermany")
    assert evaluate(xrays, study / "m", rules=rules, **arguments)["num_groups"] == 30


def test_half_known_patients_are_told_of_a_score(model, xrays):
    notes = []
    evaluate(
        xrays,
        model(("NORMAL", "PNEUMONIA")),
        rules=Rules(patient_rule="^IM"),
        on_event=notes.append,
    )
    known = "a patient is known of 30 of 60 images only (IM of NORMAL/IM-0000-0000.png)"
    (text,) = [note["text"] for note in notes if note.get("text", "").startswith(known)]
    assert text.endswith("--patient-rule says who is who")
