"""Can a running Ray cluster be reached, and does it take our token? Asked before Ray asks for minutes."""

import os
import re
import socket
from urllib.parse import urlsplit

from pneumoray import faults
from pneumoray.errors import ClusterError

_WANTS_TOKEN = (
    "the Ray cluster at {} wants a token: on its machines run 'eval \"$(cluster/env.sh)\"', elsewhere "
    "export RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH=FILE (or RAY_AUTH_TOKEN) with its head's token"
)
_HOST = re.compile(r"[\w.-]+|\[[0-9a-fA-F:.]+\]")  # a name, an IPv4 address, [an IPv6 address]
_SHORT_FOLDER = (
    "Ray's files go to RAY_TMPDIR, else TMPDIR, else /tmp: name a short folder that can be written, as "
    "'export RAY_TMPDIR=/tmp'"
)


def check_folder() -> None:
    """Raise ClusterError where Ray's folder is relative: each of its processes would look elsewhere."""
    name = next((name for name in ("RAY_TMPDIR", "TMPDIR") if name in os.environ), None)
    if name and not os.path.isabs(os.environ[name]):
        value = os.environ[name]
        raise ClusterError(f"{name}={value!r} is no absolute path; {_SHORT_FOLDER}")


def knock(address: str) -> None:
    """Fail in seconds where Ray would retry for minutes: is anyone listening, and are we let in?

    Raises ClusterError in one line.
    """
    if address.startswith(("http://", "https://")):
        host = urlsplit(address).hostname or "10.0.0.1"
        raise ClusterError(
            f"{address} is where a Ray cluster takes jobs (RAY_API_SERVER_ADDRESS); to train on it from "
            f"here, name its head as HOST:PORT, as {host}:6379, in RAY_ADDRESS or --address; leave both out "
            "to train on this machine"
        )
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not _HOST.fullmatch(host) or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise ClusterError(
            f"Ray address {address!r} is not of the form HOST:PORT, as 10.0.0.1:6379 or [::1]:6379"
        )
    if why := _silence(host, int(port)):
        raise ClusterError(
            f"no Ray cluster answers at {address} ({why}): start one with 'ray start --head' (or "
            "cluster/start-head.sh), or run 'unset RAY_ADDRESS' to train on this machine"
        )
    if address.startswith("ray://"):
        return
    if host == "localhost" or host.startswith("127."):
        _stay_on_loopback(int(port))
    if _refuses_token(f"{host}:{port}"):
        raise ClusterError(_WANTS_TOKEN.format(address))


def why_not(address: str, error: Exception) -> str:
    """One line on an error with which Ray itself gave up."""
    if address == "local":
        where = f"; {_SHORT_FOLDER}" if isinstance(error, OSError) and error.filename else ""
        return f"Ray can't start on this machine: {faults.in_words(error)}{where}"
    text = " ".join(str(error).split())
    if any(word in text.lower() for word in ("auth", "token", "unauthenticated", "401")):
        return _WANTS_TOKEN.format(address)
    if address == "auto" and isinstance(error, ConnectionError):
        return (
            "RAY_ADDRESS=auto wants a Ray cluster that runs on this machine and lets us in, and there is "
            "none: start one with 'ray start --head' (or cluster/start-head.sh), or run 'unset RAY_ADDRESS'"
        )
    return f"can't use the Ray cluster at {address}: {text[:200]}; check it with 'ray status'"


def _silence(host: str, port: int) -> str:
    """Why nobody can be reached there, or '' where somebody listens."""
    try:
        socket.create_connection((host.strip("[]"), port), timeout=5).close()
    except socket.gaierror:
        return f"no host {host} is known here"
    except OSError as error:
        return (error.strerror or "no answer in 5 s").lower()
    return ""


def _stay_on_loopback(port: int) -> None:
    """Let Ray use 127.0.0.1 where only that answers, as with cluster/start-head.sh.

    Ray replaces it by this machine's address, and would knock there for minutes. The variable, which
    Ray has already read here, is for the processes that we start.
    """
    import ray.util  # not at the top: runtime.py sets what Ray reads when it is imported

    if _silence(ray.util.get_node_ip_address(), port):
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
