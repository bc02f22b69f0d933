"""Connect to a Ray cluster or start one here, and say what a trial takes of it.

Every process that Ray starts for us imports this, so it imports no torch.
"""

import contextlib
import logging
import os
import signal
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pneumoray import faults
from pneumoray.data.read import num_cores
from pneumoray.distributed import reach
from pneumoray.distributed.capacity import Capacity, grows_when_asked
from pneumoray.distributed.resources import Resources
from pneumoray.errors import ClusterError
from pneumoray.redaction import redacted

# Ray reads these when it is imported or when its processes start.
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing calls out unasked
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # no CSV, JSON and TensorBoard copies of the journal
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C reaches us, who write down what was interrupted
    "TUNE_WARN_INSUFFICENT_RESOURCE_THRESHOLD_S": "1000000",  # a scaling cluster takes its time
    "RAY_AIR_NEW_OUTPUT": "0",  # the new reporter prints even at verbose=0
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
# Ray Train polls its workers every 2 s by default, which a short final feels at every report.
_TRAIN = {
    "RAY_TRAIN_V2_ENABLED": "1",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
}
os.environ.update({key: os.environ.get(key, value) for key, value in (_QUIET | _TRAIN).items()})

import ray  # noqa: E402

ERROR_FILE = "error.txt"


@contextlib.contextmanager
def cluster(address: str | None, verbose: bool = False) -> Iterator[None]:
    """A connection to Ray for the length of a `with` block.

    `address` (default: RAY_ADDRESS, which Ray sets inside a job) names a running cluster; without
    one, Ray starts on this machine and ends with the block.
    Raises ClusterError in one line when the cluster can't be reached or refuses the token.
    """
    with _sigterm_restored():
        _connect(address or os.environ.get("RAY_ADDRESS") or "local", verbose)
        try:
            yield
        finally:
            ray.shutdown()


def _connect(address: str, verbose: bool) -> None:
    level = logging.INFO if verbose else logging.CRITICAL
    for name in ("ray", "ray.tune", "ray.train", "ray.data"):
        logging.getLogger(name).setLevel(level)
    if address == "local":
        reach.check_folder()
    elif address != "auto":
        reach.knock(address)
    own: dict[str, Any] = (
        {"include_dashboard": False, "num_cpus": num_cores()} if address == "local" else {}
    )
    try:
        ray.init(
            address=address,
            log_to_driver=verbose,
            logging_level=level,
            configure_logging=verbose,
            namespace="pneumoray",
            **own,
        )
    except Exception as error:
        raise ClusterError(reach.why_not(address, error)) from None
    if _in_main_thread():  # after ray.init, which installs a handler of its own
        signal.signal(signal.SIGTERM, _interrupt)


@contextlib.contextmanager
def _sigterm_restored() -> Iterator[None]:
    """Whatever the block does with SIGTERM, its handler of before is back after it."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if _in_main_thread():
            signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def capacity() -> Capacity:
    """What the connected cluster holds now."""
    nodes = tuple(node["Resources"] for node in ray.nodes() if node["Alive"])
    return Capacity(nodes, grows_when_asked())


def resolve(resources: Resources, workers: int) -> Resources:
    """Choose the device of `auto`, and refuse a trial that a cluster of fixed size can't hold."""
    return capacity().resolve(resources, workers)


def slots(resources: Resources) -> int:
    """How many workers run side by side."""
    return capacity().slots(resources)


def get(references: Any) -> Any:
    """`ray.get`, raising what a task raised itself. Raises ClusterError where its process died."""
    try:
        return ray.get(references)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error
    except ray.exceptions.RayError as error:
        raise ClusterError(faults.in_words(error)) from error


def settle_worker(threads: int, environment: dict[str, str] | None = None) -> None:
    """Give this worker its share of threads, in the thread that trains, and the driver's words.

    Trials of one thread each are faster together than one on all cores, and results don't depend
    on how many run. Ray has lowered the priority of its workers by itself (RAY_worker_niceness),
    so new processes start quickly while others train.
    """
    import torch

    torch.set_num_threads(threads)
    os.environ.update(environment or {})


def driver_environment() -> dict[str, str]:
    """What workers must know of the driver's environment: those of a running cluster have their own."""
    from pneumoray.models.weights import FOLDER_VARIABLE  # imports torch, which the driver has

    folder = os.environ.get(FOLDER_VARIABLE)
    return {FOLDER_VARIABLE: str(Path(folder).expanduser().absolute())} if folder else {}


def failure(error: BaseException, folder: Path) -> dict[str, Any]:
    """A report of an error in one line; its traceback is kept in the trial's folder as error.txt.

    `diverged` says that training again would end the same way, `disk_full` that any trial would.
    """
    with contextlib.suppress(OSError):  # the disk may be what failed
        folder.mkdir(parents=True, exist_ok=True)
        text = redacted("".join(traceback.format_exception(error)))
        (folder / ERROR_FILE).write_text(text, "utf-8", "backslashreplace")
    disk_full = faults.is_disk_full(error)
    text = (
        f"no space is left for {folder}: free some, and the same command goes on from here"
        if disk_full
        else faults.in_words(error)
    )
    return {
        "failed": text,
        "diverged": isinstance(error, FloatingPointError),
        "disk_full": disk_full,
    }


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
