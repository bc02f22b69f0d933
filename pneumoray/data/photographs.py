"""A generated set of photographs of imaginary landmarks: many classes, in colour, of many sizes."""

from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from pneumoray.data.generated import make_once
from pneumoray.data.landmarks import LANDMARKS
from pneumoray.data.scenery import Weather, draw_weather, paint_scene

VERSION = 1
PHOTOGRAPH_RULE = r"^(visit\d+)_"  # photographs of one visit share weather and camera: one group
MAX_PER_VISIT = 4
CANVAS_PX = 540  # short side: scenes are painted at this size, then scaled
# Width and height, and how often. A few are large; the others are small, so that making is quick.
SIZES_PX: dict[tuple[int, int], float] = {
    (480, 360): 0.4,
    (360, 480): 0.22,
    (512, 384): 0.2,
    (480, 320): 0.15,
    (1280, 960): 0.03,
}


def make_photographs(
    folder: Path, seed: int = 0, num_classes: int = 12, images_per_class: int = 40
) -> Path:
    """Make the photographs in `folder`, unless they are there already, and return `folder`.

    RGB JPEGs in CLASS/ folders without splits, of up to MAX_PER_VISIT photographs a visit, named so
    that PHOTOGRAPH_RULE finds it. Two of the classes, hyanggyo and seowon, look alike. Whole or
    absent. Raises DataError when `folder` is another thing, ValueError for more classes than there
    are landmarks.
    """
    if not 2 <= num_classes <= len(LANDMARKS):
        raise ValueError(f"num_classes is {num_classes}; from 2 to {len(LANDMARKS)} are possible")
    about = {
        "version": VERSION,
        "seed": seed,
        "num_classes": num_classes,
        "images_per_class": images_per_class,
    }
    draw = partial(
        _draw, seed=seed, names=list(LANDMARKS)[:num_classes], images_per_class=images_per_class
    )
    return make_once(folder, "photographs", about, draw)


def _draw(folder: Path, seed: int, names: list[str], images_per_class: int) -> None:
    rng = np.random.default_rng(seed)
    sizes, shares = list(SIZES_PX), list(SIZES_PX.values())
    number = 1
    for name in names:
        (folder / name).mkdir()
        made = 0
        while made < images_per_class:
            weather, size_px = draw_weather(rng), sizes[rng.choice(len(sizes), p=shares)]
            num = min(int(rng.integers(1, MAX_PER_VISIT + 1)), images_per_class - made)
            for i in range(num):
                image = draw_photograph(name, weather, size_px, rng)
                image.save(folder / name / f"visit{number:04}_{i + 1}.jpeg", quality=88)
            made += num
            number += 1


def draw_photograph(
    name: str, weather: Weather, size_px: tuple[int, int], rng: np.random.Generator
) -> Image.Image:
    """One photograph, RGB, of `size_px` (width, height): a scene through a lens, with its noise."""
    width, height = size_px
    scale = CANVAS_PX / min(size_px)
    scene = paint_scene(name, weather, (round(width * scale), round(height * scale)), rng)
    scene = scene.resize(size_px, Image.Resampling.BICUBIC)
    scene = scene.filter(ImageFilter.BoxBlur(rng.uniform(0, 0.8)))
    pixels = np.array(scene, dtype=np.float32)
    across = np.linspace(-1, 1, width, dtype=np.float32)[None, :, None]
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None, None]
    pixels *= rng.uniform(0.8, 1.15) * (1 - rng.uniform(0, 0.14) * (across**2 + down**2))
    noise = rng.standard_normal((height, width, 1), dtype=np.float32)
    pixels += rng.uniform(1, 7) * noise
    return Image.fromarray(np.clip(pixels, 0, 255, out=pixels).astype(np.uint8))
