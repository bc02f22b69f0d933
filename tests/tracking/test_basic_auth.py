"""MLflow's own app of users and permissions refuses who may only read, before anything is trained."""

import base64
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from pneumoray import tracking
from pneumoray.errors import TrackingError
from pneumoray.tracking import replayer

pytestmark = pytest.mark.slow
START_SECONDS = 300
CONFIG = """
[mlflow]
default_permission = READ
database_uri = sqlite:///users.db
admin_username = admin
admin_password = password-of-admin
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The address of `mlflow server --app-name basic-auth`, with a database and users of its own."""
    pytest.importorskip("flask_wtf", reason="the app needs mlflow[auth], which brings Flask-WTF")
    folder = tmp_path_factory.mktemp("auth")
    (folder / "auth.ini").write_text(CONFIG)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--app-name", "basic-auth"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", "sqlite:///mlflow.db"]
    environment = os.environ | {
        "MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "of these tests",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    log = folder / "server.log"
    with log.open("w") as file:
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=file, stderr=file, start_new_session=True
        )
    try:
        until = time.monotonic() + START_SECONDS
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=20).close()
                break
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.2)
        yield f"127.0.0.1:{port}"
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)


@pytest.fixture
def as_user(address):
    """Makes a user of MLflow, where it is not the first, and gives the settings that log in as that."""

    def as_user(name):
        password = f"password-of-{name}"
        if name != "admin":
            data = json.dumps({"username": name, "password": password}).encode()
            login = base64.b64encode(b"admin:password-of-admin").decode()
            headers = {"Content-Type": "application/json", "Authorization": f"Basic {login}"}
            url = f"http://{address}/api/2.0/mlflow/users/create"
            urllib.request.urlopen(urllib.request.Request(url, data, headers)).close()
        return tracking.Settings(tracking_uri=f"http://{name}:{password}@{address}")

    return as_user


def test_who_may_read_is_refused_and_who_may_edit_is_not(as_user):
    admin, reader = as_user("admin"), as_user("reader")
    tracking.check(reader)
    tracking.check_writing(reader, "new", ["vgg"])  # what a user creates is that user's own
    client = replayer.with_mlflow("client").connect(admin)
    client.create_experiment("pneumoray-xray")
    with pytest.raises(TrackingError, match="refuses to create runs in experiment 'pneumoray-x"):
        tracking.check_writing(reader, "xray", ["vgg"])
    client.create_registered_model("pneumoray-other-vgg")
    with pytest.raises(TrackingError, match=r"registered model 'pneumoray-other-vgg' \(HTTP 403"):
        tracking.check_writing(reader, "other", ["vgg"])
    tracking.check_writing(admin, "xray", ["vgg"])
    tracking.check_writing(admin, "other", ["vgg"])
    found = client.search_experiments()
    assert {one.name for one in found} == {"Default", "pneumoray-xray"}
    assert client.search_runs([one.experiment_id for one in found]) == []
    assert [model.name for model in client.search_registered_models()] == ["pneumoray-other-vgg"]
    assert client.search_model_versions() == []


def test_who_is_not_known_is_told_how_to_log_in(address):
    with pytest.raises(TrackingError, match=r"HTTP 401\).*MLFLOW_TRACKING_USERNAME"):
        tracking.check_writing(tracking.Settings(tracking_uri=f"http://{address}"), "new", ["vgg"])
