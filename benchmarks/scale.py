"""Seconds and memory to list, audit, split and order very many images.

    python benchmarks/scale.py [--quick]

Each case runs in a process of its own; memory is the most that it held by then. The images of the large
cases do not exist: their table is made up as listing and reading would make it, with patients of two
images. The listing itself is measured on files of a few bytes, near copies on noise.
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from pneumoray.data import split
from pneumoray.data.audit import audit, understood
from pneumoray.data.augment import build_augment, draw_table
from pneumoray.data.folder import scan
from pneumoray.data.manifest import Manifest
from pneumoray.data.near_copies import SIZE, near_copies
from pneumoray.data.patients import find_patients
from pneumoray.data.rules import Rules

RULE = r"^(p\d+)_"


def names(num_images: int, num_classes: int) -> list[str]:
    """CLASS/pPATIENT_IMAGE.png; a patient has two images of one class."""
    return [f"c{i // 2 % num_classes:05}/p{i // 2:07}_{i}.png" for i in range(num_images)]


def timed(what: str, function: Callable[[], Any]) -> Any:
    start = time.perf_counter()
    result = function()
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"  {what:28} {seconds:7.1f} s  {peak:5.2f} GiB", flush=True)
    return result


def table(num_images: int, num_classes: int) -> None:
    """All but listing and reading, on a table that is made up."""
    ids = names(num_images, num_classes)
    timed("known patient rules", lambda: find_patients(ids, None))
    patients, _ = timed("own patient rule", lambda: find_patients(ids, RULE))
    content = [f"{i:064x}" for i in range(num_images)]
    columns = {"id": ids, "path": [f"/data/{name}" for name in ids], "patient": patients}
    columns |= {"group": patients, "sha256": content, "pixel_sha256": content}
    images = pd.DataFrame(columns | {"label": np.arange(num_images) // 2 % num_classes})
    images = images.assign(split="", size_bytes=1, mtime_ns=1, width=64, height=64)
    images = images.assign(mode="L", format="PNG").sort_values("id", ignore_index=True)
    manifest = Manifest(images, tuple(f"c{i:05}" for i in range(num_classes)), "/data")
    timed("audit", lambda: (understood(manifest), audit(manifest)))
    joined = timed("joining copies", lambda: split.regroup(manifest))
    done = timed("split", lambda: split.resplit(joined))
    timed("subset of a tenth", lambda: split.subset(manifest, num_images // 10))
    timed("leaks", lambda: split.leaks(done))
    num_train = len(done.of_split("train"))
    wide = build_augment("wide", True)
    timed(
        "order of an epoch", lambda: (torch.randperm(num_train), draw_table(wide, num_train, 0, 1))
    )


def listing(num_images: int, num_classes: int) -> None:
    """Listing of files that are there, of a few bytes each."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for i in range(num_classes):
            (root / f"c{i:05}").mkdir()
        for name in names(num_images, num_classes):
            (root / name).write_bytes(b"x")
        timed("listing", lambda: scan(root, rules=Rules(patient_rule=RULE)))


def near(num_images: int) -> None:
    """Near copies among noise, one image in a hundred of which is there twice."""
    rng = np.random.default_rng(0)
    thumbnails = rng.integers(0, 256, (num_images, SIZE, SIZE), dtype=np.uint8)
    num_copies = num_images // 100
    thumbnails[-num_copies:] = thumbnails[:num_copies]
    pairs = timed("near copies", lambda: near_copies(thumbnails))
    print(f"  {len(pairs)} of {num_copies} pairs found")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    smaller = 100 if parser.parse_args().quick else 1
    cases: list[tuple[Callable[..., None], tuple[int, ...]]] = [
        (table, (200_000 // smaller, 20_000 // smaller)),
        (table, (1_000_000 // smaller, 2)),
        (listing, (100_000 // smaller, 10_000 // smaller)),
        (listing, (100_000 // smaller, 2)),
        (near, (200_000 // smaller,)),
        (near, (1_000_000 // smaller,)),
    ]
    for case, sizes in cases:
        print(
            f"{case.__name__}: {sizes[0]:,} images" + "".join(f", {n:,} classes" for n in sizes[1:])
        )
        process = multiprocessing.get_context("spawn").Process(target=case, args=sizes)
        process.start()
        process.join()


if __name__ == "__main__":
    main()
