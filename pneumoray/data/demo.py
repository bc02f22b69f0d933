"""A synthetic stand-in for chest X-rays: phantoms with and without opacities, for a first run."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from pneumoray.data.generated import make_once

VERSION = 1
CANVAS = 192  # phantoms are drawn at this size, then scaled to SIZES_PX
SIZES_PX = ((232, 176), (264, 208), (320, 256), (288, 288))  # width, height
# Ill images, healthy images; the shares and the too small val are those of the real collection.
SPLITS = {"train": (500, 200), "val": (8, 8), "test": (95, 60)}

Pair = tuple[float, float]


@dataclass(frozen=True)
class Anatomy:
    """What all images of one patient share; lengths are fractions of the image."""

    lung_width: float
    lung_height: float
    heart: float
    rib_spacing: float
    rib_tilt: float
    fat: float
    size_px: tuple[int, int]


def make_demo(folder: Path, seed: int = 0, scale: float = 1.0) -> Path:
    """Make the demo data set in `folder`, unless it is there already, and return `folder`.

    Grey JPEGs of several sizes in the layout and with the file names of Kermany's collection,
    patients with one to four images, `scale` times 700 for training, 16 for validation and
    `scale` times 155 for testing. Whole or absent. Raises DataError when `folder` is another thing.
    """
    about = {"version": VERSION, "seed": seed, "scale": scale}
    return make_once(folder, "demo", about, partial(_draw, seed=seed, scale=scale))


def _draw(folder: Path, seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    number = 1
    for split, (num_ill, num_healthy) in SPLITS.items():
        factor = 1.0 if split == "val" else scale
        number = _fill(folder / split / "PNEUMONIA", round(num_ill * factor), True, number, rng)
        number = _fill(folder / split / "NORMAL", round(num_healthy * factor), False, number, rng)


def _fill(folder: Path, num_images: int, ill: bool, number: int, rng: np.random.Generator) -> int:
    """Write `num_images` of patients from `number` on; return the next free number."""
    folder.mkdir(parents=True)
    made = 0
    while made < num_images:
        anatomy = draw_anatomy(rng)
        kind = rng.choice(("bacteria", "virus")) if ill else rng.choice(("IM", "NORMAL2-IM"))
        for i in range(min(int(rng.integers(1, 5)), num_images - made)):
            name = f"person{number}_{kind}_{made + 1}" if ill else f"{kind}-{number:04}-{i + 1:04}"
            pixels = draw_phantom(anatomy, ill, str(kind), rng)
            image = Image.fromarray(pixels).resize(anatomy.size_px, Image.Resampling.BICUBIC)
            image.save(folder / f"{name}.jpeg", quality=90)
            made += 1
        number += 1
    return number


def draw_anatomy(rng: np.random.Generator) -> Anatomy:
    return Anatomy(
        lung_width=rng.uniform(0.13, 0.17),
        lung_height=rng.uniform(0.27, 0.34),
        heart=rng.uniform(0.10, 0.15),
        rib_spacing=rng.uniform(0.075, 0.095),
        rib_tilt=rng.uniform(0.3, 0.6),
        fat=rng.uniform(0.0, 0.12),
        size_px=SIZES_PX[rng.integers(len(SIZES_PX))],
    )


def draw_phantom(anatomy: Anatomy, ill: bool, kind: str, rng: np.random.Generator) -> np.ndarray:
    """One image (CANVAS, CANVAS) uint8; air is dark, bone and fluid are bright.

    Opacities are soft, may be faint, and hide behind ribs and heart; healthy images show vessels,
    and now and then a haze, so that brightness alone doesn't tell.
    """
    axis = (np.arange(CANVAS, dtype=np.float32) + 0.5) / CANVAS
    turn, dx, dy = rng.normal(0, 0.04), rng.normal(0, 0.02), rng.normal(0, 0.02)
    x0, y0 = axis[None, :] - 0.5 - dx, axis[:, None] - 0.5 - dy
    x, y = x0 + turn * y0, y0 - turn * x0
    a = anatomy
    body = _inside(x, y, (0, 0.45), (0.49, 0.98))
    lungs = np.zeros((CANVAS, CANVAS), dtype=np.float32)
    centres = []
    for side in (-1, 1):
        centre, lean = side * (0.055 + a.lung_width), side * 0.18 * (y + 0.1)
        lung = _inside(x - lean, y, (centre, 0), (a.lung_width, a.lung_height))
        lungs = np.maximum(lungs, lung)
        centres.append(centre)
    dome = rng.uniform(0.20, 0.25)  # the diaphragm cuts the lungs off below
    lungs *= _step((dome + 0.05 * np.cos(7 * x) - y) / 0.02)
    heart = _inside(x, y, (0.05, 0.11), (a.heart, a.heart * 1.15), soft=0.2)
    spine = np.exp(-((x / 0.035) ** 2))
    phase = rng.uniform(0, 1)
    arc = (y - a.rib_tilt * (np.abs(x) - 0.3) ** 2 * 2 + 0.15 * np.abs(x)) / a.rib_spacing + phase
    ribs = np.exp(-(((arc - np.round(arc)) / 0.2) ** 2)) * (np.abs(x) > 0.04)
    vessels = _texture(rng, 24) * np.exp(-((np.abs(x) - 0.10) ** 2 + y**2) / 0.02)
    image = 0.62 * body + 0.12 * a.fat * body - 0.42 * lungs
    image += 0.16 * ribs * (0.25 + 0.75 * lungs) * body * (y < dome + 0.1) + 0.14 * spine * body
    image += 0.34 * heart * (0.3 + 0.7 * lungs) + 0.10 * np.clip(vessels, 0, None) * lungs
    shadow = _opacities(centres, x, y, kind, rng) if ill else _haze(rng, x, y)
    image += shadow * np.clip(lungs, 0.15, 1) * (1 - 0.5 * heart)
    for _ in range(rng.integers(0, 3)):  # wires and tubes, in ill and healthy alike
        offset, bend = rng.uniform(-0.3, 0.3), rng.uniform(-1, 1)
        image += 0.25 * np.exp(-(((x - offset - bend * y**2) / 0.004) ** 2))
    image += 0.035 * _texture(rng, 6) + rng.normal(0, rng.uniform(0.01, 0.035), image.shape)
    image = np.clip(image, 0, 1) ** rng.uniform(0.7, 1.35)
    image = rng.uniform(0.75, 1.05) * image + rng.uniform(0, 0.12)
    return np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8)


def _opacities(
    centres: list[float], x: np.ndarray, y: np.ndarray, kind: str, rng: np.random.Generator
) -> np.ndarray:
    """Bacterial: one or two dense patches. Viral: a faint patchy veil over both lungs."""
    strength = rng.uniform(0.25, 0.55)
    grain = 1 + 0.5 * _texture(rng, 16)
    if kind == "virus":
        veil = sum(_blob(x, y, (c, rng.uniform(-0.1, 0.15)), (0.13, 0.2)) for c in centres)
        return 0.7 * strength * veil * np.clip(grain, 0.2, None)
    shadow = np.zeros_like(x + y)
    for _ in range(rng.integers(1, 3)):
        centre = centres[rng.integers(2)] + rng.normal(0, 0.04), rng.uniform(-0.15, 0.2)
        shadow += _blob(x, y, centre, (rng.uniform(0.06, 0.14), rng.uniform(0.06, 0.14)))
    return strength * np.minimum(shadow, 1.3) * np.clip(grain, 0.3, None)


def _haze(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """What a healthy chest may show: an even veil (breast, poor breath) or a small bright spot."""
    veil = rng.uniform(0, 0.06) * np.clip(1 + 2 * (y - 0.1), 0, None) * np.ones_like(x)
    spot = _blob(x, y, (rng.uniform(-0.3, 0.3), rng.uniform(-0.2, 0.2)), (0.03, 0.03))
    return veil + (rng.random() < 0.35) * rng.uniform(0.05, 0.2) * spot


def _blob(x: np.ndarray, y: np.ndarray, centre: Pair, radii: Pair) -> np.ndarray:
    return np.exp(-(((x - centre[0]) / radii[0]) ** 2) - ((y - centre[1]) / radii[1]) ** 2)


def _inside(
    x: np.ndarray, y: np.ndarray, centre: Pair, radii: Pair, soft: float = 0.08
) -> np.ndarray:
    """1 inside an ellipse, 0 outside, with a soft rim."""
    distance = np.hypot((x - centre[0]) / radii[0], (y - centre[1]) / radii[1])
    return _step((1 - distance) / soft)


def _step(distance: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(distance))


def _texture(rng: np.random.Generator, cells: int) -> np.ndarray:
    """Smooth noise with about `cells` bumps a side, standard deviation near 1."""
    coarse = Image.fromarray(rng.normal(0, 1.3, (cells, cells)).astype(np.float32))
    return np.asarray(coarse.resize((CANVAS, CANVAS), Image.Resampling.BICUBIC))
