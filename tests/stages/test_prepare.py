"""What a study refuses or leaves out before anything starts."""

import pytest

from pneumoray.config import Config
from pneumoray.data.folder import scan
from pneumoray.errors import DataError, StudyError
from pneumoray.stages import prepare
from pneumoray.study_file import parse


@pytest.fixture
def leaking(tmp_path, draw_xrays):
    """A Manifest with five patients of each class in test, and again in train."""
    for split in ("train", "test"):
        draw_xrays(tmp_path / split, num_patients=5)
    return scan(tmp_path)[0]


def test_patients_on_both_sides_of_the_test_are_refused_by_name_unless_allowed(leaking):
    with pytest.raises(DataError) as error:
        prepare.check_leaks(leaking, allow_leaks=False)
    message = str(error.value)
    assert message.startswith("10 patients or copies are in test and in train: IM-0000, IM-0001")
    assert "and 7 more" in message
    assert "--allow-leaks" in message
    assert prepare.check_leaks(leaking, allow_leaks=True) is True


def test_data_without_leaks_needs_no_leave(pack):
    assert prepare.check_leaks(pack.manifest, allow_leaks=False) is False
    assert prepare.check_leaks(pack.manifest, allow_leaks=True) is False


def test_images_of_no_known_patient_are_refused_unless_allowed(xrays):
    manifest, _ = scan(xrays, patient_rule="^nobody$")
    with pytest.raises(DataError, match=r"patient_rule.*--no-patients"):
        prepare.check_patients(manifest, no_patients=False)
    prepare.check_patients(manifest, no_patients=True)


def test_an_optional_backbone_without_its_weights_is_left_out_and_named(tmp_path):
    entry = {"backbone": "vgg11", "weights": str(tmp_path), "optional": True}
    study = parse({"name": "x", "race": "full", "backbones": ["resnet18", entry]})
    said = []
    less = prepare.leave_out_missing(study, said.append)
    assert less.backbones == ["resnet18"]
    assert "vgg11" in said[0]["text"]
    alone = parse({"name": "x", "race": "full", "backbones": [entry]})
    with pytest.raises(StudyError, match="nothing is left of study x"):
        prepare.leave_out_missing(alone, said.append)


def test_one_logit_is_for_two_classes():
    one_logit = Config(backbone="resnet18", output="sigmoid")
    prepare.check_outputs([one_logit], ["a", "b"])
    with pytest.raises(StudyError, match="3 classes: use output: softmax"):
        prepare.check_outputs([one_logit], ["a", "b", "c"])
