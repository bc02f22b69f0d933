"""What a study refuses or leaves out before anything starts."""

import pytest

from pneumoray import checkpoint
from pneumoray.config import Config
from pneumoray.data.folder import scan
from pneumoray.data.rules import Rules
from pneumoray.errors import DataError, StudyError
from pneumoray.grid import configurations
from pneumoray.journal import Journal
from pneumoray.models import hub, own_code
from pneumoray.stages import checks
from pneumoray.study_file import parse
from pneumoray.study_folder import StudyFolder


@pytest.fixture
def leaking(tmp_path, draw_xrays):
    """A Manifest with five patients of each class in test, and again in train."""
    for split in ("train", "test"):
        draw_xrays(tmp_path / split, num_patients=5)
    return scan(tmp_path)[0]


def test_patients_on_both_sides_of_the_test_are_refused_in_pairs_unless_allowed(leaking):
    with pytest.raises(DataError) as error:
        checks.check_leaks(leaking, allow_leaks=False)
    assert str(error.value) == (
        "patients or copies are in test and in train, 10 groups in 20 pairs of images: "
        "test/NORMAL/IM-0000-0000.png and train/NORMAL/IM-0000-0000.png, "
        "test/NORMAL/IM-0000-0001.png and train/NORMAL/IM-0000-0001.png, "
        "test/NORMAL/IM-0001-0002.png and train/NORMAL/IM-0001-0002.png, 17 more; 'pneumoray audit DATA "
        "--csv FILE' lists all: move one image of each to the other's split, or mark every run with "
        "--allow-leaks"
    )
    assert checks.check_leaks(leaking, allow_leaks=True) is True


def test_data_without_leaks_needs_no_leave(pack):
    assert checks.check_leaks(pack.manifest, allow_leaks=False) is False
    assert checks.check_leaks(pack.manifest, allow_leaks=True) is False


def test_images_of_no_known_patient_are_refused_unless_allowed(xrays):
    manifest, _ = scan(xrays, rules=Rules(patient_rule="^nobody$"))
    with pytest.raises(DataError, match=r"patient_rule.*--no-patients"):
        checks.check_patients(manifest, no_patients=False)
    checks.check_patients(manifest, no_patients=True)


def test_half_known_patients_are_refused_with_counts_and_examples(xrays, pack):
    manifest, _ = scan(xrays, rules=Rules(patient_rule=r"^(person[0-9]+_virus)"))
    with pytest.raises(DataError) as error:
        checks.check_patients(manifest, no_patients=False)
    assert str(error.value).startswith(
        "a patient is known of 30 of 60 images only (person0_virus of PNEUMONIA/person0_virus_0.png), "
        "and not of 30, such as NORMAL/IM-0000-0000.png: say --set patient_rule=RULE"
    )
    assert "or kermany, kermany-v3, nih, chexpert, mimic, covidx, rsna)" in str(error.value)
    checks.check_patients(manifest, no_patients=True)
    checks.check_patients(pack.manifest, no_patients=False)


def test_an_optional_backbone_without_its_weights_is_left_out_and_named(tmp_path):
    entry = {"backbone": "vgg11", "weights": str(tmp_path), "optional": True}
    study = parse({"name": "x", "race": "full", "backbones": ["resnet18", entry]})
    said = []
    less = checks.leave_out_missing(study, None, said.append)
    assert less.backbones == ["resnet18"]
    assert "vgg11" in said[0]["text"]
    alone = parse({"name": "x", "race": "full", "backbones": [entry]})
    with pytest.raises(StudyError, match="nothing is left of study x"):
        checks.leave_out_missing(alone, None, said.append)


def test_an_optional_backbone_that_the_hub_does_not_give_is_left_out(monkeypatch):
    monkeypatch.setattr(hub, "cached", lambda backbone: None)
    monkeypatch.setattr(hub, "why_no_answer", lambda url: "no" if "vgg11" in url else "")
    entries = [{"backbone": name, "optional": True} for name in ("resnet18", "vgg11")]
    study = parse({"name": "x", "race": "full", "weights": "hub", "backbones": entries})
    assert checks.leave_out_missing(study, None, [].append).backbones == [entries[0]]


