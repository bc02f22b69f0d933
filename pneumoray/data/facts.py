"""Facts: what reading one image tells of it, beside its pixels."""

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from pneumoray.data.depth import COLOUR, extent
from pneumoray.data.formats import HEAD_BYTES, sniff
from pneumoray.data.said import BLACK
from pneumoray.data.stored import Stored

Facts = dict[str, Any]  # FACT_COLUMNS of one image
STRIP_BYTES = 2**16  # of pixels looked at at once: they stay in the cache


def facts_of(stored: Stored, data: bytes) -> Facts:
    """FACT_COLUMNS of an image that was decoded from `data`."""
    width, height = stored.size
    pixel_sha256, low, high = fingerprint(stored)
    return {
        "width": width,
        "height": height,
        "mode": stored.mode,
        "format": sniff(data[:HEAD_BYTES]),
        "sha256": hashlib.sha256(data).hexdigest(),
        "pixel_sha256": pixel_sha256,
        "depth": stored.depth,
        "polarity": stored.polarity,
        "low": float(low),
        "high": float(high),
        "num_frames": stored.num_frames,
        "jpeg_quality": stored.jpeg_quality,
        **colour_of(stored),
    }


def fingerprint(stored: Stored) -> tuple[str, float, float]:
    """(SHA-256 of size and pixels, lowest, highest stored value).

    The hash is equal for copies in another lossless format, grey or RGB, in 8 bits or the same in
    16, and is taken before depth is reduced. Where the processor has SHA instructions nothing in
    hashlib is faster: 0.9 ms for 1320 x 992 in grey, which takes 2.4 ms to decode.
    """
    if isinstance(stored.pixels, Image.Image):
        found = _of_image(stored.pixels)
        return (found[0], *extent(stored)) if stored.depth == COLOUR else found
    values, (low, high) = stored.pixels, extent(stored)
    scale = 1 if high <= 255 else 257  # 255 stays, or becomes 65535
    if values.dtype == np.uint16 and stored.polarity == BLACK and (values % scale == 0).all():
        eight_bits = Image.fromarray((values // scale).astype(np.uint8))
        return _of_image(eight_bits)[0], low, high
    head = repr((values.shape, values.dtype.str, stored.polarity)).encode()
    return hashlib.sha256(head + values.tobytes()).hexdigest(), low, high


def colour_of(stored: Stored) -> dict[str, float]:
    """Means over a grid of 4096 pixels: brightness, shares of red and blue, and how strong colour is.

    Shares are of the sum of the three channels, a third each of grey and of black; `colour` is the
    distance of the strongest channel from the weakest, 0 to 255.
    """
    grey = {"red_share": 1 / 3, "blue_share": 1 / 3, "colour": 0.0}
    if not isinstance(stored.pixels, Image.Image):
        rows, columns = (np.linspace(0, n - 1, 64).astype(int) for n in stored.pixels.shape)
        return grey | {"brightness": float(stored.pixels[np.ix_(rows, columns)].mean())}
    sample = np.asarray(stored.pixels.resize((64, 64), Image.Resampling.NEAREST), np.float64)
    if sample.ndim == 2:
        return grey | {"brightness": float(sample.mean())}
    means = sample.mean(axis=(0, 1))
    brightness = float(means @ (0.299, 0.587, 0.114))
    strongest, weakest = sample.max(axis=2), sample.min(axis=2)
    red, _, blue = means / means.sum() if means.sum() else np.full(3, 1 / 3)
    return {
        "red_share": float(red),
        "blue_share": float(blue),
        "colour": float((strongest - weakest).mean()),
        "brightness": brightness,
    }


def _of_image(image: Image.Image) -> tuple[str, int, int]:
    shape: tuple[int, ...] = image.height, image.width
    if image.mode == "RGB":
        hasher, extremes = hashlib.sha256(repr(shape).encode()), _Extremes()
        for strip in _strips(image):
            red, green, blue = (band.tobytes() for band in strip.split())
            if not red == green == blue:
                break
            hasher.update(red)
            extremes.update(red)
        else:  # grey, stored as RGB
            return hasher.hexdigest(), extremes.low, extremes.high
        shape = *shape, 3
    hasher, extremes = hashlib.sha256(repr(shape).encode()), _Extremes()
    for strip in _strips(image):
        pixels = strip.tobytes()
        hasher.update(pixels)
        extremes.update(pixels)
    return hasher.hexdigest(), extremes.low, extremes.high


class _Extremes:
    """The lowest and highest of bytes that come in pieces. Pillow's own take ten times as long."""

    low = 255
    high = 0

    def update(self, pixels: bytes) -> None:
        values = np.frombuffer(pixels, dtype=np.uint8)
        self.low, self.high = min(self.low, int(values.min())), max(self.high, int(values.max()))


def _strips(image: Image.Image) -> Iterator[Image.Image]:
    """Some rows at a time: a copy of 4032 x 3024 in one piece would double the time of hashing."""
    num_rows = max(1, STRIP_BYTES // (image.width * len(image.getbands())))
    for top in range(0, image.height, num_rows):
        yield image.crop((0, top, image.width, min(top + num_rows, image.height)))
