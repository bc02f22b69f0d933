"""What others' exceptions say is told in plain words, and what nobody knows keeps its own."""

import errno
from pathlib import Path

import pytest
import torch

from pneumoray import faults
from pneumoray.errors import WorkspaceError


def batch_norm_of_one():
    torch.nn.BatchNorm2d(2)(torch.zeros(1, 2, 1, 1))


def too_long_a_name():
    Path("x" * 300).read_bytes()


def too_much_memory():
    torch.empty(2**60, dtype=torch.uint8)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (batch_norm_of_one, "raise batch_size to two images a worker or more"),
        (too_long_a_name, "shorten the study's name"),
        (too_much_memory, "memory is full: run fewer trials side by side"),
    ],
)
def test_what_our_libraries_really_raise_is_known(fault, told):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever their version raises
        fault()
    assert told in faults.in_words(caught.value)


class Named(Exception):
    """Stands for another library's class, whose name tells more than its text."""


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), "lower batch_size"),
        (RuntimeError("CUDA error: out of memory"), "the GPU's memory is full"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when"), "the GPU's memory is full"),
        (RuntimeError("No CUDA GPUs are available: no CUDA-capable device"), "nvidia-smi"),
        (RuntimeError("unable to open shared memory object </x>"), "--shm-size=2g"),
        (RuntimeError("DataLoader worker is killed by signal: Bus error."), "/dev/shm"),
        (OSError(errno.EMFILE, "Too many open files"), "ulimit -n"),
        (RuntimeError("can't start new thread"), "ulimit -u"),
        (OSError(errno.ENOLCK, "No locks available"), "mount it with locks"),
        (MemoryError(), "memory is full"),
        (type("OutOfMemoryError", (Named,), {})("Task was killed"), "memory is full"),
        (type("ConnectionError", (Named,), {})("Max retries exceeded"), "PNEUMORAY_WEIGHTS"),
        (PermissionError(errno.EACCES, "Permission denied", "/a/b"), "read or write /a/b: Perm"),
    ],
)
def test_a_known_fault_says_the_next_step_and_quotes_itself(error, told):
    line = faults.in_words(error)
    assert told in line
    assert "\n" not in line
    assert len(line) < 400


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("two\nlines"), "ValueError: two lines"),
        (RuntimeError(), "RuntimeError: no message"),
        (RuntimeError("x" * 999), f"RuntimeError: {'x' * 286}"),
        (FloatingPointError("loss is nan"), "loss is nan"),
        (WorkspaceError("ours " * 100), ("ours " * 100).strip()),
        (RuntimeError("the ZOOM is wrong"), "RuntimeError: the ZOOM is wrong"),
    ],
)
def test_what_nobody_knows_keeps_its_type_and_text(error, line):
    assert faults.in_words(error) == line
