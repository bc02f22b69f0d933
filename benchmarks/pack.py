"""Packing against the decode limit: plain Pillow decode and resize in as many processes.

    python benchmarks/pack.py [--images 600] [--size 224] [--repeats 3]

Both sides read the same grey JPEGs of 1320 x 992, the size of the original X-rays, in turns, with a
warm page cache. Packing also hashes bytes and pixels, audits, splits and writes the memory map.
Goal: 0.9 of the limit.
"""

import argparse
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from pneumoray.data.demo import draw_anatomy, draw_phantom
from pneumoray.data.folder import scan
from pneumoray.data.pack import ImageSettings, make_pack
from pneumoray.data.read import num_cores
from pneumoray.data.split import resplit


def write_images(folder: Path, num_images: int) -> list[Path]:
    rng = np.random.default_rng(0)
    paths = []
    for i in range(num_images):
        name = f"PNEUMONIA/person{i}_virus_1.jpeg" if i % 4 else f"NORMAL/IM-{i:04}-0001.jpeg"
        paths.append(folder / name)
        paths[-1].parent.mkdir(parents=True, exist_ok=True)
        phantom = Image.fromarray(draw_phantom(draw_anatomy(rng), bool(i % 4), "virus", rng))
        phantom.resize((1320, 992), Image.Resampling.BICUBIC).save(paths[-1], quality=92)
    return paths


def plain(path: Path, size: int, resample: Image.Resampling) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("L").resize((size, size), resample))


def images_per_second(num_images: int, work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return num_images / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=600)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    rates: dict[str, list[float]] = {"pack": [], "Pillow, BICUBIC": [], "Pillow, BOX": []}
    with tempfile.TemporaryDirectory() as folder, multiprocessing.Pool(num_cores()) as pool:
        paths = write_images(Path(folder) / "data", args.images)
        pool.map(partial(plain, size=8, resample=Image.Resampling.BOX), paths[:64])  # started, warm
        for repeat in range(args.repeats):

            def packing(packs: Path = Path(folder) / f"packs-{repeat}") -> None:
                manifest, findings = scan(Path(folder) / "data")
                make_pack(manifest, findings, ImageSettings(args.size), packs, resplit=resplit)

            rates["pack"].append(images_per_second(args.images, packing))
            for filter_ in (Image.Resampling.BICUBIC, Image.Resampling.BOX):
                limit = partial(plain, size=args.size, resample=filter_)
                rate = images_per_second(
                    args.images, partial(pool.map, limit, paths, max(1, args.images // 32))
                )
                rates[f"Pillow, {filter_.name}"].append(rate)
    pack = rates["pack"]
    print(f"{args.images} JPEGs of 1320 x 992 to {args.size} px, {num_cores()} cores")
    print(f"{'':18}images/s  pack against it (median of {args.repeats} turns)")
    for name, values in rates.items():
        ratio = statistics.median(a / b for a, b in zip(pack, values, strict=True))
        print(f"{name:18}{statistics.median(values):8.0f}  {ratio:.2f}")


if __name__ == "__main__":
    main()
