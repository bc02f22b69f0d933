"""Can a running Ray cluster be reached, and does it take our token? Asked before Ray asks for minutes."""

import os
import socket

from pneumoray.errors import ClusterError

_WANTS_TOKEN = (
    "the Ray cluster at {} wants a token: on its machines run 'eval \"$(cluster/env.sh)\"', elsewhere "
    "export RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH=FILE (or RAY_AUTH_TOKEN) with its head's token"
)


def knock(address: str) -> None:
    """Fail in seconds where Ray would retry for minutes: is anyone listening, and are we let in?

    Raises ClusterError in one line.
    """
    if address.startswith(("http://", "https://")):
        raise ClusterError(
            f"{address} is where a Ray cluster takes jobs (RAY_API_SERVER_ADDRESS); to train on it from "
            "here, name its head as HOST:PORT, as 10.0.0.1:6379"
        )
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        raise ClusterError(
            f"Ray address {address!r} is not of the form HOST:PORT, as 10.0.0.1:6379"
        )
    if not _listens(host, int(port)):
        raise ClusterError(
            f"no Ray cluster answers at {address}: start one with 'ray start --head' (or "
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
    text = " ".join(str(error).split())
    if any(word in text.lower() for word in ("auth", "token", "unauthenticated", "401")):
        return _WANTS_TOKEN.format(address)
    return f"can't use the Ray cluster at {address}: {text[:200]}; check it with 'ray status'"


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
    import ray.util  # not at the top: runtime.py sets what Ray reads when it is imported

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
