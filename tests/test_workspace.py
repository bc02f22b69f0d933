"""A workspace finds its studies, and refuses a place that will not do."""

import os

import pytest

from pneumoray.errors import StudyError, WorkspaceError
from pneumoray.study_file import parse
from pneumoray.workspace import open_workspace

PACKS = {"32px squeeze grey": "abc"}
MARKS = {"leaks_allowed": False}


def study(**fields):
    return parse({"name": "x", "backbones": ["resnet18"], "epochs": 4, "race": "full"} | fields)


@pytest.fixture
def place(tmp_path):
    return open_workspace(tmp_path / "ws")


def begin(place, *names):
    for name in names:
        place.study(name).claim(study(name=name), PACKS, False, MARKS)


def test_a_named_workspace_wins_over_the_environment_and_that_over_the_default(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert open_workspace().root == tmp_path / "pneumoray-workspace"
    monkeypatch.setenv("PNEUMORAY_WORKSPACE", "from-environment")
    assert open_workspace().root == tmp_path / "from-environment"
    assert open_workspace("named").root == tmp_path / "named"


def test_a_workspace_that_can_not_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "ws"):
        with pytest.raises(WorkspaceError, match=r"can't be written .*--workspace") as caught:
            open_workspace(path)
        assert "\n" not in str(caught.value)


def test_inside_a_ray_job_it_must_be_named_by_an_absolute_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")
    for path in (None, "ws"):
        with pytest.raises(WorkspaceError) as caught:
            open_workspace(path)
        message = str(caught.value)
        for way in ("--workspace DIR", "cluster/start-head.sh", "PNEUMORAY_WORKSPACE"):
            assert way in message
        assert "\n" not in message
    assert os.listdir(tmp_path) == []
    assert open_workspace(tmp_path / "ws").root == tmp_path / "ws"


def test_a_command_names_a_workspace_that_is_not_the_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PNEUMORAY_WORKSPACE", raising=False)
    assert open_workspace().command("ui") == "pneumoray ui"
    assert open_workspace("my ws").command("ui") == "pneumoray ui --workspace 'my ws'"
    monkeypatch.setenv("PNEUMORAY_WORKSPACE", "my ws")
    assert open_workspace().command("ui") == "pneumoray ui"


def test_opening_leaves_nothing_in_it(place):
    assert os.listdir(place.root) == []


def test_nothing_trained_says_what_to_do(place):
    for name in (None, "x"):
        with pytest.raises(StudyError, match="train-all"):
            place.find(name)


def test_the_only_study_is_meant(place):
    begin(place, "x")
    assert place.find(None).name == "x"
    assert place.find("x").name == "x"


def test_of_several_the_last_trained_is_meant(place):
    begin(place, "a", "b", "c")
    place.remember("b")
    assert place.find(None).name == "b"
    assert place.find("a").name == "a"


def test_several_and_none_remembered_asks(place):
    begin(place, "a", "b")
    with pytest.raises(StudyError, match="several studies: choose with --study from a, b"):
        place.find(None)


def test_an_unknown_study_offers_near_names(place):
    begin(place, "xray-64", "demo")
    with pytest.raises(StudyError, match=r"no study 'xray64'.*did you mean xray-64"):
        place.find("xray64")


def test_a_lock_or_draft_is_no_study(place):
    begin(place, "x")
    with place.study("y").locked():
        pass
    assert place.studies() == ["x"]


@pytest.mark.parametrize("noted", ["{}", "[]", "7", "{"])
def test_a_note_of_the_last_study_that_says_nothing_is_none(place, noted):
    begin(place, "a", "b")
    (place.root / "last-study.json").write_text(noted)
    with pytest.raises(StudyError, match="holds several studies: choose with --study from a, b"):
        place.find(None)
    place.forget("a")
