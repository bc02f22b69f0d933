"""Addresses at which no Ray is, in seconds and one line; Ray itself is not started here."""

import socket

import pytest

from pneumoray.distributed import reach
from pneumoray.errors import ClusterError


@pytest.fixture
def deaf_port():
    """A port on which nobody listens, nor can anybody begin to."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        yield deaf.getsockname()[1]


@pytest.mark.parametrize("address", ["head", "head:", ":6379", "10.0.0.1:ray", "ray://head"])
def test_an_address_of_no_kind_is_refused(address):
    with pytest.raises(ClusterError, match=f"'{address}' is not of the form HOST:PORT"):
        reach.knock(address)


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_where_nobody_listens_the_ways_out_are_named(deaf_port, scheme):
    with pytest.raises(ClusterError, match=r"no Ray cluster answers at .*ray start --head"):
        reach.knock(f"{scheme}127.0.0.1:{deaf_port}")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Unauthenticated: no metadata", "wants a token: set RAY_AUTH_MODE"),
        ("Invalid authentication token", "wants a token: set RAY_AUTH_MODE"),
        ("version mismatch:\n  2.60 against 2.9", "mismatch: 2.60 against 2.9; check it with"),
    ],
)
def test_why_ray_gave_up_is_one_line(said, told):
    message = reach.why_not("10.0.0.1:6379", RuntimeError(said))
    assert told in message
    assert "10.0.0.1:6379" in message
    assert "\n" not in message
