"""Connect to a Ray cluster or start one here, and say what a trial takes of it."""

import contextlib
import logging
import os
import signal
import socket
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pneumoray.data.read import num_cores
from pneumoray.distributed.resources import Resources
from pneumoray.errors import ClusterError
from pneumoray.models.weights import FOLDER_VARIABLE

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
from ray import tune  # noqa: E402

OnEvent = Callable[[dict[str, Any]], None]
_MANY = 1000  # trials at once, where the cluster grows to what is asked for
_WANTS_TOKEN = (
    "the Ray cluster at {} wants a token: set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN "
    "(or RAY_AUTH_TOKEN_PATH) to the one that its head was started with"
)


@contextlib.contextmanager
def cluster(address: str | None, verbose: bool = False) -> Iterator[None]:
    """A connection to Ray for the length of a `with` block.

    `address` (default: RAY_ADDRESS, which Ray sets inside a job) names a running cluster; without
    one, Ray starts on this machine and ends with the block.
    Raises ClusterError in one line when the cluster can't be reached or refuses the token.
    """
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    level = logging.INFO if verbose else logging.CRITICAL
    for name in ("ray", "ray.tune", "ray.train", "ray.data"):
        logging.getLogger(name).setLevel(level)
    if address not in ("local", "auto"):
        _knock(address)
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
        raise ClusterError(_why_not(address, error)) from None
    # ray.init installs a SIGTERM handler of its own, so ours comes after it: end as Ctrl-C does
    previous = signal.signal(signal.SIGTERM, _interrupt) if _in_main_thread() else None
    try:
        yield
    finally:
        if previous is not None:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        ray.shutdown()


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
    folder = os.environ.get(FOLDER_VARIABLE)
    return {FOLDER_VARIABLE: str(Path(folder).expanduser().absolute())} if folder else {}


def failure(error: BaseException, folder: Path) -> dict[str, Any]:
    """A report of an error in one line; its traceback is kept in the trial's folder as error.txt.

    `diverged` says that training again would end the same way.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "error.txt").write_text("".join(traceback.format_exception(error)))
    diverged = isinstance(error, FloatingPointError)
    text = " ".join(str(error).split()) or "no message"
    return {
        "failed": (text if diverged else f"{type(error).__name__}: {text}")[:300],
        "diverged": diverged,
    }


class Relay(tune.Callback):
    """Hands on what trials report to Tune, in the driver, in order."""

    def __init__(self, stage: str, on_event: OnEvent) -> None:
        self.stage, self.on_event = stage, on_event
        self.failed: dict[str, str] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles its callbacks for a restore that we never ask for; ours stays in the driver."""
        return {"stage": self.stage}

    def on_trial_start(self, iteration, trials, trial, **info) -> None:
        self.on_event({"type": "start", "trial": _id(trial), "stage": self.stage})

    def on_trial_result(self, iteration, trials, trial, result, **info) -> None:
        if "failed" in result:
            self._fail(trial, result["failed"], result["diverged"])
        elif "record" in result:
            self.on_event(
                {
                    "type": "epoch",
                    "trial": _id(trial),
                    "stage": self.stage,
                    "record": result["record"],
                }
            )

    def on_trial_complete(self, iteration, trials, trial, **info) -> None:
        if _id(trial) not in self.failed:
            self.on_event({"type": "done", "trial": _id(trial), "stage": self.stage})

    def on_trial_error(self, iteration, trials, trial, **info) -> None:
        self._fail(trial, _died(trial))

    def _fail(self, trial, reason: str, diverged: bool = False) -> None:
        if _id(trial) not in self.failed:
            self.failed[_id(trial)] = reason
            about = {"reason": reason, "diverged": diverged}
            self.on_event({"type": "failed", "trial": _id(trial), "stage": self.stage} | about)


def _id(tune_trial: Any) -> str:
    return tune_trial.config["trial"]


def _died(trial: Any) -> str:
    error = trial.get_pickled_error() if hasattr(trial, "get_pickled_error") else None
    text = " ".join(str(error).split()) if error else ""
    return "its process died (out of memory, or killed)" + (f": {text[:200]}" if text else "")


def _scales() -> bool:
    """Whether the cluster starts nodes when asked (KubeRay): then its present size says nothing."""
    return "KUBERAY_GEN_RAY_START_CMD" in os.environ


def _knock(address: str) -> None:
    """Fail in seconds where Ray would retry for minutes: is anyone listening there?"""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        raise ClusterError(
            f"Ray address {address!r} is not of the form HOST:PORT, as 10.0.0.1:6379"
        )
    if not _listens(host, int(port)):
        raise ClusterError(
            f"no Ray cluster answers at {address}: start one with 'ray start --head' (or "
            "cluster/start-head.sh), or leave RAY_ADDRESS unset to train on this machine"
        )
    if address.startswith("ray://"):
        return
    if host == "localhost" or host.startswith("127."):
        _stay_on_loopback(int(port))
    if _refuses_token(f"{host}:{port}"):
        raise ClusterError(_WANTS_TOKEN.format(address))


def _listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError:
        return False
    return True


def _stay_on_loopback(port: int) -> None:
    """Let Ray use 127.0.0.1 where only that answers, as with cluster/start-head.sh.

    Ray replaces it by this machine's address, and would knock there for minutes. The variable, which
    Ray has already read here, is for the processes that we start.
    """
    if not _listens(ray.util.get_node_ip_address(), port):
        from ray._private import ray_constants  # Ray has no public word for this

        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        ray_constants.ENABLE_RAY_CLUSTER = False


def _refuses_token(address: str) -> bool:
    """Whether the head refuses our token: Ray itself asks 20 times, and then doesn't say why."""
    if os.environ.get("RAY_USE_TLS", "0") not in ("", "0"):
        return False
    try:  # what Ray itself uses; not public, so a later Ray may be without: then it does the asking
        import grpc
        from ray._private.authentication import http_token_authentication
    except ImportError:
        return False
    headers = tuple(http_token_authentication.get_auth_headers_if_auth_enabled({}).items())
    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        try:
            channel.unary_unary("/ray.rpc.NodeInfoGcsService/GetClusterId")(
                b"", timeout=5, metadata=[(key.lower(), value) for key, value in headers]
            )
        except grpc.RpcError as error:
            return error.code() == grpc.StatusCode.UNAUTHENTICATED
    return False


def _why_not(address: str, error: Exception) -> str:
    text = " ".join(str(error).split())
    if any(word in text.lower() for word in ("auth", "token", "unauthenticated", "401")):
        return _WANTS_TOKEN.format(address)
    return f"can't use the Ray cluster at {address}: {text[:200]}; check it with 'ray status'"


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def _in_main_thread() -> bool:
    import threading

    return threading.current_thread() is threading.main_thread()
