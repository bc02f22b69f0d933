"""Files and folders are whole or absent, whatever interrupts the writer."""

import hashlib
import json
import os
import subprocess
import sys

import filelock
import pytest

from pneumoray import artifact
from pneumoray.errors import WorkspaceError


class Killed(BaseException):
    """Stands for Ctrl-C: no `except Exception` stops it."""


def test_json_comes_back_with_every_bit(tmp_path):
    value = {"a": [1, 0.1 + 0.2, None, True], "b": {"ü": "x\ny"}}
    artifact.write_json(tmp_path / "new" / "folder" / "x.json", value)
    assert artifact.read_json(tmp_path / "new" / "folder" / "x.json") == value


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "x.txt"
    artifact.write_text(path, "old")

    def die(*_):
        raise Killed

    monkeypatch.setattr(os, "replace", die)
    with pytest.raises(Killed):
        artifact.write_text(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["x.txt"]


def test_data_is_on_disk_before_it_has_its_name(tmp_path, monkeypatch):
    calls = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (calls.append("fsync"), fsync(handle)))
    monkeypatch.setattr(os, "replace", lambda *names: (calls.append("rename"), replace(*names)))
    artifact.write_bytes(tmp_path / "x", b"data")
    assert calls == ["fsync", "rename", "fsync"]  # the last one is the folder


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[1, 2"])
def test_damaged_json_is_one_line_that_names_the_file(tmp_path, content):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(WorkspaceError, match=r"x\.json can't be read") as caught:
        artifact.read_json(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(
        ": put back a copy of it, or move it away and run the command that writes it"
    )
    with pytest.raises(WorkspaceError, match=r"x\.json can't be read \(.*\): ask for it again$"):
        artifact.read_json(path, "ask for it again")


def test_missing_json_says_so(tmp_path):
    with pytest.raises(WorkspaceError, match=r"x\.json is missing"):
        artifact.read_json(tmp_path / "x.json")


def test_a_folder_appears_whole_and_replaces_the_old_one(tmp_path):
    path = tmp_path / "folder"
    for content in ("old", "new"):
        with artifact.whole_folder(path, root=tmp_path, holds="mark") as draft:
            assert draft.parent == path.parent  # so that the rename stays on one file system
            (draft / "sub").mkdir()
            (draft / "sub" / content).write_text(content)
            (draft / "mark").touch()
            assert not (path / "sub" / content).exists()
    assert os.listdir(path / "sub") == ["new"]
    assert os.listdir(tmp_path) == ["folder"]
    assert path.stat().st_mode & 0o777 == 0o755


def test_an_interrupted_folder_vanishes_and_the_old_one_stays(tmp_path):
    path = tmp_path / "folder"
    with artifact.whole_folder(path, root=tmp_path, holds="x") as draft:
        (draft / "x").write_text("old")

    def interrupted():
        with artifact.whole_folder(path, root=tmp_path, holds="x") as draft:
            (draft / "x").write_text("new")
            raise Killed

    with pytest.raises(Killed):
        interrupted()
    assert (path / "x").read_text() == "old"
    assert os.listdir(tmp_path) == ["folder"]


@pytest.fixture
def trained(tmp_path):
    """A study's folder with trained trials, and beside it one that is no bundle."""
    for name in (
        "trials/a/epoch-0001/state.json",
        "models/notes/thesis.txt",
        "models/m/bundle.json",
    ):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("precious")
    return tmp_path


def everything(folder):
    return sorted((str(path), path.is_file() and path.read_text()) for path in folder.rglob("*"))


def make(path, root, holds, meanwhile=lambda: None):
    """A whole folder that holds its mark and nothing else."""
    with artifact.whole_folder(path, root=root, holds=holds) as draft:
        (draft / holds).write_text("new")
        meanwhile()


@pytest.mark.parametrize("family", ["../trials", "..", ".", "", "../../elsewhere", "/elsewhere"])
def test_a_target_outside_of_its_root_is_refused_before_the_block_runs(trained, family):
    before, root = everything(trained), trained / "models"
    ran = []
    with pytest.raises(WorkspaceError, match=r"lies outside of .*models, where it") as caught:
        make(root / family, root, "bundle.json", lambda: ran.append(family))
    assert "\n" not in str(caught.value)
    assert not ran
    assert everything(trained) == before


def test_a_folder_that_is_not_ours_is_named_and_never_replaced(trained):
    before, root = everything(trained), trained / "models"
    with pytest.raises(WorkspaceError, match=r"models/notes is there.* \(it has no bundle\.json\)"):
        make(root / "notes", root, "bundle.json")
    assert everything(trained) == before


def test_what_comes_to_lie_there_meanwhile_stays(tmp_path):
    with pytest.raises(WorkspaceError, match="is there"):
        make(tmp_path / "x", tmp_path, "mark", lambda: (tmp_path / "x").write_text("precious"))
    assert everything(tmp_path) == [(str(tmp_path / "x"), "precious")]


def test_a_link_that_leads_out_is_refused_and_one_above_the_root_is_followed(trained, tmp_path):
    root = trained / "models"
    (root / "out").symlink_to(trained / "trials" / "a" / "epoch-0001")
    with pytest.raises(WorkspaceError, match="outside"):
        make(root / "out", root, "state.json")
    (tmp_path / "mounted").symlink_to(root)  # a root that lies on another disk
    make(tmp_path / "mounted" / "m", tmp_path / "mounted", "bundle.json")
    assert (root / "m" / "bundle.json").read_text() == "new"


def test_a_folder_made_without_its_mark_is_our_own_mistake(tmp_path):
    place = artifact.whole_folder(tmp_path / "x", root=tmp_path, holds="mark")
    with pytest.raises(AssertionError, match="x was made without mark"), place:
        pass
    assert os.listdir(tmp_path) == []


def test_sweeping_spares_locks_and_what_a_link_leads_to(tmp_path):
    """The lock of a study that is called x.tmp-1 is no draft of x."""
    (tmp_path / ".x.tmp-1.lock").touch()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "film").touch()
    (tmp_path / ".y.tmp-2").symlink_to(tmp_path / "data")
    artifact.sweep_drafts(tmp_path)
    assert sorted(os.listdir(tmp_path)) == [".x.tmp-1.lock", "data"]
    assert os.listdir(tmp_path / "data") == ["film"]


def test_sweeping_removes_drafts_only(tmp_path):
    (tmp_path / ".a.tmp-123").write_text("")
    (tmp_path / ".b.tmp-456").mkdir()
    (tmp_path / ".b.tmp-456" / "x").write_text("")
    (tmp_path / "a.tmp-7").write_text("")
    (tmp_path / ".lock").write_text("")
    artifact.sweep_drafts(tmp_path)
    assert sorted(os.listdir(tmp_path)) == [".lock", "a.tmp-7"]


def test_a_killed_writer_leaves_only_what_sweeping_removes(tmp_path):
    code = (
        "import os, pathlib, sys; from pneumoray import artifact\n"
        "root = pathlib.Path(sys.argv[1])\n"
        "with artifact.whole_folder(root / 'x', root=root, holds='half') as draft:\n"
        "    (draft / 'half').write_text('half'); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, tmp_path], check=False).returncode == 9
    assert not (tmp_path / "x").exists()
    artifact.sweep_drafts(tmp_path)
    assert os.listdir(tmp_path) == []


def test_sha256_of_a_file(tmp_path):
    (tmp_path / "x").write_bytes(b"abc" * 100_000)
    assert artifact.sha256_file(tmp_path / "x") == hashlib.sha256(b"abc" * 100_000).hexdigest()


def test_digest_follows_values_not_the_order_of_keys():
    assert artifact.digest({"a": 1, "b": [1, 2]}) == artifact.digest({"b": [1, 2], "a": 1})
    assert artifact.digest([1, 2]) != artifact.digest([2, 1])
    expected = hashlib.sha256(json.dumps({"a": "\u00fc"}).replace(" ", "").encode()).hexdigest()
    assert artifact.digest({"a": "\u00fc"}) == expected


def test_a_lock_is_held_by_one(tmp_path):
    with artifact.lock(tmp_path / "new" / ".lock"):
        other = artifact.lock(tmp_path / "new" / ".lock")
        with pytest.raises(filelock.Timeout):
            other.acquire(timeout=0)
    other.acquire(timeout=0)
    other.release()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("folder", "Is a directory"),
        ("file/below.csv", "File exists|Not a directory"),
        ("A" * 300, "File name too long"),
        ("a\0b", "null"),
    ],
)
def test_a_target_that_can_not_become_a_file_is_known_before_the_work(tmp_path, name, why):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(WorkspaceError, match=rf"can't be written \(.*({why})") as error:
        artifact.check_writable(tmp_path / name)
    assert "\n" not in str(error.value)


def test_a_target_that_can_be_written_is_left_as_it_is(tmp_path):
    (tmp_path / "old.csv").write_text("old")
    for name in ("old.csv", "new.csv", "below/new.csv"):
        artifact.check_writable(tmp_path / name)
    assert (tmp_path / "old.csv").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["below", "old.csv"]
    assert list((tmp_path / "below").iterdir()) == []