def test_an_optional_backbone_that_was_trained_needs_no_weights_any_more(tmp_path):
    entries = [
        {"backbone": name, "weights": str(tmp_path), "optional": True}
        for name in ("vgg11", "vgg13", "resnet18")
    ]
    study = parse({"name": "x", "race": "full", "backbones": entries})
    folder = StudyFolder(tmp_path / "x")
    trial = next(c.trial_id for c in configurations(study) if c.backbone == "vgg13")
    (folder.trial(trial) / "epoch-0001").mkdir(parents=True)
    (folder.trial(trial) / "epoch-0001" / "state.json").write_text("{}")
    assert checks.leave_out_missing(study, folder, [].append).backbones == [entries[1]]


def test_an_optional_backbone_that_starts_from_random_weights_stays():
    entry = {"backbone": "resnet18", "optional": True}
    study = parse({"name": "x", "race": "full", "backbones": [entry]})
    assert checks.leave_out_missing(study, None, [].append).backbones == [entry]


def test_one_logit_is_for_two_classes():
    one_logit = Config(backbone="resnet18", output="sigmoid")
    checks.check_networks([one_logit], ["a", "b"])
    with pytest.raises(StudyError, match="3 classes: use output: softmax"):
        checks.check_networks([one_logit], ["a", "b", "c"])


def test_own_code_that_a_model_cant_bring_is_refused_before_anything_trains(tmp_path, monkeypatch):
    (tmp_path / "nets_open.py").write_text(
        "import importlib\ndef net(**k):\n    importlib.import_module(k['x'])\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(StudyError, match=r"nets_open.py, line 3: which module .* in quotes$"):
        checks.check_networks([Config(backbone="nets_open:net")], ["a", "b"])


def test_a_study_does_not_go_on_with_the_other_positive_class(tmp_path):
    folder = StudyFolder(tmp_path / "x")
    checks.check_order(folder, ("NORMAL", "COVID"))  # nothing was trained yet
    Journal(folder.journal).append("study", study="x", pack={"classes": ["COVID", "NORMAL"]})
    checks.check_order(folder, ("COVID", "NORMAL"))
    checks.check_order(folder, ("a", "b"))  # other data: the packs say so
    with pytest.raises(StudyError) as caught:
        checks.check_order(folder, ("NORMAL", "COVID"))
    assert str(caught.value) == (
        "study x was trained with the positive class NORMAL, and now it is COVID: go on with "
        "--positive NORMAL, or start over with --fresh"
    )


def test_a_trial_in_own_code_whose_state_is_torn_is_left_to_fail_alone(tmp_path, monkeypatch):
    (tmp_path / "nets_torn.py").write_text("width = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    folder = StudyFolder(tmp_path / "study")
    code = own_code.find(["nets_torn:net"]).digest
    Journal(folder.journal).append("trial", trial="own-1", backbone="nets_torn:net", code=code)
    (folder.trial("own-1") / "epoch-0001").mkdir(parents=True)
    (folder.trial("own-1") / "epoch-0001" / "state.json").write_text("{")
    (tmp_path / "nets_torn.py").write_text("width = 2\n")
    checks.check_code(folder, ["own-1"])


def test_own_code_that_changed_since_a_trial_began_is_refused(tmp_path, monkeypatch, trial_row):
    (tmp_path / "nets_changed.py").write_text("import blocks_changed\n")
    (tmp_path / "blocks_changed.py").write_text("width = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    folder = StudyFolder(tmp_path / "study")
    code = own_code.find(["nets_changed:net"]).digest
    trials = {"own-1": ("nets_changed:net", code), "own-2": ("nets_changed:net", None)}
    trials |= {"new-3": ("nets_changed:net", code), "resnet18-4": ("resnet18", "")}
    for trial, (backbone, known) in trials.items():
        Journal(folder.journal).append("trial", trial=trial, backbone=backbone, code=known)
    states = {trial: trial_row(() if trial == "new-3" else (0.9,)).state for trial in trials}
    monkeypatch.setattr(checkpoint, "read_state", lambda folder: states[folder.name])
    checks.check_code(folder, [*trials, "never-begun"])
    (tmp_path / "blocks_changed.py").write_text("width = 2\n")
    checks.check_code(folder, ["own-2", "new-3", "resnet18-4"])
    said = (
        "code of backbone nets_changed:net.*changed since trial own-1 began: put it back.*--fresh"
    )
    with pytest.raises(StudyError, match=said) as error:
        checks.check_code(folder, trials)
    assert "\n" not in str(error.value)
