"""Who may read and not write is refused before anything is trained, and nothing is changed by asking."""

import http.server
import json
import os
import sqlite3
import threading

import pytest

from pneumoray import tracking
from pneumoray.errors import TrackingError

API = "/api/2.0/mlflow"
EXPERIMENT = json.dumps({"experiment": {"experiment_id": "7", "name": "pneumoray-demo"}})


@pytest.fixture
def mlflow_server():
    """Starts a server that knows some things and forbids others; gives its settings and its requests."""
    started = []

    def start(known=(), forbidden=(), code=403, user=""):
        requests = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def _answer(self):
                size = int(self.headers.get("Content-Length") or 0)
                path = self.path.partition("?")[0].removeprefix(API)
                requests.append((self.command, path, self.rfile.read(size).decode()))
                if path in forbidden or self.command in forbidden:
                    return self._send(code, "Permission denied")
                if self.command == "POST":
                    return self._send(400, '{"error_code": "INVALID_PARAMETER_VALUE"}')
                return self._send(200, EXPERIMENT) if path in known else self._send(404, "{}")

            do_GET = do_POST = _answer

            def _send(self, status, text):
                self.send_response(status)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *args):
                pass

        httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=httpd.serve_forever, args=(0.05,)).start()
        started.append(httpd)
        uri = f"http://{user}127.0.0.1:{httpd.server_port}"
        return tracking.Settings(tracking_uri=uri), requests

    yield start
    for httpd in started:
        httpd.shutdown()
        httpd.server_close()


GET, MODEL = "/experiments/get-by-name", "/registered-models/get"


def test_who_may_write_is_let_through_and_every_request_is_one_that_changes_nothing(mlflow_server):
    for known in ((), (GET, MODEL)):
        settings, requests = mlflow_server(known)
        tracking.check_writing(settings, "demo", ["vgg", "resnet", "vgg"])
        sent = [(path, json.loads(body)) for command, path, body in requests if command == "POST"]
        new = {"/experiments/create": ({},), "/registered-models/create": ({}, {})}
        models = [{"name": f"pneumoray-demo-{family}"} for family in ("resnet", "vgg")]
        old = {
            "/runs/create": ({"experiment_id": "7", "start_time": "no number"},),
            "/experiments/set-experiment-tag": ({"experiment_id": "7"},),
            "/model-versions/create": models,
            "/registered-models/alias": models,
        }
        expected = [(path, body) for path, all in (old if known else new).items() for body in all]
        assert sorted(sent, key=str) == sorted(expected, key=str)


@pytest.mark.parametrize(
    ("known", "forbidden", "message"),
    [
        ((), ["/experiments/create"], "refuses to create experiment 'pneumoray-demo'"),
        ([GET], ["/runs/create"], "refuses to create runs in experiment 'pneumoray-demo'"),
        ([GET], ["/experiments/set-experiment-tag"], "refuses to change experiment"),
        ((), [GET], "refuses to show experiment"),
        ((), ["/registered-models/create"], "create registered model 'pneumoray-demo-vgg'"),
        ([MODEL], ["/model-versions/create"], "add a version to registered model"),
        ([MODEL], ["/registered-models/alias"], "set an alias of registered model"),
        ((), ["POST"], "refuses to create experiment"),
    ],
)
def test_what_is_forbidden_is_named_in_one_line(mlflow_server, known, forbidden, message):
    settings, _ = mlflow_server(known, forbidden, user="me:s3cret@")
    with pytest.raises(TrackingError, match=message) as error:
        tracking.check_writing(settings, "demo", ["vgg"])
    said = str(error.value)
    assert "(HTTP 403): ask for the permission to edit it, or name another with --mlflow" in said
    assert "\n" not in said
    assert "s3cret" not in said


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (401, "set MLFLOW_TRACKING_USERNAME"),
        (405, "takes no request that writes"),
        (501, "takes no request that writes"),
    ],
)
def test_who_is_not_known_and_what_only_shows_are_told_apart(mlflow_server, code, message):
    settings, _ = mlflow_server(forbidden=["POST"], code=code)
    with pytest.raises(TrackingError, match=message):
        tracking.check_writing(settings, "demo", ["vgg"])


def test_a_database_of_ones_own_can_be_written(settings):
    before = os.stat(settings.tracking_uri.removeprefix("sqlite:///")).st_mtime_ns
    tracking.check(settings)
    tracking.check_writing(settings, "demo", ["vgg"])
    assert os.stat(settings.tracking_uri.removeprefix("sqlite:///")).st_mtime_ns == before


def test_a_database_that_another_writes_to_can_be_written(settings, monkeypatch):
    monkeypatch.setattr("pneumoray.tracking.server.TIMEOUT_SECONDS", 0.1)
    other = sqlite3.connect(settings.tracking_uri.removeprefix("sqlite:///"))
    other.execute("BEGIN IMMEDIATE")
    tracking.check(settings)
    in_a_hurry = {"tracking_uri": f"{settings.tracking_uri}?timeout=0.1"}
    tracking.check_writing(settings.model_copy(update=in_a_hurry), "demo", ["vgg"])
    other.close()


def test_a_database_that_can_only_be_read_is_refused(settings):
    path = settings.tracking_uri.removeprefix("sqlite:///")
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = delete")
    os.chmod(path, 0o400)
    if os.access(path, os.W_OK):
        pytest.skip("this user may write whatever the mode says")
    with pytest.raises(TrackingError, match="can't be used"):
        tracking.check(settings)


def test_a_database_that_is_opened_to_be_read_is_refused(settings, tmp_path):
    uri = f"sqlite+pysqlite:///file:{tmp_path}/mlflow.db?mode=ro&uri=true"
    before = (tmp_path / "mlflow.db").read_bytes()
    with pytest.raises(TrackingError, match="attempt to write a readonly database") as error:
        tracking.check_writing(settings.model_copy(update={"tracking_uri": uri}), "demo", ["vgg"])
    assert "let this user change its tables, or name another with --mlflow" in str(error.value)
    assert "\n" not in str(error.value)
    assert (tmp_path / "mlflow.db").read_bytes() == before


@pytest.mark.parametrize("artifacts", ["{}/file/art", "file://{}/file/art"])
def test_a_folder_for_files_that_can_not_be_made_is_refused(settings, tmp_path, artifacts):
    (tmp_path / "file").touch()
    wrong = settings.model_copy(update={"artifacts": artifacts.format(tmp_path)})
    with pytest.raises(TrackingError, match=f"let this user write to {tmp_path}/file, or name"):
        tracking.check_writing(wrong, "demo", ["vgg"])


def test_a_database_whose_driver_is_not_there_is_refused():
    with pytest.raises(TrackingError, match="needs the Python package MySQLdb, which is not"):
        tracking.check_writing(
            tracking.Settings(tracking_uri="mysql://me:s3cret@127.0.0.1/db"), "demo", []
        )


def test_artifacts_with_a_password_are_refused_as_every_run_would_show_it(settings):
    wrong = settings.model_copy(update={"artifacts": "sftp://me:s3cret@host/models"})
    with pytest.raises(TrackingError, match="sftp://host/models holds a password") as error:
        tracking.check(wrong)
    assert "s3cret" not in str(error.value)
