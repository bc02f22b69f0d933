"""Augmentation of whole batches, driven by a table with one row of parameters per image.

Nothing random happens on the batch: `draw_table` draws an epoch's parameters at once, and `apply`
is a pure function of pixels and parameters, so an image looks the same whichever worker has it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample, pad


@dataclass(frozen=True, kw_only=True)
class Augment:
    """How far images are varied. The defaults vary nothing.

    Geometry: a window of `crop_scale_min` to `crop_scale_max` of the image's area (above 1 zooms
    out, mirrored at the border) with an aspect from 1/`crop_ratio` to `crop_ratio`, placed anywhere
    inside; rotated by up to `rotate_degrees` either way; mirrored left to right half of the time.
    Intensity, on [0, 1]: exponent from exp(-`gamma`) to exp(`gamma`); contrast about the image's
    mean from 1 - `contrast` to 1 + `contrast`; up to `brightness` added either way; from blurred
    (-`sharpness`; -1 is a 3 x 3 binomial filter) to sharpened; Gaussian noise with a standard
    deviation up to `noise`; in half of the images a rectangle of up to `erase` of the area greyed.
    """

    crop_scale_min: float = 1.0
    crop_scale_max: float = 1.0
    crop_ratio: float = 1.0
    rotate_degrees: float = 0.0
    flip: bool = False
    brightness: float = 0.0
    contrast: float = 0.0
    gamma: float = 0.0
    sharpness: float = 0.0
    noise: float = 0.0
    erase: float = 0.0


PRESETS = {
    "none": Augment(),
    "light": Augment(
        crop_scale_min=0.8,
        crop_ratio=1.1,
        rotate_degrees=5,
        flip=True,
        brightness=0.1,
        contrast=0.1,
        gamma=0.1,
    ),
    # Hospitals differ in framing, exposure and processing. Windows above the full area keep the
    # scale of whole images, as validation shows them, inside the range seen in training.
    "wide": Augment(
        crop_scale_min=0.3,
        crop_scale_max=1.15,
        crop_ratio=4 / 3,
        rotate_degrees=12,
        flip=True,
        brightness=0.1,
        contrast=0.3,
        gamma=0.35,
        sharpness=0.8,
        noise=0.02,  # at 0.04 faint opacities drown
        erase=0.1,
    ),
}


def build_augment(
    preset: str, flip: bool | None = None, zoom: float | None = None, rotate: float | None = None
) -> Augment:
    """The preset of that name, with single switches laid over it; None leaves the preset's own.

    `zoom` (from 0, below 1) shows a window whose side is from 1 - zoom to 1 + zoom of the image's;
    `rotate` turns by up to so many degrees either way.
    """
    switched: dict[str, Any] = {}
    if flip is not None:
        switched["flip"] = flip
    if zoom is not None:
        switched |= {"crop_scale_min": (1 - zoom) ** 2, "crop_scale_max": (1 + zoom) ** 2}
    if rotate is not None:
        switched["rotate_degrees"] = rotate
    return replace(PRESETS[preset], **switched)


COLUMNS = (
    *("xx", "xy", "x0", "yx", "yy", "y0"),  # output -> input coordinates in [-1, 1]
    *("gamma", "contrast", "brightness", "sharpness"),
    *("noise", "noise_at"),  # standard deviation, where in the bank of noise
    *("erase_x", "erase_y", "erase_width", "erase_height"),  # centre and half sides in [-1, 1]
)
_NOISE_PLACES = 2**20  # below 2**24: whole numbers that float32 holds exactly


def seeded(*key: int) -> torch.Generator:
    """A CPU generator for this key of non-negative numbers; other keys are independent streams."""
    state = np.random.SeedSequence(key).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> 1))


def draw_table(augment: Augment, num_images: int, seed: int, epoch: int) -> Tensor:
    """Draw an epoch's parameters: (num_images, len(COLUMNS)) float32, one row per image.

    Fixed by (seed, epoch). Every column has its own random numbers: switching one variation off
    leaves the others as they were.
    """
    # (16, num_images) uniform on [-1, 1)
    uniform = torch.rand(num_images, 16, generator=seeded(seed, epoch, 1)).mul(2).sub(1).T
    area, ratio, angle, mirror, x, y, gamma, contrast, brightness, sharpness = uniform[:10]
    noise, noise_at, erase, erase_ratio, erase_x, erase_y = uniform[10:]

    middle = (augment.crop_scale_max + augment.crop_scale_min) / 2
    area = middle + (augment.crop_scale_max - augment.crop_scale_min) / 2 * area
    ratio = torch.exp(ratio * math.log(augment.crop_ratio))
    longest = math.sqrt(max(1.0, augment.crop_scale_max))
    width = (area * ratio).sqrt().clamp(max=longest)
    height = (area / ratio).sqrt().clamp(max=longest)
    mirror = 1 - 2 * (mirror < 0) * float(augment.flip)
    angle = angle * math.radians(augment.rotate_degrees)

    erase = augment.erase * erase.clamp(min=0)
    erase_ratio = torch.exp(erase_ratio * math.log(2))
    columns = (
        *(width * angle.cos() * mirror, -width * angle.sin(), (1 - width).abs() * x),
        *(height * angle.sin() * mirror, height * angle.cos(), (1 - height).abs() * y),
        torch.exp(augment.gamma * gamma),
        1 + augment.contrast * contrast,
        augment.brightness * brightness,
        augment.sharpness * sharpness,
        augment.noise * (noise + 1) / 2,
        ((noise_at + 1) / 2 * _NOISE_PLACES).floor(),
        *(erase_x, erase_y, (erase * erase_ratio).sqrt(), (erase / erase_ratio).sqrt()),
    )
    return torch.stack(columns, dim=1)


def apply(images: Tensor, table: Tensor, augment: Augment) -> Tensor:
    """Vary a batch by its rows of the table: a pure function of each image and its row.

    `images` (B, C, H, W) float32 in [0, 1], `table` (B, len(COLUMNS)) on the same device. Gives
    the same shape and range. Steps that `augment` does not ask for are left out.
    """
    parameters = dict(zip(COLUMNS, table[:, :, None, None, None].unbind(1), strict=True))
    for step in _steps(augment):
        images = step(images, parameters)
    return images


Parameters = dict[str, Tensor]  # each (B, 1, 1, 1)


@lru_cache
def _steps(augment: Augment) -> tuple[Callable[[Tensor, Parameters], Tensor], ...]:
    a = augment
    moves = (a.crop_scale_min, a.crop_scale_max, a.crop_ratio) != (1, 1, 1)
    asked = {
        _warp: moves or a.rotate_degrees or a.flip,
        _sharpen: a.sharpness,
        _gamma: a.gamma,
        _contrast: a.contrast or a.brightness,
        _noise: a.noise,
        _erase: a.erase,
    }
    return tuple(step for step, wanted in asked.items() if wanted)


def _centres(num_pixels: int, device: torch.device) -> Tensor:
    return (torch.arange(num_pixels, device=device) * 2 + 1) / num_pixels - 1


def _warp(images: Tensor, p: Parameters) -> Tensor:
    # By hand: affine_grid multiplies matrices, 25 times slower on a CPU (0.037 ms at 64 px).
    x = _centres(images.shape[3], images.device)
    y = _centres(images.shape[2], images.device)[:, None]
    grid = torch.cat([p["xx"] * x + p["xy"] * y + p["x0"], p["yx"] * x + p["yy"] * y + p["y0"]], 1)
    # The border is mirrored: black wedges would be edges that no X-ray has.
    grid = grid.permute(0, 2, 3, 1)
    return grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def _sharpen(images: Tensor, p: Parameters) -> Tensor:
    # Slices, not a convolution: 0.005 against 0.021 ms at 64 px.
    rows = pad(images, (1, 1, 1, 1), mode="replicate")
    rows = rows[..., :-2] + 2 * rows[..., 1:-1] + rows[..., 2:]
    blurred = (rows[..., :-2, :] + 2 * rows[..., 1:-1, :] + rows[..., 2:, :]).div_(16)
    return (images - blurred).mul_(p["sharpness"]).add_(images).clamp_(0, 1)


def _gamma(images: Tensor, p: Parameters) -> Tensor:
    return images.pow(p["gamma"])  # exact at 0 and 1; exp(log) saves 0.002 ms at 64 px


def _contrast(images: Tensor, p: Parameters) -> Tensor:
    mean = images.mean((1, 2, 3), keepdim=True)
    return (images - mean).mul_(p["contrast"]).add_(mean + p["brightness"]).clamp_(0, 1)


@lru_cache(maxsize=4)
def _noise_bank(num_values: int, device: torch.device) -> Tensor:
    """Standard normal noise, from each of `_NOISE_PLACES` places `num_values` on, as a view."""
    bank = torch.randn(num_values + _NOISE_PLACES - 1, generator=seeded(0))
    return bank.to(device).unfold(0, num_values, 1)


def _noise(images: Tensor, p: Parameters) -> Tensor:
    bank = _noise_bank(images[0].numel(), images.device)
    noise = bank[p["noise_at"].flatten().long()].view(images.shape)
    return noise.mul_(p["noise"]).add_(images).clamp_(0, 1)


def _erase(images: Tensor, p: Parameters) -> Tensor:
    columns = (_centres(images.shape[3], images.device) - p["erase_x"]).abs() < p["erase_width"]
    lines = _centres(images.shape[2], images.device)[:, None] - p["erase_y"]
    erased = columns & (lines.abs() < p["erase_height"])
    return torch.where(erased, images.mean((1, 2, 3), keepdim=True), images)
