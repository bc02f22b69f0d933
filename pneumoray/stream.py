"""A Bundle over any number of images: decoded and voted on all cores at once, in flat memory."""

import itertools
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import torch

from pneumoray import inputs
from pneumoray.bundle import Bundle, Views
from pneumoray.data.read import map_threads, num_cores
from pneumoray.data.stored import decode_stored
from pneumoray.data.unlabelled import Unusable
from pneumoray.errors import DataError

Item = TypeVar("Item")
Source = Path | Unusable | inputs.Input
Decoded = tuple[str, Views | DataError]  # what the row is called, and what the members see
Voted = tuple[str, np.ndarray | DataError]  # ... and what they say, (members, C)

# As many as `training.trial.score` gives a network at once, on one thread as it does: what float32
# rounds to can depend on both, so the same images in the same order have the very bits of a study's
# saved predictions.
BATCH_IMAGES = 64
_MOST_WAITING = 256  # rows without a usable image, until they are told
_SHARD_IMAGES = 16  # that one thread decodes at a time


def stream(bundle: Bundle, sources: Iterable[Source]) -> Iterator[pd.DataFrame]:
    """`Bundle.table` of some images after the other, with a row a source, in their order.

    A source is the path of an image, its bytes or its pixels, or a name that means none. `file`
    names it, and `error` says why it can't be used: the other columns of that row are empty, and
    the others go on.
    """
    num_threads = torch.get_num_threads()
    shards = _grouped(enumerate(sources), _SHARD_IMAGES)
    decoded = itertools.chain.from_iterable(map_threads(partial(_decode, bundle), shards))
    on_cpu = bundle.device.type == "cpu"
    vote = partial(_vote, bundle)
    try:
        for batch in map_threads(vote, _batches(decoded), num_cores() if on_cpu else 1):
            yield tabulated(bundle, batch)
    finally:
        torch.set_num_threads(num_threads)


def tabulated(bundle: Bundle, rows: list[Voted]) -> pd.DataFrame:
    """The table of `stream` of these rows."""
    probs = {i: said for i, (_, said) in enumerate(rows) if not isinstance(said, DataError)}
    none = np.empty((len(bundle.members), 0, len(bundle.classes)))
    table = bundle.table(np.stack(list(probs.values()), axis=1) if probs else none)
    table = table.set_axis(list(probs)).reindex(range(len(rows)))
    errors = [str(said) if isinstance(said, DataError) else None for _, said in rows]
    # Objects: a name need not be UTF-8, as a column of strings must.
    table.insert(0, "file", pd.Series([name for name, _ in rows], dtype=object))
    return table.assign(error=pd.Series(errors, dtype=object))


def _decode(bundle: Bundle, shard: list[tuple[int, Source]]) -> list[Decoded]:
    return [_decode_one(bundle, position, source) for position, source in shard]


def _decode_one(bundle: Bundle, position: int, source: Source) -> Decoded:
    name = f"input {position}"
    if isinstance(source, Path | Unusable):
        name = str(source) if isinstance(source, Path) else source.name
    try:
        if isinstance(source, Unusable):
            raise source
        if isinstance(source, Path):
            return name, bundle.views(decode_stored(source))
        return name, bundle.views(inputs.decode(source, position))
    except DataError as error:
        return name, DataError(str(error).removeprefix(name).lstrip(": "))


def _vote(bundle: Bundle, batch: list[Decoded]) -> list[Voted]:
    torch.set_num_threads(1)  # of this thread: others have the other cores
    seen = [views for _, views in batch if not isinstance(views, DataError)]
    said = iter(bundle.member_probs(seen).swapaxes(0, 1) if seen else ())
    return [(name, views if isinstance(views, DataError) else next(said)) for name, views in batch]


def _batches(decoded: Iterable[Decoded]) -> Iterator[list[Decoded]]:
    """BATCH_IMAGES usable ones at a time, with those between them that can't be used.

    Of these, _MOST_WAITING come by themselves where no usable one waits: which images are in one
    batch goes by the usable ones alone.
    """
    batch: list[Decoded] = []
    num_usable = 0
    for one in decoded:
        if num_usable == BATCH_IMAGES or (num_usable == 0 and len(batch) == _MOST_WAITING):
            yield batch
            batch, num_usable = [], 0
        batch.append(one)
        num_usable += not isinstance(one[1], DataError)
    if batch:
        yield batch


def _grouped(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    items = iter(items)
    while group := list(itertools.islice(items, size)):
        yield group
