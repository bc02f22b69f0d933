"""Relative paths inside a Ray job, as Ray describes the job to its process."""

import json

import pytest

from pneumoray import ray_job
from pneumoray.errors import DataError, StudyError
from pneumoray.stages.prepare import list_images
from pneumoray.study_file import parse, read
from pneumoray.workspace import Workspace

PLAIN = {"runtime_env": {"env_vars": {}}, "metadata": {"job_submission_id": "raysubmit_1"}}
SENT = {"runtime_env": {"working_dir": "gcs://_ray_pkg_1.zip"}}
STUDY = "name: mine\nbackbones: [resnet18]\nrace: full\n"


@pytest.fixture
def in_job(tmp_path, monkeypatch):
    """Makes this process a Ray job of the given description, in a folder with a study and data."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(STUDY)

    def begin(described):
        monkeypatch.setenv(ray_job.VARIABLE, json.dumps(described))

    return begin


@pytest.mark.parametrize(
    ("described", "path", "is_wrong"),
    [
        (PLAIN, "mine.yaml", True),
        (PLAIN, "../mine.yaml", True),
        (PLAIN, "/shared/mine.yaml", False),
        (PLAIN, "~/mine.yaml", False),
        (SENT, "mine.yaml", False),
        ({}, "mine.yaml", True),
        ({"runtime_env": None}, "mine.yaml", True),
    ],
)
def test_a_relative_path_means_nothing_unless_the_folder_was_sent(
    in_job, described, path, is_wrong
):
    assert ray_job.why_misplaced(path) == ""
    assert not ray_job.is_inside()
    in_job(described)
    assert ray_job.is_inside()
    wrong = ray_job.why_misplaced(path)
    assert bool(wrong) is is_wrong
    if is_wrong:
        assert wrong.startswith(f"{path} is a relative path")
        assert "absolute path" in wrong
        assert "--working-dir" in wrong


def test_a_relative_study_is_refused_though_a_file_of_that_name_is_there(in_job):
    in_job(PLAIN)
    with pytest.raises(StudyError, match=r"study mine\.yaml is a relative path.*--working-dir"):
        read("mine.yaml")
    assert read("xray-64").name == "xray-64"  # a shipped one is no path
    in_job(SENT)
    assert read("mine.yaml").name == "mine"


@pytest.mark.parametrize("through", ["option", "study", "environment", "images"])
def test_relative_data_is_refused(in_job, through, tmp_path, monkeypatch):
    in_job(PLAIN)
    study = parse({"name": "x", "backbones": ["resnet18"], "race": "full"})
    data, images = "xrays" if through == "option" else None, None
    if through == "study":
        study = study.model_copy(update={"data": "xrays"})
    elif through == "environment":
        monkeypatch.setenv("PNEUMORAY_DATA", "xrays")
    elif through == "images":
        data, images = tmp_path / "table.csv", "xrays"
    with pytest.raises(DataError, match="data xrays is a relative path"):
        list_images(study, data, images, Workspace(tmp_path))
