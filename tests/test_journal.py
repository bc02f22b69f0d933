"""The journal is append-only, survives a killed writer, and keeps the first record of an epoch."""

import json
import time

import pytest

from pneumoray import journal
from pneumoray.errors import WorkspaceError
from pneumoray.journal import Journal


def test_records_come_back_in_order_with_type_and_time(tmp_path):
    path = tmp_path / "study" / "journal.jsonl"
    before = time.time()
    written = Journal(path)
    written.append("study", study="x", tags={"a": 1})
    written.append("trial", trial="t", family="ü\n")
    first, second = journal.read(path)
    assert (first["type"], first["study"], first["tags"]) == ("study", "x", {"a": 1})
    assert second["family"] == "ü\n"
    assert before <= first["time"] <= second["time"] <= time.time()


def test_the_first_record_of_an_epoch_wins_also_after_reopening(tmp_path):
    path = tmp_path / "journal.jsonl"
    for loss in (0.5, 0.7):
        opened = Journal(path)
        opened.append("epoch", trial="t", epoch=1, record={"val_loss": loss})
        opened.append("epoch", trial="t", epoch=1, record={"val_loss": loss + 1})
        opened.append("epoch", trial="u", epoch=1, record={"val_loss": loss})
    kept = [(record["trial"], record["record"]["val_loss"]) for record in journal.read(path)]
    assert kept == [("t", 0.5), ("u", 0.5)]


def test_a_half_written_line_is_left_out_and_then_cut(tmp_path):
    path = tmp_path / "journal.jsonl"
    Journal(path).append("study", study="x")
    with path.open("a") as file:
        file.write('{"type": "epo')
    assert [record["type"] for record in journal.read(path)] == ["study"]
    Journal(path).append("trial", trial="t")
    assert [record["type"] for record in journal.read(path)] == ["study", "trial"]
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_a_journal_of_nothing_but_half_a_line_is_empty(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.write_text('{"type"')
    Journal(path)
    assert path.read_text() == ""


def test_a_missing_journal_is_empty(tmp_path):
    assert list(journal.read(tmp_path / "none")) == []
    assert journal.latest(tmp_path / "none", "trial", "trial") == {}


def test_every_record_is_synced(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(journal.os, "fsync", synced.append)
    opened = Journal(tmp_path / "journal.jsonl")
    opened.append("study", study="x")
    opened.append("epoch", trial="t", epoch=1, record={})
    opened.append("epoch", trial="t", epoch=1, record={})  # known: nothing to write
    assert len(synced) == 2


def test_latest_is_the_newest_of_each_key(tmp_path):
    opened = Journal(tmp_path / "journal.jsonl")
    for trial, stage in (("t", "race"), ("u", "race"), ("t", "final")):
        opened.append("trial", trial=trial, stage=stage)
    opened.append("end", trial="t", stage="none")
    found = journal.latest(opened.path, "trial", "trial")
    assert {key: record["stage"] for key, record in found.items()} == {"t": "final", "u": "race"}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_undefined_score_can_be_written(tmp_path, value):
    opened = Journal(tmp_path / "journal.jsonl")
    opened.append("epoch", trial="t", epoch=1, record={"val_auroc": value})
    (record,) = journal.read(opened.path)
    assert str(record["record"]["val_auroc"]) == str(value)


def test_a_clock_that_is_set_back_moves_no_record_back(tmp_path, monkeypatch):
    path = tmp_path / "journal.jsonl"
    clock = iter([1000.0, 400.0, 1001.0, 7.0])
    monkeypatch.setattr(journal.time, "time", lambda: next(clock))
    first = Journal(path)
    for trial in ("a", "b", "c"):
        first.append("trial", trial=trial)
    Journal(path).append("trial", trial="d")  # another process
    assert [record["time"] for record in journal.read(path)] == [1000.0, 1000.0, 1001.0, 1001.0]


def test_paths_are_relative_in_the_file_and_absolute_when_read(tmp_path):
    old = tmp_path / "old"
    opened = Journal(old / "studies" / "x" / "journal.jsonl")
    trial, pack, outside = old / "studies" / "x" / "trials" / "t", old / "packs" / "0a", "/images"
    opened.append("study", study="x", pack={"path": pack, "root": outside})
    opened.append("trial", trial="t", folder=trial, pack=pack)
    opened.append("summary", files={"a.csv": old / "studies" / "x" / "a.csv"})
    assert str(tmp_path) not in opened.path.read_text()
    old.rename(tmp_path / "new")
    study, begun, summary = journal.read(tmp_path / "new" / "studies" / "x" / "journal.jsonl")
    assert study["pack"] == {"path": str(tmp_path / "new" / "packs" / "0a"), "root": outside}
    assert begun["folder"] == str(tmp_path / "new" / "studies" / "x" / "trials" / "t")
    assert begun["pack"] == study["pack"]["path"]
    assert summary["files"] == {"a.csv": str(tmp_path / "new" / "studies" / "x" / "a.csv")}


def test_absolute_paths_of_an_older_version_are_read_in_the_workspace_as_it_lies_now(tmp_path):
    path = tmp_path / "studies" / "x" / "journal.jsonl"
    path.parent.mkdir(parents=True)
    old = {"type": "model", "time": 1.0, "bundle": "/gone/ws/studies/x/models/vgg", "pack": None}
    path.write_text(json.dumps(old) + "\n")
    (record,) = journal.read(path)
    assert record == old | {"bundle": str(tmp_path / "studies" / "x" / "models" / "vgg")}


def test_its_id_is_that_of_the_first_study_record_wherever_it_lies(tmp_path):
    opened = Journal(tmp_path / "a" / "studies" / "x" / "journal.jsonl")
    assert journal.identity(opened.path) == ""
    opened.append("study", study="x", pack={"path": tmp_path / "a" / "packs" / "0a"})
    known = journal.identity(opened.path)
    opened.append("study", study="x", pack={"path": tmp_path / "a" / "packs" / "0b"})
    (tmp_path / "a").rename(tmp_path / "b")
    assert journal.identity(tmp_path / "b" / "studies" / "x" / "journal.jsonl") == known != ""


def test_a_journal_that_a_newer_version_wrote_is_refused(tmp_path):
    opened = Journal(tmp_path / "journal.jsonl")
    opened.append("study", study="x", format=journal.FORMAT + 1)
    with pytest.raises(WorkspaceError, match=r"has format 2, .* up to 1: update pneumoray"):
        list(journal.read(opened.path))


def test_a_line_that_is_json_and_no_record_is_damaged(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.write_text("7\n")
    with pytest.raises(WorkspaceError, match=r"line 1 of .*journal\.jsonl is damaged"):
        list(journal.read(path))
