"""A path becomes a URI that SQLAlchemy opens as that very path, and comes back."""

from pathlib import Path

import pytest
import sqlalchemy

from pneumoray import tracking
from pneumoray.tracking import sqlite

ODD = ["q?mark", "pct%41", "100%", "%3F", "q?a=b&c=%20"]
PLAIN = [
    "ws",
    "sp ace 한글",
    "hash#1",
    "a:b",
    "br{ace}",
    "am&p",
    "quo'te",
    "back\\slash",
    "a+b@c;d",
]


@pytest.mark.parametrize("name", PLAIN + ODD)
def test_the_uri_names_this_path_to_sqlalchemy_and_to_us(name):
    path = Path("/data") / name / "mlflow.db"
    uri = sqlite.uri_of(path)
    assert sqlalchemy.make_url(uri).database == str(path)
    assert sqlite.path_of(uri) == path


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_path_has_the_plain_uri(name):
    assert sqlite.uri_of(Path("/data") / name / "x.db") == f"sqlite:////data/{name}/x.db"


@pytest.mark.parametrize("uri", ["http://h:5000", "postgresql://h/db", "databricks"])
def test_what_is_no_file_has_no_path(uri):
    assert sqlite.path_of(uri) is None


def test_options_are_no_part_of_the_path():
    assert sqlite.path_of("sqlite:////a/x.db?timeout=30") == Path("/a/x.db")
    assert sqlite.path_of("sqlite:///file:/a/x.db?mode=ro&uri=true") == Path("/a/x.db")


@pytest.mark.parametrize("name", PLAIN + ODD)
def test_options_of_sqlites_own_stay_and_mean_this_path(tmp_path, monkeypatch, name):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", sqlite.uri_of(tmp_path / name, "mode=rwc&uri=true"))
    settings = tracking.find_settings(None, tmp_path)
    assert settings.database == tmp_path / name
    engine = sqlalchemy.create_engine(settings.tracking_uri)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE here (a)"))
    engine.dispose()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", settings.tracking_uri.replace("=rwc", "=ro"))
    engine = sqlalchemy.create_engine(tracking.find_settings(None, tmp_path).tracking_uri)
    with engine.connect() as connection, pytest.raises(sqlalchemy.exc.OperationalError, match="ly"):
        connection.execute(sqlalchemy.text("DROP TABLE here"))
    engine.dispose()


@pytest.mark.parametrize("name", PLAIN + ODD)
def test_the_database_of_a_workspace_lies_in_it(tmp_path, monkeypatch, name):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    settings = tracking.find_settings(None, tmp_path / name)
    assert settings.database == tmp_path / name / "mlflow.db"
    assert settings.artifacts == str(tmp_path / name / "mlartifacts")
    assert settings.is_database


def test_a_relative_path_is_relative_to_the_file_that_names_it(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "q?").mkdir()
    (tmp_path / "q?" / "own.yaml").write_text("tracking_uri: sqlite:///runs.db?timeout=30\n")
    settings = tracking.find_settings(tmp_path / "q?" / "own.yaml", tmp_path)
    assert settings.database == tmp_path / "q?" / "runs.db"
    assert settings.tracking_uri.endswith("/q%3F/runs.db?timeout=30")
