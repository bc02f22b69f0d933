"""A password in the tracking URI or the environment stands in nothing that is written, shown or started."""

import http.server
import logging
import socket
import sys
import threading
from contextlib import closing

import pytest

from pneumoray import tracking
from pneumoray.errors import TrackingError
from pneumoray.stages import recording
from pneumoray.study_folder import StudyFolder
from pneumoray.tracking import replayer

SECRETS = ("s3cret", "t0ken-of-ray", "pa/ss!word", "pa%2Fss%21word", "bWU6cGEvc3Mhd29yZA==")
PACK = {"hash": "ab" * 32, "path": "/packs/abab"}


@pytest.fixture(autouse=True)
def secrets(monkeypatch):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "t0ken-of-ray")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "s3cret")


def written(folder):
    """All that lies in a folder, as one text."""
    return "".join(
        f"{path} {path.read_bytes().decode(errors='replace')}"
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".yaml"
    )


@pytest.fixture
def failing_server():
    """A server that says that it is MLflow, and answers everything else by what it was sent."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            known = {"/version": "3.5.0", "/health": "OK"}
            self.send_response(200 if self.path in known else 400)
            self.end_headers()
            text = known.get(self.path, f"no: {self.headers.get('Authorization')}")
            self.wfile.write(text.encode())

        do_POST = do_GET

        def log_message(self, *args):
            pass

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=httpd.serve_forever, args=(0.05,)).start()
    yield httpd.server_port
    httpd.shutdown()
    httpd.server_close()


@pytest.mark.parametrize("is_there", [True, False], ids=["a server that fails", "a closed port"])
def test_a_study_that_can_not_be_sent_tells_no_secret(
    journal, tmp_path, failing_server, is_there, caplog, capfd
):
    caplog.set_level(logging.DEBUG, "pneumoray")
    (tmp_path / "mlflow.yaml").write_text(
        f"tracking_uri: http://me:pa%2Fss%21word@127.0.0.1:{failing_server if is_there else 1}\n"
    )
    settings, told = tracking.find_settings(tmp_path / "mlflow.yaml", tmp_path), []
    journal.append("study", study="demo", config={"name": "demo"}, pack=PACK)
    folder = StudyFolder(journal.path.parent)
    with recording.recorded(folder, settings, told.append):
        pass
    assert recording.run_ids(folder, settings) == {}
    with pytest.raises(TrackingError) as error:
        tracking.replay(journal.path, settings)
    (event,) = told
    assert event["records"] == 1
    assert ("error code 400" if is_there else "can't be reached") in event["reason"]
    output = "".join(capfd.readouterr())
    said = f"{event} {error.value} {caplog.text} {output} {written(tmp_path / 'studies')}"
    assert [secret for secret in SECRETS if secret in said] == []


def test_nothing_of_a_run_holds_a_secret(journal, settings, tmp_path):
    journal.append("study", study="demo", config={"name": "demo"}, pack=PACK)
    tracking.replay(journal.path, settings)
    said = written(tmp_path)
    assert "pneumoray.journal" in said
    assert [secret for secret in SECRETS if secret in said] == []


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://me:pa/ss!word@127.0.0.1:{port}/db",
        "postgresql://me:pa%2Fss%21word@127.0.0.1:{port}/db",
        "mysql+pymysql://me:s3cret@127.0.0.1:{port}/db",
        "postgresql://127.0.0.1:{port}/db?user=me&password=pa/ss!word",
        "http://me:pa/ss!word@127.0.0.1:{port}",
        "ftp://me:s3cret@127.0.0.1/db",
        "http://me:s3cret@127.0.0.1:{port}/{workspaces}",
    ],
)
def test_a_place_that_is_refused_is_named_without_its_secret(tmp_path, uri):
    with closing(socket.socket()) as deaf:
        deaf.bind(("127.0.0.1", 0))  # and does not listen
        uri = uri.replace("{port}", str(deaf.getsockname()[1]))
        (tmp_path / "mlflow.yaml").write_text(f"tracking_uri: '{uri}'\n")
        with pytest.raises(TrackingError) as error:
            tracking.check(tracking.find_settings(tmp_path / "mlflow.yaml", tmp_path))
    assert [secret for secret in SECRETS if secret in str(error.value)] == []
    assert "\n" not in str(error.value)


def test_a_file_of_settings_that_is_no_yaml_is_refused_without_its_secret(tmp_path):
    (tmp_path / "mlflow.yaml").write_text("tracking_uri: http://me:s3cret@host:5000: oh\n  - a")
    with pytest.raises(TrackingError, match="no valid YAML") as error:
        tracking.find_settings(tmp_path / "mlflow.yaml", tmp_path)
    assert "s3cret" not in str(error.value)


def test_pages_are_served_by_a_process_whose_arguments_hold_no_secret(tmp_path, monkeypatch):
    script = tmp_path / "python"
    script.write_text(
        f'#!/bin/sh\necho "$@" >{tmp_path}/arguments\n'
        f'echo "$MLFLOW_BACKEND_STORE_URI" >{tmp_path}/uri\necho "no postgresql://me:s3cret@host"; exit 1'
    )
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    with closing(socket.socket()) as database, closing(socket.socket()) as probe:
        database.bind(("127.0.0.1", 0))
        database.listen()
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        uri = f"postgresql://me:s3cret@127.0.0.1:{database.getsockname()[1]}/db"
        settings = tracking.Settings(tracking_uri=uri, artifacts=str(tmp_path / "artifacts"))
        with pytest.raises(TrackingError, match="did not start") as error:
            tracking.serve(settings, "demo", print, port=port)
    assert "s3cret" not in str(error.value)
    assert (tmp_path / "uri").read_text().strip() == uri
    arguments = (tmp_path / "arguments").read_text()
    assert arguments.startswith("-m mlflow server")
    assert "s3cret" not in arguments


def test_a_model_that_can_not_be_fetched_is_one_line_without_a_secret(failing_server, tmp_path):
    uri = f"http://me:pa%2Fss%21word@127.0.0.1:{failing_server}"
    settings = tracking.Settings(tracking_uri=uri)
    replayer.with_mlflow("registered")
    with pytest.raises(TrackingError) as error:
        tracking.download(settings, "models:/any@champion", tmp_path)
    assert [secret for secret in SECRETS if secret in str(error.value)] == []
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("scheme", ["postgresql", "http"])
def test_a_password_that_breaks_its_uri_is_one_line_without_it(scheme):
    settings = tracking.Settings(tracking_uri=f"{scheme}://user:s3c]ret[pw@127.0.0.1:1/db")
    with pytest.raises(TrackingError, match="special character of a password by its code") as e:
        tracking.check(settings)
    assert "s3c" not in str(e.value)
    assert "pw" not in str(e.value)
