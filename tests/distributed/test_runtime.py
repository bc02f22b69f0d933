"""The connection to Ray, with Ray itself replaced: what it does to this process."""

import errno
import os
import signal

import pytest

from pneumoray.distributed import runtime
from pneumoray.errors import ClusterError


@pytest.fixture
def before():
    """A SIGTERM handler of the caller's own."""

    def handler(number, frame):
        raise AssertionError("the caller's handler")

    original = signal.signal(signal.SIGTERM, handler)
    yield handler
    signal.signal(signal.SIGTERM, original)


@pytest.fixture
def shutdowns(monkeypatch):
    """Ray's init, which sets a SIGTERM handler of its own, and what was shut down."""
    done = []
    monkeypatch.setattr(
        runtime.ray, "init", lambda **_: signal.signal(signal.SIGTERM, signal.SIG_IGN)
    )
    monkeypatch.setattr(runtime.ray, "shutdown", lambda: done.append("shutdown"))
    return done


def test_sigterm_ends_the_block_as_ctrl_c_does_and_the_callers_handler_is_back(before, shutdowns):
    with pytest.raises(KeyboardInterrupt), runtime.cluster("local"):
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before
    assert shutdowns == ["shutdown"]


def test_a_connection_that_fails_leaves_the_callers_handler_and_the_callers_ray(
    before, shutdowns, monkeypatch
):
    def init(**_):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise RuntimeError("Maybe you called ray.init twice by accident?")

    monkeypatch.setattr(runtime.ray, "init", init)
    with pytest.raises(ClusterError, match="init twice by accident"), runtime.cluster("local"):
        pass
    assert signal.getsignal(signal.SIGTERM) is before
    assert shutdowns == []


def test_a_failure_is_one_line_and_its_traceback_a_file(tmp_path):
    try:
        raise ValueError("two\nlines")
    except ValueError as error:
        report = runtime.failure(error, tmp_path / "trial")
    assert report == {"failed": "ValueError: two lines", "diverged": False, "disk_full": False}
    assert "Traceback" in (tmp_path / "trial" / "error.txt").read_text()


@pytest.mark.parametrize(
    ("error", "said", "diverged", "disk_full"),
    [
        (FloatingPointError("loss is nan"), "loss is nan", True, False),
        (OSError(errno.ENOSPC, "No space left on device"), "no space is left for", False, True),
        (RuntimeError("I/O error: No space left on device"), "no space is left for", False, True),
        (RuntimeError(), "RuntimeError: no message", False, False),
    ],
)
def test_a_failure_says_whether_it_would_come_again(tmp_path, error, said, diverged, disk_full):
    report = runtime.failure(error, tmp_path)
    assert said in report["failed"]
    assert (report["diverged"], report["disk_full"]) == (diverged, disk_full)
