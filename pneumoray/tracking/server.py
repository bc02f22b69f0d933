"""The tracking server: whether it is there, and new enough."""

import base64
import errno
import os
import socket
import sqlite3
import ssl
import urllib.error
import urllib.parse
import urllib.request
from contextlib import closing
from pathlib import Path

from pneumoray.errors import TrackingError
from pneumoray.tracking.settings import Settings

OLDEST_MAJOR = 3
TIMEOUT_SECONDS = 5.0
_ELSE = "name another with --mlflow FILE or MLFLOW_TRACKING_URI"
_NEXT = f"start it, or {_ELSE}"
_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}


def check(settings: Settings) -> None:
    """Raise TrackingError, within seconds, unless runs can be written to `settings.tracking_uri`.

    A server is asked for /version (3 or newer) before MLflow, which would try for minutes, is. Of a
    database that is no file, only whether its port answers.
    """
    uri = settings.tracking_uri
    scheme = uri.partition(":")[0].partition("+")[0]
    if scheme in ("http", "https"):
        _check_server(uri)
    elif scheme == "sqlite":
        _check_sqlite(Path(uri.removeprefix("sqlite:///")))
    elif scheme in _PORTS:
        parts = urllib.parse.urlsplit(uri)
        address = (parts.hostname or "localhost", parts.port or _PORTS[scheme])
        try:
            socket.create_connection(address, TIMEOUT_SECONDS).close()
        except OSError as error:
            raise TrackingError(
                f"database {shown(uri)} does not answer ({error}); {_NEXT}"
            ) from None
    elif scheme != "databricks":
        raise TrackingError(
            f"tracking URI {uri!r} is neither a server (http://HOST:5000) nor a database "
            "(sqlite:////PATH/mlflow.db)"
        )


def shown(uri: str) -> str:
    """The URI without its password."""
    parts = urllib.parse.urlsplit(uri)
    if not parts.password:
        return uri
    return urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _check_server(uri: str) -> None:
    name = shown(uri)
    try:
        status = "answers"
        version = _ask(uri, "/version").strip()
        major = int(version.partition(".")[0])
        status = "is not healthy"
        _ask(uri, "/health")
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (401, 403):
            raise TrackingError(
                f"MLflow server {name} refuses to let us in (HTTP {error.code}); set "
                "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
            ) from None
        raise TrackingError(
            f"{name} {status} with HTTP {error.code}, not as MLflow; {_NEXT}"
        ) from None
    except ValueError:
        raise TrackingError(f"{name} is no MLflow server (it has no version); {_NEXT}") from None
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise TrackingError(f"MLflow server {name} can't be reached ({reason}); {_NEXT}") from None
    if major < OLDEST_MAJOR:
        raise TrackingError(
            f"MLflow server {name} is of version {version}; {OLDEST_MAJOR} or newer is needed: "
            f"update it, or {_ELSE}"
        )


def _ask(uri: str, path: str) -> str:
    """The body of a GET, with the credentials that MLflow itself would send."""
    parts = urllib.parse.urlsplit(uri)
    address = parts._replace(netloc=parts.netloc.rpartition("@")[2], path=parts.path + path)
    request = urllib.request.Request(urllib.parse.urlunsplit(address))
    user = os.environ.get("MLFLOW_TRACKING_USERNAME") or parts.username
    password = os.environ.get("MLFLOW_TRACKING_PASSWORD") or parts.password or ""
    if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
        request.add_header("Authorization", f"Bearer {token}")
    elif user:
        encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {encoded}")
    context = ssl.create_default_context(cafile=os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH"))
    if os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() == "true":
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS, context=context) as answer:
        return answer.read(1000).decode(errors="replace")


def _check_sqlite(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if path.exists():
            with closing(sqlite3.connect(path, timeout=TIMEOUT_SECONDS)) as connection:
                connection.execute("PRAGMA schema_version").fetchone()
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise TrackingError(
            f"MLflow's database {path} can't be used ({reason}); move it away, or {_ELSE}"
        ) from None
