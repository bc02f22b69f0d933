"""`pneumoray ui`: refused in one line, or one link that works, and an end without remains."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import closing

import psutil
import pytest

from pneumoray import artifact, tracking
from pneumoray.errors import TrackingError
from pneumoray.tracking import view


@pytest.fixture
def free_port():
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_pages_are_refused_where_a_server_has_its_own_or_the_port_is_taken(settings):
    with pytest.raises(TrackingError, match="its own pages"):
        tracking.serve(tracking.Settings(tracking_uri="http://there:5000"), "demo", print)
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(TrackingError, match="--port"):
            tracking.serve(settings, "demo", print, port=taken.getsockname()[1])


def test_pages_of_no_database_are_refused_and_none_is_made(tmp_path):
    settings = tracking.Settings(tracking_uri=f"sqlite:///{tmp_path}/mlflow.db")
    with pytest.raises(TrackingError, match="no run was written to"):
        tracking.serve(settings, "demo", print)
    assert not list(tmp_path.iterdir())


def test_a_server_that_does_not_start_says_why_in_one_line(settings, free_port, monkeypatch):
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(TrackingError, match=r"did not start .*--verbose") as error:
        tracking.serve(settings, "demo", print, port=free_port)
    assert "\n" not in str(error.value)


def test_the_link_opens_the_training_view_in_our_order():
    expected = (
        "/#/experiments/7/runs?workflowType=machine_learning&viewStateShareKey=" + "pneumoray"
    )
    assert view.path("7") == expected
    columns = json.loads(view.state())["selectedColumns"]
    assert "metrics.`best_val_auroc`" in columns
    assert json.loads(view.state("tags.a = 'b'"))["searchFilter"] == "tags.a = 'b'"


@pytest.fixture
def workspace(tmp_path, client):
    """A workspace with a study, whose experiment does not say how it is shown: an older one."""
    artifact.write_json(tmp_path / "studies" / "small" / "study.json", {})
    client.create_experiment("pneumoray-small")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ui_prints_one_link_when_it_answers_and_stops_at_once(
    workspace, free_port, number, tmp_path
):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    command = [sys.executable, "-m", "pneumoray", "ui", "--workspace", str(workspace)]
    process = subprocess.Popen(
        [*command, "--port", str(free_port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=elsewhere,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    try:
        line = process.stdout.readline()
        address = f"http://127.0.0.1:{free_port}"
        assert re.fullmatch(re.escape(address + view.path("ID")).replace("ID", r"(\d+)"), line[:-1])
        experiment = re.search(r"experiments/(\d+)", line)[1]
        url = f"{address}/api/2.0/mlflow/experiments/get?experiment_id={experiment}"
        with urllib.request.urlopen(url, timeout=60) as answer:
            found = json.load(answer)["experiment"]
        assert found["name"] == "pneumoray-small"
        assert view.TAG in {tag["key"] for tag in found["tags"]}
        started = psutil.Process(process.pid).children(recursive=True)
        begun = time.monotonic()
        process.send_signal(number)
        rest, errors = process.communicate(timeout=60)
        assert time.monotonic() - begun < 10  # under 3 where the machine is not busy
        assert (rest, errors, process.returncode) == ("", "", 0)
        assert started
        _, alive = psutil.wait_procs(started, timeout=10)
        assert not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]
        assert not list(elsewhere.iterdir())
    finally:
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=60)
