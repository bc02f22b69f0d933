"""False alarms among real X-rays, and which copies of them are found again.

    python benchmarks/near_copies.py [--quick] [--data DIR]

Every image of the collection is compared with all others by `near_copies`. A false alarm is an image
that is in a pair with one of another patient whose pixels differ. Then of 600 images one copy at a time
is put beside the collection: the share of copies that are found, and the false alarms of each.
"""

import argparse
import io
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from pneumoray.data.folder import scan
from pneumoray.data.image import load
from pneumoray.data.near_copies import SIZE, near_copies, read_thumbnails

SHARED = Path(os.environ.get("PNEUMORAY_SHARED") or Path(__file__).parents[2] / "shared")


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    data = io.BytesIO()
    image.save(data, "JPEG", quality=quality)
    return Image.open(data)


def gamma(image: Image.Image, power: float) -> Image.Image:
    return image.point([round(255 * (value / 255) ** power) for value in range(256)])


def window(image: Image.Image, low: float, high: float) -> Image.Image:
    span = high - low
    return image.point([round(255 * min(1, max(0, (v / 255 - low) / span))) for v in range(256)])


def half(image: Image.Image) -> Image.Image:
    return image.resize((image.width // 2, image.height // 2), Image.Resampling.BICUBIC)


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG, quality 50": lambda image: jpeg(image, 50),
    "JPEG, quality 75": lambda image: jpeg(image, 75),
    "JPEG, quality 90": lambda image: jpeg(image, 90),
    "half the size": half,
    "half the size and back": lambda image: half(image).resize(
        image.size, Image.Resampling.BICUBIC
    ),
    "gamma 0.5": lambda image: gamma(image, 0.5),
    "gamma 2": lambda image: gamma(image, 2),
    "window 10 to 90 %": lambda image: window(image, 0.1, 0.9),
    "window 20 to 80 %": lambda image: window(image, 0.2, 0.8),
    "window 0 to 60 %": lambda image: window(image, 0, 0.6),
    "2 pixels cut off on each side": lambda image: ImageOps.crop(image, 2),
    "moved by 2 pixels": lambda image: image.crop((2, 2, *image.size)),
    "mirrored": ImageOps.mirror,
    "5 % cut off on each side": lambda image: ImageOps.crop(image, image.width // 20),
    "turned by 2 degrees": lambda image: image.rotate(2, Image.Resampling.BILINEAR),
    "10 % of black on two sides": lambda image: ImageOps.expand(image, (image.width // 10, 0), 0),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--data", type=Path, default=SHARED / "data" / "chest_xray")
    options = parser.parse_args()
    manifest, _, thumbnails = read_thumbnails(scan(options.data)[0])
    patients = manifest.images["patient"].to_numpy()
    contents = manifest.images["pixel_sha256"].to_numpy()
    num = len(thumbnails)
    start = time.perf_counter()
    pairs = near_copies(thumbnails)
    seconds = time.perf_counter() - start
    false = false_alarms(pairs, patients, contents)
    print(f"{num} images in {seconds:.1f} s: {len(pairs)} pairs, {false} images by false alarm")
    chosen = np.random.default_rng(0).choice(num, 20 if options.quick else 600, replace=False)
    films = [Image.open(manifest.images["path"].iloc[row]).convert("L") for row in chosen]
    for name, copy in COPIES.items():
        made = []
        for film in films:
            data = io.BytesIO()
            copy(film).save(data, "PNG")
            made.append(load(data.getvalue(), SIZE, "squeeze", "grey")[:, :, 0])
        pairs = near_copies(np.concatenate([thumbnails, made]))
        found = {(one, other) for one, other in pairs.tolist()}
        recall = np.mean([(row, num + i) in found for i, row in enumerate(chosen.tolist())])
        both = [np.concatenate([of, of[chosen]]) for of in (patients, contents)]
        print(f"{name:32} found {recall:6.1%}, {false_alarms(pairs, *both)} by false alarm")


def false_alarms(pairs: np.ndarray, patients: np.ndarray, contents: np.ndarray) -> int:
    """Images in a pair of two patients and two contents."""
    one, other = pairs.T
    wrong = (patients[one] != patients[other]) & (contents[one] != contents[other])
    return len(set(pairs[wrong].ravel().tolist()))


if __name__ == "__main__":
    main()
