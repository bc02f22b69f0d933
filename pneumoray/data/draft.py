"""The pixel file of a pack while it is filled: rows written, taken over, moved together."""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd

from pneumoray import artifact
from pneumoray.data.manifest import FACT_COLUMNS, Manifest


def write_row(draft: BinaryIO, row: int, pixels: np.ndarray) -> None:
    """Write one image at its place. Plain writes: a writable memory map would count as memory."""
    draft.seek(row * pixels.nbytes)
    draft.write(pixels.tobytes())


def read_rows(path: Path, shape: tuple[int, int, int]) -> Iterator[np.ndarray]:
    """The images of a filled draft, in order. Plain reads: a memory map would count as memory."""
    with path.open("rb") as draft:
        while row := draft.read(math.prod(shape)):
            yield np.frombuffer(row, np.uint8).reshape(shape)


def take_over(
    manifest: Manifest, earlier: Iterable[tuple[pd.DataFrame, np.ndarray]], draft: BinaryIO
) -> dict[int, dict[str, Any]]:
    """Copy unchanged images from `earlier` packs (their table and pixels); the facts by row.

    An image is unchanged when path, size and time are, or else when its bytes are; only files
    whose size is known are hashed for that.
    """
    by_file: dict[tuple[str, int, int], tuple[pd.DataFrame, np.ndarray, int]] = {}
    by_content: dict[str, tuple[pd.DataFrame, np.ndarray, int]] = {}
    for table, pixels in earlier:
        places = [(table, pixels, row) for row in range(len(table))]
        by_file.update(zip(_files(table), places, strict=True))
        by_content.update(zip(table["sha256"], places, strict=True))
    sizes = {size for _, size, _ in by_file}
    facts = {}
    for i, file in enumerate(_files(manifest.images)):
        place = by_file.get(file)
        if place is None and file[1] in sizes:
            try:
                place = by_content.get(artifact.sha256_file(Path(file[0])))
            except OSError:
                continue  # reading it will say why
        if place is not None:
            table, pixels, row = place
            write_row(draft, i, pixels[row])
            facts[i] = {name: table[name].iat[row] for name in FACT_COLUMNS}
    return facts


def close_gaps(draft: BinaryIO, rows: list[int], num_bytes: int) -> None:
    """Move `rows` of `num_bytes` each together, in order, over the holes of unreadable images."""
    for new, old in enumerate(rows):
        if new != old:
            draft.seek(old * num_bytes)
            pixels = draft.read(num_bytes)
            draft.seek(new * num_bytes)
            draft.write(pixels)
    draft.truncate(len(rows) * num_bytes)


def _files(table: pd.DataFrame) -> Iterable[tuple[str, int, int]]:
    return zip(table["path"], table["size_bytes"], table["mtime_ns"], strict=True)
