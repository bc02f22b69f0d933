"""One image brought to one shape: upright, 8 bit, grey or RGB, square."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from PIL import Image

from pneumoray.data.depth import Ranges, alone, shown
from pneumoray.data.stored import decode_stored, name_of
from pneumoray.errors import DataError

Fit = Literal["squeeze", "pad", "crop"]
Color = Literal["grey", "rgb"]

NUM_CHANNELS: dict[Color, int] = {"grey": 1, "rgb": 3}


@dataclass(frozen=True)
class ImageSettings:
    """How each image is brought to one shape. Equal settings make equal pixels.

    `crop_fraction` (above 0, up to 1) belongs to fit "crop"; under any other it is 1. `ranges` are
    those of the depth classes (`depth.Ranges`) that the images have.
    """

    size: int
    fit: Fit = "squeeze"
    color: Color = "grey"
    crop_fraction: float = 1.0
    ranges: Ranges = ()

    def __post_init__(self) -> None:
        if self.fit != "crop":
            object.__setattr__(self, "crop_fraction", 1.0)
        object.__setattr__(self, "ranges", tuple(map(tuple, self.ranges)))  # JSON has lists

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of one image."""
        return self.size, self.size, NUM_CHANNELS[self.color]

    @property
    def num_bytes(self) -> int:
        return self.size * self.size * NUM_CHANNELS[self.color]

    def as_json(self) -> dict[str, Any]:
        """The fields, without those that say nothing: packs older than them stay what they are."""
        fields = asdict(self)
        if self.crop_fraction == 1:
            del fields["crop_fraction"]
        if not self.ranges:
            del fields["ranges"]
        return fields


def decode(source: bytes | Path, ranges: Ranges = ()) -> Image.Image:
    """The film that an encoded image (its bytes, or where it lies) shows, in mode L or RGB.

    It is upright by its EXIF tag, and an alpha channel is dropped. `ranges` say which values are
    black and white where the file does not; without any it is a data set of one. Raises DataError
    for what can't be decoded completely, and where `depth.shown` does.
    """
    stored = decode_stored(source)
    try:
        return shown(stored, ranges or alone(stored))
    except DataError as error:
        raise DataError(f"{name_of(source)} {error}") from None


def to_array(
    image: Image.Image, size: int, fit: Fit, color: Color, *, crop_fraction: float = 1.0
) -> np.ndarray:
    """Resize to (size, size, 1) or (size, size, 3) uint8.

    "squeeze" ignores the aspect ratio, "pad" keeps it with black borders, "crop" keeps it and
    takes the square in the middle whose side is `crop_fraction` of the short side. Shrinking
    averages areas, growing interpolates.
    """
    mode = "L" if color == "grey" else "RGB"
    image = image if image.mode == mode else image.convert(mode)  # convert() would copy
    width, height = image.size
    box = (0.0, 0.0, float(width), float(height))
    target = (size, size)
    if fit == "crop":
        side = crop_fraction * min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
    elif fit == "pad":
        scale = size / max(width, height)
        target = (max(1, round(width * scale)), max(1, round(height * scale)))
    elif fit != "squeeze":
        raise ValueError(f"fit is {fit!r}, expected one of {get_args(Fit)}")
    shrinks = target[0] <= box[2] - box[0] and target[1] <= box[3] - box[1]
    filter_ = Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR
    array = np.asarray(image.resize(target, filter_, box=box))
    array = array.reshape(target[1], target[0], NUM_CHANNELS[color])
    if target != (size, size):
        top, left = (size - target[1]) // 2, (size - target[0]) // 2
        padded = np.zeros((size, size, array.shape[2]), dtype=np.uint8)
        padded[top : top + target[1], left : left + target[0]] = array
        array = padded
    return array


def viewed(image: Image.Image, settings: ImageSettings) -> np.ndarray:
    """`to_array` by settings."""
    return to_array(
        image,
        settings.size,
        settings.fit,
        settings.color,
        crop_fraction=settings.crop_fraction,
    )


def from_array(array: np.ndarray) -> Image.Image:
    """A uint8 array (H, W), (H, W, 1) or (H, W, 3) as an image in mode L or RGB."""
    if array.dtype != np.uint8:
        raise DataError(f"pixels have dtype {array.dtype}; give uint8 values from 0 to 255")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.size == 0 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)):
        raise DataError(f"pixels have shape {array.shape}; give (H, W), (H, W, 1) or (H, W, 3)")
    return Image.fromarray(np.ascontiguousarray(array))


def load(
    source: bytes | Path, size: int, fit: Fit, color: Color, *, crop_fraction: float = 1.0
) -> np.ndarray:
    """`decode`, then `to_array`."""
    return to_array(decode(source), size, fit, color, crop_fraction=crop_fraction)
