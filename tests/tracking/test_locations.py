"""A database of MLflow that was moved, copied or mounted elsewhere says where its files lie now."""

import shutil
import socket
import sqlite3
from contextlib import closing

import pytest

from pneumoray import journal as journals
from pneumoray import tracking
from pneumoray.tracking.locations import here
from pneumoray.tracking.settings import Settings

STUDY = {
    "study": "demo",
    "config": {"name": "demo"},
    "pack": {"hash": "0" * 64, "path": "/packs/0", "num_train": 7, "num_val": 3, "num_test": 2},
}
LOCATIONS = "select artifact_location from experiments where name = 'pneumoray-demo'"


def rows(database, sql):
    with closing(sqlite3.connect(database)) as connection:
        return [row[0] for row in connection.execute(sql)]


def texts(root):
    """All texts of the database in `root`, as one."""
    with closing(sqlite3.connect(root / "mlflow.db")) as connection:
        return "\n".join(connection.iterdump())


@pytest.fixture
def settings_of(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return lambda root: tracking.find_settings(None, root)


@pytest.fixture
def old(tmp_path, empty_database, monkeypatch, settings_of):
    """A workspace 'old' with a run of study demo in its database, and a file of that run."""
    root = tmp_path / "old"
    root.mkdir()
    monkeypatch.chdir(tmp_path)
    (root / "mlflow.db").write_bytes(empty_database.read_bytes())
    written = journals.Journal(root / "studies" / "demo" / "journal.jsonl")
    written.append("study", **STUDY)
    tracking.replay(written.path, settings_of(root))
    return root


def begun_again(root, settings):
    """The study goes on at `root`: new lines of its journal are sent."""
    written = journals.Journal(root / "studies" / "demo" / "journal.jsonl")
    written.append("study", **STUDY | {"config": {"name": "demo", "lr": 0.1}})
    tracking.replay(written.path, settings)


def test_nothing_is_told_or_written_where_nothing_moved(old, settings_of):
    before = (old / "mlflow.db").read_bytes()
    assert tracking.bring_here(settings_of(old)) == ""
    assert (old / "mlflow.db").read_bytes() == before


def test_a_moved_database_names_no_old_place_and_its_runs_have_their_files(
    tmp_path, old, settings_of
):
    new = old.rename(tmp_path / "new?ö")
    settings = settings_of(new)
    said = tracking.bring_here(settings)
    assert said == (
        "moved: MLflow's database says from now on that its files lie in "
        f"{tmp_path / 'new?ö' / 'mlartifacts'}"
    )
    assert tracking.bring_here(settings) == ""
    assert str(old) not in texts(new)
    uri = (new / "mlartifacts").as_uri()
    assert rows(new / "mlflow.db", LOCATIONS) == [uri]
    runs = rows(new / "mlflow.db", "select artifact_uri from runs")
    ids = rows(new / "mlflow.db", "select run_uuid from runs")
    assert runs == [f"{uri}/{run_id}/artifacts" for run_id in ids] != []
    assert (new / "mlartifacts" / ids[0] / "artifacts" / "study.json").is_file()
    begun_again(new, settings)
    assert not old.exists()


def test_a_copy_lets_the_original_alone(tmp_path, old, settings_of):

    copy = tmp_path / "copy"
    shutil.copytree(old, copy)
    files = sorted(old.rglob("*"))
    before = (old / "mlflow.db").read_bytes()
    assert tracking.bring_here(settings_of(copy)) != ""
    begun_again(copy, settings_of(copy))
    assert (sorted(old.rglob("*")), (old / "mlflow.db").read_bytes()) == (files, before)
    assert tracking.bring_here(settings_of(old)) == ""


def test_a_link_to_the_workspace_moves_nothing(tmp_path, old, settings_of):
    (tmp_path / "link").symlink_to(old)
    assert tracking.bring_here(settings_of(tmp_path / "link")) == ""


def test_two_that_see_it_at_different_places_write_it_at_their_own(tmp_path, old, settings_of):
    new = old.rename(tmp_path / "new")  # what is /old to the other, who opened it first
    begun_again(new, settings_of(new))  # before anything was brought up to date
    assert not old.exists()
    assert rows(new / "mlflow.db", LOCATIONS) == [(old / "mlartifacts").as_uri()]
    (run_id,) = rows(new / "mlflow.db", "select run_uuid from runs")
    text = (new / "mlartifacts" / run_id / "artifacts" / "study.json").read_text()
    assert '"lr": 0.1' in text


def test_an_old_place_that_was_made_anew_has_moved_all_the_same(tmp_path, old, settings_of):
    new = old.rename(tmp_path / "new")
    (old / "mlartifacts").mkdir(parents=True)  # as the version before did
    assert tracking.bring_here(settings_of(new)) != ""
    assert rows(new / "mlflow.db", LOCATIONS) == [(new / "mlartifacts").as_uri()]


def test_artifacts_that_the_settings_put_elsewhere_stay_there(tmp_path, old, settings_of):
    other = tmp_path / "disk" / "mlartifacts"
    (old / "mlartifacts").rename(tmp_path / "mlartifacts")
    other.parent.mkdir()
    (tmp_path / "mlartifacts").rename(other)
    with closing(sqlite3.connect(old / "mlflow.db")) as connection, connection:
        connection.execute("update experiments set artifact_location = ?", [other.as_uri()])
        connection.execute("delete from runs")
    assert tracking.bring_here(settings_of(old)) == ""


@pytest.mark.parametrize(
    "uri", ["s3://bucket/mlartifacts/1", "mlflow-artifacts:/1", "models:/x/1", "file:///else/1"]
)
def test_what_lies_anywhere_else_is_left(tmp_path, uri):
    settings = Settings(artifacts=str(tmp_path / "mlartifacts"))
    assert here(settings, uri) == uri


def test_a_database_without_these_tables_is_left(tmp_path, settings_of):
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection, connection:
        connection.execute("create table other (x)")
    assert tracking.bring_here(settings_of(tmp_path)) == ""


def test_another_machine_ends_the_runs_that_a_fresh_start_replaces(
    old, settings_of, client_of, monkeypatch
):

    monkeypatch.setattr(socket, "gethostname", lambda: "another-container")
    path = old / "studies" / "demo" / "journal.jsonl"
    path.unlink()
    journals.Journal(path).append("study", **STUDY)
    tracking.replay(path, settings_of(old))
    runs = client_of(settings_of(old)).search_runs(["1"])
    found = {run.data.tags.get("replaced", "new"): run.info.status for run in runs}
    assert found == {"true": "KILLED", "new": "RUNNING"}


@pytest.fixture
def client_of():
    from pneumoray.tracking import loading

    return loading.with_mlflow("client").connect


def test_the_one_kind_of_path_that_mlflow_reads_wrongly_is_told(tmp_path, settings_of):
    assert "give its load_model a dst_path" in tracking.warning(settings_of(tmp_path / "pct%41"))
    for name in ("100%", "q?", "ö"):
        assert tracking.warning(settings_of(tmp_path / name)) == ""
