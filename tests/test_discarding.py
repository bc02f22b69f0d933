"""A study goes in one step; the reports of its opened tests are whole, and stay."""

import os
import shutil

import pytest

from pneumoray import discarding
from pneumoray.discarding import Contents, contents, discard, kept_reports
from pneumoray.errors import WorkspaceError

REPORT = {
    "report.md": "# tested",
    "report.json": "{}",
    "ensemble.json": "{}",
    "roc.png": "png",
    "test_predictions.csv": "id\n",
}


@pytest.fixture
def study(tmp_path):
    """A folder with two trained trials, one begun, a model, and a vote that was tested."""
    folder = tmp_path / "ws" / "studies" / "x"
    files = {
        "study.json": "{}",
        "trials/a-1/epoch-0002/state.json": "{}",
        "trials/a-2/epoch-0001/state.json": "{}",
        "trials/a-3/config.json": "{}",
        "models/resnet/bundle.json": "{}",
        "ensembles/ensemble-1/bundle/0.safetensors": "weights",
        **{f"ensembles/ensemble-1/{name}": text for name, text in REPORT.items()},
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def files_in(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_contents_are_counted(study):
    num_bytes = sum(len(text) for text in files_in(study).values())
    assert contents(study) == Contents(2, 1, 1, num_bytes)
    assert contents(study).is_trained


def test_what_is_not_there_holds_nothing(tmp_path):
    assert contents(tmp_path / "nowhere") == Contents(0, 0, 0, 0)
    assert not contents(tmp_path / "nowhere").is_trained


def test_a_link_to_elsewhere_counts_as_a_link(study, tmp_path):
    (tmp_path / "large").write_text("x" * 10_000)
    before = contents(study).num_bytes
    (study / "link").symlink_to(tmp_path / "large")
    assert contents(study).num_bytes - before < 1000


def test_a_tested_report_stays_whole_and_the_rest_goes(study):
    kept = discard(study)
    assert kept == kept_reports(study) / "1"
    expected = {f"ensemble-1/{name}": text for name, text in REPORT.items()} | {"study.json": "{}"}
    assert files_in(kept) == expected
    assert os.listdir(study.parent) == []


def test_where_nothing_was_tested_nothing_is_kept(study):
    shutil.rmtree(study / "ensembles")
    assert discard(study) is None
    assert os.listdir(study.parents[1]) == ["studies"]


def test_reports_of_several_starts_lie_beside_each_other(study, tmp_path):
    shutil.copytree(study, tmp_path / "again")
    discard(study)
    shutil.copytree(tmp_path / "again", study)
    assert discard(study).name == "2"
    assert sorted(os.listdir(kept_reports(study))) == ["1", "2"]


def test_killed_while_it_deletes_no_half_is_left_and_the_next_one_sweeps(
    study, monkeypatch, tmp_path
):
    shutil.copytree(study, tmp_path / "again")

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(discarding.shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            discard(study)
    assert not study.exists()
    assert files_in(kept_reports(study) / "1")["ensemble-1/report.md"] == "# tested"
    shutil.copytree(tmp_path / "again", study)
    discard(study)
    assert os.listdir(study.parent) == []


def test_killed_while_reports_are_kept_nothing_is_lost(study, monkeypatch):
    before = files_in(study)

    def killed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(discarding.shutil, "copy2", killed)
    with pytest.raises(KeyboardInterrupt):
        discard(study)
    assert files_in(study) == before
    assert os.listdir(kept_reports(study)) == []


def test_a_folder_that_no_study_was_trained_in_is_never_removed(study):
    (study / "study.json").unlink()
    (study / "thesis.txt").write_text("precious")
    before = files_in(study.parent)
    with pytest.raises(
        WorkspaceError, match=r"studies/x is no study's folder .* nothing is written or removed"
    ):
        discard(study)
    assert files_in(study.parent) == before


def test_a_link_to_a_study_is_never_removed_nor_what_it_leads_to(study, tmp_path):
    study.rename(tmp_path / "elsewhere")
    study.symlink_to(tmp_path / "elsewhere")
    before = files_in(tmp_path / "elsewhere")
    with pytest.raises(
        WorkspaceError, match=r"studies/x is a link to .*elsewhere: nothing is removed"
    ):
        discard(study)
    assert files_in(tmp_path / "elsewhere") == before
    assert study.is_symlink()
