"""A workspace has one id for good, and the paths in it mean the same wherever it lies."""

import json
from pathlib import Path

import pytest

from pneumoray import root
from pneumoray.errors import WorkspaceError
from pneumoray.workspace import open_workspace


def test_a_workspace_keeps_its_id_where_it_is_moved(tmp_path):
    first = open_workspace(tmp_path / "a").root
    assert list(first.iterdir()) == []  # a command that is refused leaves nothing
    root.identity(first)
    written = json.loads((first / "workspace.json").read_text())
    assert written == {"format": 1, "id": root.identity(first)}
    moved = first.rename(tmp_path / "b")
    assert open_workspace(moved).root == moved
    assert json.loads((moved / "workspace.json").read_text()) == written
    assert root.identity(open_workspace(tmp_path / "other").root) != written["id"]


@pytest.mark.parametrize("to_write", [True, False])
@pytest.mark.parametrize(
    ("found", "said"),
    [
        (2, "has format 2, and this version of pneumoray reads formats up to 1: update pneumoray"),
        (None, "does not say its format: put back a copy of it"),
        ("1", "does not say its format: put back a copy of it"),
    ],
)
def test_a_workspace_of_another_format_is_refused_in_one_line(tmp_path, to_write, found, said):
    (tmp_path / "workspace.json").write_text(json.dumps({"format": found, "id": "x"}))
    with pytest.raises(WorkspaceError) as caught:
        open_workspace(tmp_path, to_write=to_write)
    assert str(caught.value) == f"{tmp_path / 'workspace.json'} {said}"


def test_reading_gives_no_id(tmp_path):
    open_workspace(tmp_path, to_write=False)
    assert list(tmp_path.iterdir()) == []


def test_the_root_of_a_journal_is_that_of_its_study_or_its_own_folder():
    """Whatever the folders above the workspace are called."""
    assert root.of(Path("/x/studies/ws/studies/lung/journal.jsonl")) == Path("/x/studies/ws")
    assert root.of(Path("/x/studies/ws/openings.jsonl")) == Path("/x/studies/ws")
    assert root.of_study(Path("/x/studies/ws/studies/lung")) == Path("/x/studies/ws")


@pytest.mark.parametrize("name", ["end\nof line", "no\udcfftext"])
def test_a_path_that_is_no_text_is_refused(tmp_path, name):
    with pytest.raises(
        WorkspaceError, match=r"character '.*', which no table can hold; name another with"
    ):
        open_workspace(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("studies/x/trials/t", "/new/studies/x/trials/t"),
        ("packs/0a", "/new/packs/0a"),
        ("/new/packs/0a", "/new/packs/0a"),
        ("/old/packs/0a", "/new/packs/0a"),
        ("/old/studies/x/models/vgg", "/new/studies/x/models/vgg"),
        ("/studies/2024/ws/studies/x/models/vgg", "/new/studies/x/models/vgg"),
        ("/old/studies/x/models/packs", "/new/studies/x/models/packs"),
        ("/old/studies/studies/trials/t", "/new/studies/studies/trials/t"),
        ("/data/packs of images/a.png", "/data/packs of images/a.png"),
        ("demo-data/a.png", "/new/demo-data/a.png"),
    ],
)
def test_a_written_path_is_found_where_the_workspace_lies_now(text, place):
    assert root.placed(text, Path("/new")) == Path(place)


def test_what_lies_outside_stays_absolute():
    assert root.written(Path("/new/packs/0a"), Path("/new")) == "packs/0a"
    assert root.written(Path("/newer/packs/0a"), Path("/new")) == "/newer/packs/0a"


@pytest.mark.parametrize("text", ["[]", '{"format": 1}', '{"format": 1, "id": 7}'])
def test_a_root_without_an_id_is_one_line_that_names_the_file(tmp_path, text):
    (tmp_path / "workspace.json").write_text(text)
    with pytest.raises(WorkspaceError, match=r"workspace\.json holds no id of a workspace"):
        open_workspace(tmp_path)
