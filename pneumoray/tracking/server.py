"""The tracking server: whether it is there, and new enough."""

import errno
import os
import re
import socket
import sqlite3
import urllib.parse
from contextlib import closing
from pathlib import Path
from typing import Any

from pneumoray.errors import TrackingError
from pneumoray.redaction import has_password, redacted, shown
from pneumoray.tracking.loading import with_mlflow
from pneumoray.tracking.settings import Settings

OLDEST_MAJOR = 3
TIMEOUT_SECONDS = 5.0
_VERSION = re.compile(r"(\d+)\.[\w.+-]+")
ELSE = "name another with --mlflow FILE or MLFLOW_TRACKING_URI"
LOG_IN = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
_NEXT = f"start it, or {ELSE}"
_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}


def check(settings: Settings, to_write: bool = True) -> None:
    """Raise TrackingError, within seconds, unless `settings.tracking_uri` answers and can be written.

    A database that is a file, of which nothing but reading is asked, may be on a read-only disk.

    A server is asked for /version (3 or newer) before MLflow, which would try for minutes, is. What
    this user may write there is asked by permission.py.
    """
    uri = settings.tracking_uri
    if has_password(settings.artifacts):
        raise TrackingError(
            f"artifacts {shown(settings.artifacts)} holds a password, which MLflow would show with every "
            "run: leave it out, and give it in the environment or the store's own file of credentials"
        )
    scheme = uri.partition(":")[0].partition("+")[0]
    if scheme in ("http", "https"):
        _check_server(uri)
    elif path := settings.database:
        _check_sqlite(path) if to_write else _check_readable(path)
    elif scheme in _PORTS:
        parts = _parts(uri)
        address = (parts.hostname or "localhost", parts.port or _PORTS[scheme])
        try:
            socket.create_connection(address, TIMEOUT_SECONDS).close()
        except OSError as error:
            raise TrackingError(
                f"database {shown(uri)} does not answer ({error}); {_NEXT}"
            ) from None
    elif scheme != "databricks":
        raise TrackingError(
            f"tracking URI {shown(uri)!r} is neither a server (http://HOST:5000) nor a database "
            "(sqlite:////PATH/mlflow.db)"
        )


def ask(uri: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, str]:
    """(HTTP status, text) of the answer to a GET, or to a POST of `body` as JSON, sent as MLflow would.

    Raises TrackingError where none comes within seconds.
    """
    _parts(uri)
    try:
        return with_mlflow("request").answer(uri, path, body, TIMEOUT_SECONDS)
    except Exception as error:  # of a way to log in as well, which may be of anybody's making
        reason = redacted(" ".join(str(error).split()), uri)
        raise TrackingError(
            f"MLflow server {shown(uri)} can't be reached ({reason}); {_NEXT}"
        ) from None


def _parts(uri: str) -> urllib.parse.SplitResult:
    """The parts of a URI with a host. Raises TrackingError, which does not quote a password's parts."""
    try:
        parts = urllib.parse.urlsplit(uri)
        _ = parts.port
    except ValueError:
        raise TrackingError(
            f"tracking URI {shown(uri)!r} can't be read: write a special character of a password by its "
            "code, as %2F for / and %40 for @"
        ) from None
    return parts


def _check_server(uri: str) -> None:
    name = shown(uri)
    status, version = ask(uri, "/version")
    if status in (401, 403):
        raise TrackingError(f"MLflow server {name} refuses to let us in (HTTP {status}); {LOG_IN}")
    if status >= 400:
        raise TrackingError(f"{name} answers with HTTP {status}, not as MLflow; {_NEXT}")
    if (match := _VERSION.fullmatch(version.strip())) is None:
        raise TrackingError(f"{name} is no MLflow server (it has no version); {_NEXT}")
    if int(match[1]) < OLDEST_MAJOR:
        raise TrackingError(
            f"MLflow server {name} is of version {match[0]}; {OLDEST_MAJOR} or newer is needed: "
            f"update it, or {ELSE}"
        )
    status, _ = ask(uri, "/health")
    if status >= 400:
        raise TrackingError(f"MLflow server {name} is not healthy (HTTP {status}); {_NEXT}")


def _check_readable(path: Path) -> None:
    if not os.access(path, os.R_OK):
        reason = os.strerror(errno.EACCES if path.exists() else errno.ENOENT)
        raise TrackingError(f"MLflow's database {path} can't be read ({reason}); {ELSE}")


def _check_sqlite(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # SQLite puts files beside it
        for needed in (path.parent, *([path] if path.exists() else [])):
            if not os.access(needed, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(needed))
        if path.exists():
            with closing(sqlite3.connect(path, timeout=TIMEOUT_SECONDS)) as connection:
                connection.execute("PRAGMA schema_version").fetchone()
                connection.execute("BEGIN IMMEDIATE")  # as a writer does; nothing is written
                connection.rollback()
    except (OSError, sqlite3.Error) as error:
        if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_BUSY:
            return  # somebody else writes now, so it can be written
        reason = getattr(error, "strerror", None) or error
        raise TrackingError(
            f"MLflow's database {path} can't be used ({reason}): let this user write to it and its "
            f"folder, or {ELSE}"
        ) from None
