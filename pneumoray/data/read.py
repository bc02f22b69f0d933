"""Every file of a Manifest read once, in shards on all cores: facts, and pixels at one size."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from pneumoray.data.depth import range_of, to_eight_bits
from pneumoray.data.facts import Facts, facts_of
from pneumoray.data.image import ImageSettings, viewed
from pneumoray.data.losses import lost_of_classes
from pneumoray.data.manifest import FACT_COLUMNS, NUMBERS, Finding, Manifest
from pneumoray.data.pseudonyms import is_pseudonym
from pneumoray.data.stored import decode_stored, read_file
from pneumoray.errors import DataError

Item = TypeVar("Item")
Result = TypeVar("Result")
Shard = list[tuple[int, str]]  # (row in the manifest, path)
Read = tuple[int, Facts, np.ndarray | None]  # Facts, or why there are none as "error"
Event = Callable[[dict[str, Any]], None]
MapShards = Callable[[Callable[[Shard], list[Read]], Iterable[Shard]], Iterable[list[Read]]]

SHARD_IMAGES = 64
SHARD_BYTES = 8 * 2**20  # of resized pixels: bounds memory at any image size


def read_shard(shard: Shard, settings: ImageSettings | None) -> list[Read]:
    """Read each file of `shard` once.

    Pixels are None without `settings`, where reading fails, and where neither the file nor
    `settings.ranges` says which values are black and white.

    Pure, and picklable as a partial: it may run in any thread, process or Ray task.
    """
    return [_read_one(index, path, settings) for index, path in shard]


def map_threads(
    function: Callable[[Item], Result], shards: Iterable[Item], num_threads: int | None = None
) -> Generator[Result, None, None]:
    """`function` of each shard, in order, on `num_threads`, by default one a core.

    Pillow releases the GIL while it decodes and resizes: at 1320 x 992 two threads decode as fast
    as two processes, which would also have to be started. A few shards are in flight, no more, so
    memory doesn't grow with their number.
    """
    num_threads = num_threads or num_cores()
    pool = ThreadPoolExecutor(num_threads)
    pending: deque[Future[Result]] = deque()
    try:
        for shard in shards:
            pending.append(pool.submit(function, shard))
            if len(pending) > 2 * num_threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def num_cores() -> int:
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def read_images(
    files: Sequence[tuple[int, str]],
    settings: ImageSettings | None,
    map_shards: MapShards = map_threads,
    on_event: Event | None = None,
    *,
    done: int = 0,
    total: int | None = None,
) -> Iterator[Read]:
    """(index, facts, pixels) of every file, in any order; progress goes to `on_event`."""
    num = SHARD_IMAGES
    if settings is not None:
        num = max(1, min(num, SHARD_BYTES // settings.num_bytes))
    total = len(files) if total is None else total
    shards = (list(files[i : i + num]) for i in range(0, len(files), num))
    for shard in map_shards(partial(read_shard, settings=settings), shards):
        yield from shard
        done += len(shard)
        if on_event is not None:
            on_event({"type": "pack", "done": done, "total": total})


def read_facts(
    manifest: Manifest, map_shards: MapShards = map_threads, on_event: Event | None = None
) -> tuple[Manifest, list[Finding]]:
    """The readable images with FACT_COLUMNS filled in, and a Finding about the others."""
    files = list(enumerate(manifest.images["path"]))
    facts = {index: fact for index, fact, _ in read_images(files, None, map_shards, on_event)}
    return fill(manifest, facts)


def fill(manifest: Manifest, facts: dict[int, Facts]) -> tuple[Manifest, list[Finding]]:
    """`manifest` with the facts of each row; rows whose facts are an error are left out and named.

    Raises DataError when none can be read.
    """
    images = manifest.images
    bad = [i for i in sorted(facts) if "error" in facts[i]]
    errors = [_error(facts[i], images.iloc[i]) for i in bad]
    if len(bad) == len(images):
        raise DataError(f"none of the {len(bad)} images can be read; the first: {errors[0]}")
    rows = [facts[i] for i in range(len(images)) if "error" not in facts[i]]
    table = pd.DataFrame(rows, columns=list(FACT_COLUMNS))
    kept = images.drop(index=images.index[bad]).reset_index(drop=True)
    own = [name for name in kept.columns if name not in manifest.extra_columns]
    kept = pd.concat([kept[own], table, kept[manifest.extra_columns]], axis=1)
    kept = kept.astype(NUMBERS)
    ids = images["id"].iloc[bad].tolist()
    findings = [
        Finding("unreadable", "handled", f"left out: {error}", (image_id,))
        for error, image_id in zip(errors, ids, strict=True)
    ]
    findings += lost_of_classes(manifest, bad)
    return manifest.with_images(kept), findings


def _error(facts: Facts, image: pd.Series) -> str:
    """Why it can't be read, by its id where the name of the file is not to be told."""
    error = facts["error"]
    return error.replace(image["path"], image["id"], 1) if is_pseudonym(image["id"]) else error


def _read_one(index: int, path: str, settings: ImageSettings | None) -> Read:
    try:
        data = read_file(Path(path))
        stored = decode_stored(data)
    except DataError as error:
        return index, {"error": str(error).replace("the image", path, 1)}, None
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        why = error.strerror if isinstance(error, OSError) else error
        return index, {"error": f"{path} can't be read ({why})"}, None
    pixels = None
    if settings is not None and (range_ := range_of(stored, settings.ranges)):
        pixels = viewed(to_eight_bits(stored, range_), settings)
    return index, facts_of(stored, data), pixels
