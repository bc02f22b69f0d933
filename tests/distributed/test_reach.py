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


@pytest.mark.parametrize(
    "address",
    [
        *("head", "head:", ":6379", "10.0.0.1:ray", "ray://head", "tcp://10.0.0.1:6379", "foo:bar"),
        *(
            "10.0.0.1:0",
            "10.0.0.1:70000",
            "10.0.0.1:-1",
            "::1:6379",
            "[::1]",
            "head/x:6379",
            "a b:1",
        ),
    ],
)
def test_an_address_of_no_kind_is_refused(address):
    with pytest.raises(ClusterError) as caught:
        reach.knock(address)
    assert f"{address!r} is not of the form HOST:PORT, as 10.0.0.1:6379" in str(caught.value)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_address_for_jobs_is_told_from_the_heads(scheme):
    expected = (
        r"where a Ray cluster takes jobs .* as HOST:PORT, as 10\.1\.2\.3:6379, in RAY_ADDRESS"
    )
    with pytest.raises(ClusterError, match=expected):
        reach.knock(f"{scheme}://10.1.2.3:8265")


def test_a_host_that_nobody_knows_is_told():
    with pytest.raises(ClusterError, match=r"no host nosuchhost\.invalid is known here"):
        reach.knock("nosuchhost.invalid:6379")


def test_an_ipv6_address_is_knocked_at():
    with pytest.raises(ClusterError, match=r"no Ray cluster answers at \[::1\]:1 \((?!no host)"):
        reach.knock("[::1]:1")


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_where_nobody_listens_the_ways_out_are_named(deaf_port, scheme):
    with pytest.raises(
        ClusterError, match=r"no Ray cluster answers at .*ray start --head.*'unset RAY_ADDRESS'"
    ):
        reach.knock(f"{scheme}127.0.0.1:{deaf_port}")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Unauthenticated: no metadata", "export RAY_AUTH_MODE=token"),
        ("Invalid authentication token", "export RAY_AUTH_MODE=token"),
        ("version mismatch:\n  2.60 against 2.9", "mismatch: 2.60 against 2.9; check it with"),
    ],
)
def test_why_ray_gave_up_is_one_line(said, told):
    message = reach.why_not("10.0.0.1:6379", RuntimeError(said))
    assert ("wants a token" in message) == ("cluster/env.sh" in message)
    assert told in message
    assert "10.0.0.1:6379" in message
    assert "\n" not in message


def test_auto_without_a_cluster_is_one_line():
    error = ConnectionError("Could not find any running Ray instance.")
    assert "there is none: start one with 'ray start --head'" in reach.why_not("auto", error)


def test_why_ray_does_not_start_here_is_told_in_plain_words():
    error = OSError(
        "validate_socket_filename failed: AF_UNIX path length cannot exceed 107 bytes: /x"
    )
    message = reach.why_not("local", error)
    assert message.startswith("Ray can't start on this machine: the folder of Ray's sockets")
    assert "export RAY_TMPDIR=/tmp" in message


def test_a_folder_of_rays_that_can_not_be_written_names_the_variable():
    message = reach.why_not("local", PermissionError(13, "Permission denied", "/proc/x"))
    assert "can't read or write /proc/x: Permission denied" in message
    assert message.endswith("as 'export RAY_TMPDIR=/tmp'")


@pytest.mark.parametrize(
    ("variables", "refused"),
    [
        ({}, None),
        ({"TMPDIR": "/tmp"}, None),
        ({"RAY_TMPDIR": "/tmp", "TMPDIR": "here"}, None),  # Ray's own comes first
        ({"RAY_TMPDIR": "here"}, "RAY_TMPDIR='here' is no absolute path"),
        ({"RAY_TMPDIR": ""}, "RAY_TMPDIR='' is no absolute path"),
        ({"TMPDIR": "a/b"}, "TMPDIR='a/b' is no absolute path"),
    ],
)
def test_a_relative_folder_for_rays_files_is_refused(monkeypatch, variables, refused):
    for name in ("RAY_TMPDIR", "TMPDIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if refused is None:
        return reach.check_folder()
    with pytest.raises(ClusterError) as caught:
        reach.check_folder()
    assert refused in str(caught.value)
