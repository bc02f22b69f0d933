"""Shards of a Pack as Ray tasks, so that every node of a cluster decodes its part."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import ray

from pneumoray.distributed import runtime

Shard = TypeVar("Shard")
Result = TypeVar("Result")
_IN_FLIGHT_PER_CPU = 3  # keeps every core busy and memory flat


def map_shards(function: Callable[[Shard], Result], shards: Iterable[Shard]) -> Iterator[Result]:
    """`map(function, shards)` on the cluster, results in order, a bounded number in flight."""
    task: Any = ray.remote(_apply).options(num_cpus=1, max_retries=3)
    shared = ray.put(function)
    limit = max(2, int(ray.cluster_resources().get("CPU", 1)) * _IN_FLIGHT_PER_CPU)
    waiting: list[ray.ObjectRef] = []
    for shard in shards:
        waiting.append(task.remote(shared, shard))
        if len(waiting) >= limit:
            yield runtime.get(waiting.pop(0))
    for reference in waiting:
        yield runtime.get(reference)


def _apply(function: Callable[[Shard], Result], shard: Shard) -> Result:
    return function(shard)
