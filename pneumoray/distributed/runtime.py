"""Connect to a Ray cluster or start one here, and say what a trial takes of it.

Every process that Ray starts for us imports this, so it imports no torch.
"""

import contextlib
import errno
import logging
import os
import signal
import threading
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pneumoray.data.read import num_cores
from pneumoray.distributed import reach
from pneumoray.distributed.resources import Resources
from pneumoray.errors import ClusterError

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
# what the system says, and what torch.save makes of it
_DISK_FULL = (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT), "unexpected pos ")
_MANY = 1000  # trials at once, where the cluster grows to what is asked for


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
    if address not in ("local", "auto"):
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


def resolve(resources: Resources, workers: int) -> Resources:
    """Choose the device of `auto`, and refuse a trial that a cluster of fixed size can't hold."""
    device = resources.device
    if device == "auto":
        device = "cuda" if ray.cluster_resources().get("GPU", 0) else "cpu"
    chosen = replace(resources, device=device)
    places = _places(chosen)
    if places < workers and not _scales():
        each = " and ".join(f"{amount:g} {kind}" for kind, amount in chosen.per_worker().items())
        raise ClusterError(
            f"a trial needs {workers} workers of {each}, and the cluster has room for {places}; lower "
            "--workers or what each takes, or add nodes"
        )
    return chosen


def slots(resources: Resources) -> int:
    """How many workers run side by side: as many as fit, or as are allowed where nodes come and go."""
    if _scales():
        return resources.max_concurrent or _MANY
    places = max(1, _places(resources))
    return min(places, resources.max_concurrent or places)


def _places(resources: Resources) -> int:
    """How many workers the present nodes hold, none of them split over two."""
    per_worker = resources.per_worker()
    return sum(
        min(int(node["Resources"].get(kind, 0) / amount) for kind, amount in per_worker.items())
        for node in ray.nodes()
        if node["Alive"]
    )


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
        text = "".join(traceback.format_exception(error))
        (folder / ERROR_FILE).write_text(text, "utf-8", "backslashreplace")
    diverged = isinstance(error, FloatingPointError)
    text = " ".join(str(error).split()) or "no message"
    disk_full = any(words in text for words in _DISK_FULL)
    if disk_full:
        text = f"no space is left for {folder}: free some, and the same command goes on from here"
    elif not diverged:
        text = f"{type(error).__name__}: {text}"
    return {"failed": text[:300], "diverged": diverged, "disk_full": disk_full}


def _scales() -> bool:
    """Whether the cluster starts nodes when asked (KubeRay): then its present size says nothing."""
    return "KUBERAY_GEN_RAY_START_CMD" in os.environ


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
