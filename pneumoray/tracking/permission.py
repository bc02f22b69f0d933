"""Whether this user may write where runs and models go: asked before anything is trained."""

import json
import os
import sqlite3
import urllib.parse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pneumoray.errors import TrackingError
from pneumoray.redaction import redacted, shown
from pneumoray.tracking.locations import path_of
from pneumoray.tracking.server import ELSE, LOG_IN, ask
from pneumoray.tracking.settings import Settings

_API = "/api/2.0/mlflow"
_NOT_LET_IN, _NOT_ALLOWED = 401, 403
_TAKES_NONE = (405, 501)  # what answers takes no request that writes
_CHANGE_NOTHING = (
    "UPDATE {table} SET name = name WHERE 1 = 0",
    "INSERT INTO {table} (name) SELECT name FROM {table} WHERE 1 = 0",
)


def check_writing(settings: Settings, study: str, families: Iterable[str]) -> None:
    """Raise TrackingError unless this user may write the study's runs, and its families' models.

    Nothing is changed: a server is sent requests that it has to refuse as incomplete, and refuses
    the user before it looks at them; a database is asked to change no row.
    """
    uri = settings.tracking_uri
    if uri.startswith(("http:", "https:")):
        _ask_to_write(
            uri,
            settings.experiment_name(study),
            [settings.model_name(study, family) for family in sorted(set(families))],
        )
    elif settings.is_database:
        if settings.database is None or settings.database.exists():
            _check_database(uri)
        if folder := path_of(settings.artifacts):
            _check_folder(folder)


def _ask_to_write(uri: str, experiment: str, models: Iterable[str]) -> None:
    what = f"experiment {experiment!r}"
    query = urllib.parse.urlencode({"experiment_name": experiment})
    found = _probe(uri, f"/experiments/get-by-name?{query}", None, f"show {what}")
    if found is None:
        _probe(uri, "/experiments/create", {}, f"create {what}")
    else:
        experiment_id = found["experiment"]["experiment_id"]
        body = {"experiment_id": experiment_id, "start_time": "no number"}
        _probe(uri, "/runs/create", body, f"create runs in {what}")
        body = {"experiment_id": experiment_id}
        _probe(uri, "/experiments/set-experiment-tag", body, f"change {what}")
    for model in models:
        what = f"registered model {model!r}"
        query = urllib.parse.urlencode({"name": model})
        if _probe(uri, f"/registered-models/get?{query}", None, f"show {what}") is None:
            _probe(uri, "/registered-models/create", {}, f"create {what}")
        else:
            _probe(uri, "/model-versions/create", {"name": model}, f"add a version to {what}")
            _probe(uri, "/registered-models/alias", {"name": model}, f"set an alias of {what}")


def _probe(uri: str, path: str, body: dict[str, Any] | None, what: str) -> dict[str, Any] | None:
    """The answer; None where MLflow has not got what was asked for, or finds `body` incomplete.

    Raises TrackingError where the user is refused.
    """
    code, text = ask(uri, _API + path, body)
    if code < 400:
        try:
            return json.loads(text)
        except ValueError:
            raise TrackingError(
                f"MLflow server {shown(uri)} does not {what} (its answer is no JSON); {ELSE}"
            ) from None
    if code in _TAKES_NONE:
        raise TrackingError(
            f"{shown(uri)} takes no request that writes (HTTP {code}), so that runs can't be sent to it: "
            f"name the MLflow server itself, not what only shows it, or {ELSE}"
        )
    if code in (_NOT_LET_IN, _NOT_ALLOWED):
        who = f"log in ({LOG_IN})" if code == _NOT_LET_IN else "ask for the permission to edit it"
        raise TrackingError(
            f"MLflow server {shown(uri)} refuses to {what} (HTTP {code}): {who}, or {ELSE}"
        )
    return None


def _check_database(uri: str) -> None:
    """Raise TrackingError unless the database lets us in, and lets us change its runs."""
    import sqlalchemy  # MLflow's own; loads only where there is such a database
    from sqlalchemy.exc import SQLAlchemyError

    try:
        engine = sqlalchemy.create_engine(uri, poolclass=sqlalchemy.NullPool)
        with engine.connect() as connection:
            known = sqlalchemy.inspect(connection).get_table_names()
            for table in sorted({"experiments", "runs", "model_versions"}.intersection(known)):
                for statement in _CHANGE_NOTHING:
                    connection.execute(sqlalchemy.text(statement.format(table=table)))
            connection.rollback()
    except ImportError as error:
        raise TrackingError(
            f"database {shown(uri)} needs the Python package {error.name}, which is not installed: "
            f"install it, or {ELSE}"
        ) from None
    except SQLAlchemyError as error:
        if getattr(getattr(error, "orig", None), "sqlite_errorcode", 0) == sqlite3.SQLITE_BUSY:
            return  # somebody else writes now, so it can be written
        reason = " ".join(str(getattr(error, "orig", None) or error).split())
        raise TrackingError(
            f"database {shown(uri)} can't be written ({redacted(reason, uri)}); let this user change its "
            f"tables, or {ELSE}"
        ) from None


def _check_folder(path: Path) -> None:
    """Raise TrackingError unless files can be put into this folder, which may not be there yet."""
    nearest = next(folder for folder in (path, *path.parents) if folder.exists())
    if not (nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)):
        raise TrackingError(
            f"artifacts {path} can't be written: let this user write to {nearest}, or name another "
            "folder as 'artifacts' in mlflow.yaml"
        )
