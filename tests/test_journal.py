"""The journal is append-only, survives a killed writer, and keeps the first record of an epoch."""

import json
import time

import pytest

from pneumoray import journal
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
