"""The server is asked as MLflow itself would ask it, and whom it leads to learns no secret."""

import base64
import http.server
import socket
import sys
import threading
import time

import pytest

from pneumoray import tracking
from pneumoray.errors import TrackingError
from pneumoray.tracking import replayer


@pytest.fixture
def start():
    """Starts a server that answers as MLflow, or leads elsewhere; gives its port and what it was told."""
    started = []

    def start(leads_to=None, wanted=None, status=302):
        told = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                size = int(self.headers.get("Content-Length") or 0)
                self.rfile.read(size)
                sent = self.headers["Authorization"]
                told.append((self.path, sent))
                code = 401 if wanted is not None and sent != wanted else status if leads_to else 200
                self.send_response(code)
                if leads_to:
                    self.send_header("Location", f"http://127.0.0.1:{leads_to}{self.path}")
                self.end_headers()
                is_version = self.path == "/version"
                self.wfile.write(
                    b"3.5.0" if is_version else b'{"experiment": {"experiment_id": "7"}}'
                )

            do_POST = do_GET

            def log_message(self, *args):
                pass

        httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=httpd.serve_forever, args=(0.05,)).start()
        started.append(httpd)
        return httpd.server_port, told

    yield start
    for httpd in started:
        httpd.shutdown()
        httpd.server_close()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home without any credentials of the person who runs the tests."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


NAME, PASSWORD, TOKEN = (f"MLFLOW_TRACKING_{name}" for name in ("USERNAME", "PASSWORD", "TOKEN"))
FILE = "[mlflow]\nmlflow_tracking_username = filed\nmlflow_tracking_password = s3cret\n"
WAYS = [
    ({NAME: "me", PASSWORD: "s3cret"}, "", "", basic("me", "s3cret")),
    ({TOKEN: "t0ken"}, "", "", "Bearer t0ken"),
    ({NAME: "me", PASSWORD: "s3cret", TOKEN: "t0ken"}, "", "", basic("me", "s3cret")),
    ({}, "you:pa%2Fss@", "", basic("you", "pa/ss")),
    ({NAME: "me", PASSWORD: "s3cret"}, "you:pa%2Fss@", "", basic("you", "pa/ss")),
    ({}, "", FILE, basic("filed", "s3cret")),
    ({PASSWORD: "other"}, "", FILE, basic("filed", "other")),
    ({NAME: "me"}, "", "", None),
]


@pytest.mark.parametrize(("environment", "login", "file", "expected"), WAYS)
def test_a_server_is_told_what_mlflow_tells_it(
    start, home, monkeypatch, environment, login, file, expected
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    if file:
        (home / ".mlflow").mkdir()
        (home / ".mlflow" / "credentials").write_text(file)
    port, told = start(wanted=expected)
    settings = tracking.Settings(tracking_uri=f"http://{login}127.0.0.1:{port}")
    tracking.check(settings)
    tracking.check_writing(settings, "demo", ["vgg"])
    by_us, mlflow = {sent for _, sent in told}, replayer.with_mlflow("client")
    told.clear()
    mlflow.connect(settings).get_experiment_by_name("any")
    assert by_us == {sent for _, sent in told} == {expected}


@pytest.mark.parametrize(("environment", "login", "file", "expected"), WAYS[:4])
@pytest.mark.parametrize("status", [302, 307, 308])
def test_whom_the_server_leads_to_gets_no_credentials(
    start, monkeypatch, environment, login, file, expected, status
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    other, told_other = start()
    port, told = start(leads_to=other, status=status)
    settings = tracking.Settings(tracking_uri=f"http://{login}127.0.0.1:{port}")
    tracking.check(settings)
    tracking.check_writing(settings, "demo", ["vgg"])
    assert {sent for _, sent in told} == {expected}
    assert {path for path, _ in told_other} > {"/version", "/health"}
    assert {sent for _, sent in told_other} == {None}


def test_a_way_to_log_in_that_is_not_installed_is_one_line(start, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_AWS_SIGV4", "true")
    monkeypatch.setitem(sys.modules, "requests_auth_aws_sigv4", None)
    port, _ = start()
    with pytest.raises(TrackingError, match=r"can't be reached \(.*requests_auth_aws") as error:
        tracking.check(tracking.Settings(tracking_uri=f"http://127.0.0.1:{port}"))
    assert "\n" not in str(error.value)


def test_a_server_that_keeps_silent_is_left_in_time(monkeypatch):
    monkeypatch.setattr("pneumoray.tracking.server.TIMEOUT_SECONDS", 0.2)
    replayer.with_mlflow("client")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = tracking.Settings(tracking_uri=f"http://127.0.0.1:{silent.getsockname()[1]}")
        begun = time.monotonic()
        with pytest.raises(TrackingError, match=r"can't be reached \(timed out\); start it"):
            tracking.check(settings)
        assert time.monotonic() - begun < 3
