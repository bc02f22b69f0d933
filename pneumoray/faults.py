"""Faults of what we build on, in plain words: what happened, and the next step.

One table for all of them, because the same fault comes as another exception from each library.
"""

import errno
import os
import re

from pneumoray.errors import PneumorayError
from pneumoray.redaction import redacted

DIED = (
    "its process died (out of memory, or killed): run fewer trials side by side (--max-concurrent 1), or "
    "lower batch_size or image_size"
)
# What an exception's type and text say -> what we say of it. The first that fits is said.
_KNOWN = (
    (
        r"Expected more than 1 value per channel",
        "batch norm can't work on one value per channel, which is what one image on a worker leaves of "
        "its last layer: raise batch_size to two images a worker or more (or image_size), or ask for "
        "fewer workers",
    ),
    (
        r"CUDA out of memory|CUDA error: out of memory|HIP out of memory|CUBLAS_STATUS_ALLOC_FAILED"
        r"|CUDNN_STATUS_ALLOC_FAILED|CUDNN_STATUS_INTERNAL_ERROR_.*ALLOCATION",
        "the GPU's memory is full: lower batch_size or image_size, or let fewer trials share a card "
        "(--gpus-per-trial 1)",
    ),
    (
        r"no CUDA-capable device|CUDA driver|CUDA error: (?:unknown error|initialization|"
        r"all CUDA-capable|unspecified launch|uncorrectable)|GPU is lost|NVML|invalid device ordinal",
        "the GPU does not answer any more: see what 'nvidia-smi' says of it; the same command goes on "
        "from the checkpoints, also with --device cpu",
    ),
    (
        r"AF_UNIX path",
        "the folder of Ray's sockets has too long a name (a socket's path has 107 bytes at most): set "
        "RAY_TMPDIR to a short one, as 'export RAY_TMPDIR=/tmp', which Ray takes before TMPDIR",
    ),
    (
        r"/dev/shm|unable to \w+ shared memory|Bus error|plasma store",
        "shared memory (/dev/shm) is too small or full: give the container more (docker run "
        "--shm-size=2g; in Kubernetes an emptyDir of medium Memory)",
    ),
    (
        r"DefaultCPUAllocator|Cannot allocate memory|bad_alloc|MemoryError|Unable to allocate|"
        r"OutOfMemoryError|low on memory|\bOOM\b",
        "memory is full: run fewer trials side by side (--max-concurrent 1), or lower batch_size or "
        "image_size",
    ),
    (r"WorkerCrashedError|ActorDiedError|died unexpectedly", DIED),
    (
        r"Too many open files",
        "too many files are open: raise the limit ('ulimit -n 65536'), or run fewer trials side by side "
        "(--max-concurrent 1)",
    ),
    (
        r"can't start new thread|Resource temporarily unavailable",
        "no more threads or processes may start: raise the limit ('ulimit -u', or the container's), or "
        "run fewer trials side by side (--max-concurrent 1)",
    ),
    (
        r"File name too long",
        "a file's name is too long for this file system: shorten the study's name, or name a workspace "
        "with a shorter path",
    ),
    (
        r"No locks available|Function not implemented|Stale file handle",
        "the workspace's file system does not do what files need (locks, say): name a workspace on a "
        "local disk, or mount it with locks",
    ),
    (
        r"ConnectionError|ConnectTimeout|ReadTimeout|NameResolution|Max retries|LocalEntryNotFound|"
        r"Temporary failure in name resolution|ProxyError",
        "the network did not answer: mend that, or have weights in a folder (PNEUMORAY_WEIGHTS); the "
        "same command goes on from here",
    ),
)
# what the system says, and what torch.save makes of it
_DISK_FULL = (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT), "unexpected pos ")
_LONGEST, _QUOTED = 300, 100  # letters of a foreign text in a line: alone, beside our words


def is_disk_full(error: BaseException) -> bool:
    return any(words in str(error) for words in _DISK_FULL)


def known(error: BaseException) -> str | None:
    """A known foreign error in plain words, with the beginning of its own text; None for any other."""
    whole = _type_and_text(error)
    for pattern, words in _KNOWN:
        if re.search(pattern, whole):
            return f"{words} ({whole[:_QUOTED]}{'...' * (len(whole) > _QUOTED)})"
    return None


def in_words(error: BaseException) -> str:
    """An error in one line: ours as it is, a known foreign one in plain words, else its type and text."""
    if isinstance(error, PneumorayError | FloatingPointError):
        return " ".join(str(error).split())
    if words := known(error):
        return words
    if isinstance(error, OSError) and error.filename:
        return (
            f"can't read or write {error.filename}: {error.strerror}; mend that, and run it again"
        )
    return _type_and_text(error)[:_LONGEST]


def _type_and_text(error: BaseException) -> str:
    return redacted(f"{type(error).__name__}: {' '.join(str(error).split()) or 'no message'}")
