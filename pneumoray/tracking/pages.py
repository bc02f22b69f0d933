"""MLflow's pages on this machine: `pneumoray ui`."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from contextlib import closing, suppress
from typing import IO, Any

from pneumoray.errors import TrackingError
from pneumoray.redaction import shown
from pneumoray.tracking import view
from pneumoray.tracking.locations import as_uri
from pneumoray.tracking.server import check
from pneumoray.tracking.settings import ENVIRONMENT_VARIABLE, Settings, prepare_environment

START_SECONDS = 120.0
STOP_SECONDS = 0.5  # then what is left is killed: all that it could lose is a page
_ASK_SECONDS = 20.0
_API = "/api/2.0/mlflow/experiments"
_QUIET = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # seven processes for what we don't have


def serve(
    settings: Settings,
    study: str,
    on_ready: Callable[[str], None],
    host: str = "127.0.0.1",
    port: int = 5000,
    verbose: bool = False,
) -> int:
    """Show runs and models in a browser until interrupted; returns the exit status of MLflow.

    `on_ready` gets the link to the study's runs, the best first, once the server answers. What the
    server logs is shown when `verbose`. Raises TrackingError when a server has the runs (it has
    pages itself), no database is there yet, the port is taken, or the server does not start.
    """
    _check(settings)
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise TrackingError(
                f"port {port} on {host} can't be used ({error.strerror}); name another with --port"
            ) from None
    command = [sys.executable, "-m", "mlflow", "server", "--host", host, "--port", str(port)]
    command += ["--workers", "1"]
    prepare_environment()
    environment = {key: value for key, value in os.environ.items() if key != ENVIRONMENT_VARIABLE}
    environment |= {  # not as arguments, which everybody on the machine can read
        "MLFLOW_BACKEND_STORE_URI": settings.tracking_uri,
        "MLFLOW_ARTIFACTS_DESTINATION": as_uri(settings.artifacts),
    }
    default = signal.signal(signal.SIGTERM, _interrupt)
    with tempfile.TemporaryFile() as log:
        output = None if verbose else log
        process = None
        try:
            # a group of its own, because MLflow's server starts others that its end would leave behind
            process = subprocess.Popen(
                command,
                env=_QUIET | environment,
                start_new_session=True,
                stdout=output,
                stderr=output,
            )
            address = f"http://{host}:{port}"
            _wait_for(process, address, log)
            on_ready(address + _path(address, settings.experiment_name(study)))
            return process.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            if process is not None:
                _stop(process)
            signal.signal(signal.SIGTERM, default)


def _check(settings: Settings) -> None:
    uri = settings.tracking_uri
    if not settings.is_database:
        raise TrackingError(f"the runs are on {shown(uri)}, which has its own pages: open that")
    file = settings.database
    if file is not None and not file.exists():
        raise TrackingError(
            f"no run was written to {file} yet: train a study first, or name another mlflow.yaml "
            "with --mlflow"
        )
    check(settings)


def _wait_for(process: subprocess.Popen, address: str, log: IO[bytes]) -> None:
    """Return once the server answers. Raises TrackingError when it ends before, or takes too long."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError):
            urllib.request.urlopen(f"{address}/health", timeout=_ASK_SECONDS).close()
            return
        time.sleep(0.2)
    log.seek(0)
    said = log.read().decode(errors="replace").strip().splitlines()
    reason = said[-1] if said else f"it does not answer after {START_SECONDS:.0f} s"
    raise TrackingError(f"MLflow's server did not start ({reason}); see all it says with --verbose")


def _path(address: str, experiment: str) -> str:
    """Where the experiment's runs are shown; the list of all where this database does not have it."""
    query = urllib.parse.urlencode({"experiment_name": experiment})
    try:
        found = _ask(f"{address}{_API}/get-by-name?{query}")["experiment"]
    except urllib.error.HTTPError as error:
        error.close()
        return "/#/experiments"
    experiment_id = found["experiment_id"]
    if view.TAG not in {tag["key"] for tag in found.get("tags", [])}:  # runs of an older version
        tag = {"experiment_id": experiment_id, "key": view.TAG, "value": view.state()}
        _ask(f"{address}{_API}/set-experiment-tag", tag)
    return view.path(experiment_id)


def _ask(url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=_ASK_SECONDS) as answer:
        return json.load(answer)


def _stop(process: subprocess.Popen) -> None:
    """End the server and whatever it started, within seconds."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
