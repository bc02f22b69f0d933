"""The pixel file of a pack while it is filled: rows read, taken over, moved together."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd

from pneumoray import artifact
from pneumoray.data.depth import WIDEST, Ranges, is_class, range_in
from pneumoray.data.facts import Facts
from pneumoray.data.image import ImageSettings
from pneumoray.data.manifest import FACT_COLUMNS, FILE_COLUMNS, Finding, Manifest
from pneumoray.data.ranges import UNKNOWN, decide
from pneumoray.data.read import Read, fill
from pneumoray.data.said import Range
from pneumoray.errors import DataError

File = tuple[str, int, int, int]  # path and FILE_COLUMNS


@dataclass(frozen=True, eq=False)
class Earlier:
    """What an earlier pack has: the table of its images, their pixels, and the ranges of these."""

    table: pd.DataFrame
    pixels: np.ndarray
    ranges: Ranges


def fill_draft(
    draft: BinaryIO,
    manifest: Manifest,
    settings: ImageSettings,
    earlier: Iterable[Earlier],
    reads: Callable[..., Iterator[Read]],
    pixel_range: Range | None,
) -> tuple[Manifest, list[Finding], Ranges]:
    """Write the pixels of all readable images into `draft`, row by row.

    Returns the manifest of them with their facts, findings, and the ranges of their depth classes.
    What `earlier` packs have is copied; `reads` is `read_images`. Raises DataError where no image
    can be read, or a range can't be known.
    """
    facts, made = _take_over(manifest, earlier, draft)
    num_taken, total = len(facts), len(manifest.images)
    files = list(enumerate(manifest.images["path"]))

    def read(rows: list[tuple[int, str]], ranges: Ranges, **progress: int) -> None:
        for index, fact, pixels in reads(rows, replace(settings, ranges=ranges), **progress):
            facts[index], made[index] = fact, ranges
            if pixels is not None:
                _write_row(draft, index, pixels)

    read([file for file in files if file[0] not in facts], WIDEST, done=num_taken, total=total)
    filled, left_out = fill(manifest, facts)
    ranges, found = decide(filled.images, pixel_range)
    if refused := [finding for finding in found if finding.kind == UNKNOWN]:
        raise DataError(refused[0].message)
    due = {  # of a depth class, with pixels from before its range was known, or by another one
        index
        for index, fact in facts.items()
        if is_class(depth := fact.get("depth", ""))
        and range_in(ranges, depth) != range_in(made[index], depth)
    }
    if due:
        read([file for file in files if file[0] in due], ranges)
        filled, left_out = fill(manifest, facts)
    _close_gaps(draft, [i for i in range(total) if "error" not in facts[i]], settings.num_bytes)
    return filled, [*left_out, *found], ranges


def _write_row(draft: BinaryIO, row: int, pixels: np.ndarray) -> None:
    """Write one image at its place. Plain writes: a writable memory map would count as memory."""
    draft.seek(row * pixels.nbytes)
    draft.write(pixels.tobytes())


def read_rows(path: Path, shape: tuple[int, int, int]) -> Iterator[np.ndarray]:
    """The images of a filled draft, in order. Plain reads: a memory map would count as memory."""
    with path.open("rb") as draft:
        while row := draft.read(math.prod(shape)):
            yield np.frombuffer(row, np.uint8).reshape(shape)


def _take_over(
    manifest: Manifest, earlier: Iterable[Earlier], draft: BinaryIO
) -> tuple[dict[int, Facts], dict[int, Ranges]]:
    """Copy unchanged images; by row their facts, and the ranges that their pixels were made with.

    An image is unchanged when path, size and times are, or else when its bytes are; only files
    whose size is known are hashed for that.
    """
    by_file: dict[File, tuple[Earlier, int]] = {}
    by_content: dict[str, tuple[Earlier, int]] = {}
    for pack in earlier:
        places = [(pack, row) for row in range(len(pack.table))]
        by_file.update(zip(_files(pack.table), places, strict=True))
        by_content.update(zip(pack.table["sha256"], places, strict=True))
    sizes = {size for _, size, *_ in by_file}
    facts: dict[int, Facts] = {}
    made: dict[int, Ranges] = {}
    for i, file in enumerate(_files(manifest.images)):
        place = by_file.get(file)
        if place is None and file[1] in sizes:
            try:
                place = by_content.get(artifact.sha256_file(Path(file[0])))
            except OSError:
                continue  # reading it will say why
        if place is not None:
            pack, row = place
            _write_row(draft, i, pack.pixels[row])
            facts[i] = {name: pack.table[name].iat[row] for name in FACT_COLUMNS}
            made[i] = pack.ranges
    return facts, made


def _close_gaps(draft: BinaryIO, rows: list[int], num_bytes: int) -> None:
    """Move `rows` of `num_bytes` each together, in order, over the holes of unreadable images."""
    for new, old in enumerate(rows):
        if new != old:
            draft.seek(old * num_bytes)
            pixels = draft.read(num_bytes)
            draft.seek(new * num_bytes)
            draft.write(pixels)
    draft.truncate(len(rows) * num_bytes)


def _files(table: pd.DataFrame) -> Iterable[File]:
    return zip(table["path"], *(table[name] for name in FILE_COLUMNS), strict=True)
