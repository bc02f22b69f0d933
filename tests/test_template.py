"""The study that `pneumoray init` writes: it runs as it is, and so does each field it offers."""

import re

import pytest
import yaml

from pneumoray.errors import StudyError
from pneumoray.grid import configurations, num_trials
from pneumoray.study import Study
from pneumoray.study_file import read, write_template


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    path = tmp_path_factory.mktemp("template") / "study.yaml"
    write_template(path)
    return path.read_text().splitlines()


OFFERED = (
    "data",
    "images",
    "patient_rule",
    "max_images",
    "positive",
    "image_fit",
    "color",
    "flip",
    "weights",
)
OFFERED += ("freeze", "dropout", "label_smoothing", "weight_decay", "clip_norm", "patience")
OFFERED += ("seeds", "race")


def test_it_is_a_study_that_runs_as_it_is(tmp_path):
    path = tmp_path / "mine.yaml"
    write_template(path)
    study = read(str(path))
    assert num_trials(study) == len(configurations(study)) == 6
    assert study.data is None  # --data names it
    assert study.weights == "none"  # nothing to fetch
    assert study.rungs == [2]


@pytest.mark.parametrize(("epochs", "rungs"), [(1, []), (2, [1]), (3, [2]), (20, [2])])
def test_its_epochs_can_be_changed_alone(tmp_path, epochs, rungs):
    path = tmp_path / "mine.yaml"
    write_template(path)
    path.write_text(path.read_text().replace("epochs: 8 ", f"epochs: {epochs} "))
    study = read(str(path))
    assert (study.epochs, study.rungs) == (epochs, rungs)


def test_every_field_that_a_beginner_needs_is_there(lines):
    offered = [line.removeprefix("#").partition(":")[0] for line in lines if _is_offer(line)]
    assert sorted(offered) == sorted(OFFERED)
    assert set(offered) | set(yaml.safe_load("\n".join(lines))) <= set(Study.model_fields)


@pytest.mark.parametrize("field", OFFERED)
def test_each_field_that_is_offered_can_be_taken(lines, field, tmp_path):
    taken = [line.removeprefix("#") if line.startswith(f"#{field}:") else line for line in lines]
    if field == "weights":  # of a backbone that has them
        taken = [line.replace("- resnet18", "- tf_efficientnet_lite0") for line in taken]
    path = tmp_path / "study.yaml"
    path.write_text("\n".join(lines))
    before = read(str(path)).model_dump()[field]
    path.write_text("\n".join(taken))
    assert read(str(path)).model_dump()[field] == yaml.safe_load(path.read_text())[field] != before


def test_every_field_says_what_it_is(lines):
    bare = [line for line in lines if re.match(r"#?\w+:", line) and "# " not in line]
    assert [line.partition(":")[0] for line in bare] == ["description"]


def test_lines_fit_a_terminal(lines):
    assert max(map(len, lines)) <= 90


def test_what_is_there_is_never_overwritten(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text("mine")
    with pytest.raises(StudyError, match=r"study\.yaml is there already"):
        write_template(path)
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("study", r"name it study\.yaml"),
        ("study.json", r"name it study\.yaml"),
        ("nowhere/x.yaml", "can't be written: No such file"),
    ],
)
def test_a_place_that_will_not_do_is_refused(tmp_path, name, said):
    with pytest.raises(StudyError, match=said):
        write_template(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def _is_offer(line):
    return re.match(r"#\w", line) is not None
