"""One image file as pixels: what was stored, upright, 8 bit, grey or RGB."""

import errno
import hashlib
import io
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from PIL import Image, ImageOps

from pneumoray.data import dicom
from pneumoray.data.dicom_signature import is_dicom
from pneumoray.errors import DataError

Fit = Literal["squeeze", "pad", "crop"]
Color = Literal["grey", "rgb"]

NUM_CHANNELS: dict[Color, int] = {"grey": 1, "rgb": 3}
MAX_PIXELS = 89_478_485  # Pillow warns from here on; a film at full resolution has 20 million
STRIP_BYTES = 2**16  # of pixels copied at once: they stay in the cache
SIGNATURES = (  # what a file starts with, whatever its name says
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"RIFF", "WEBP"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file"),
    (b"<", "HTML or XML"),
)


@dataclass(frozen=True)
class ImageSettings:
    """How each image is brought to one shape. Equal settings make equal pixels.

    `crop_fraction` (above 0, up to 1) belongs to fit "crop"; under any other it is 1.
    """

    size: int
    fit: Fit = "squeeze"
    color: Color = "grey"
    crop_fraction: float = 1.0

    def __post_init__(self) -> None:
        if self.fit != "crop":
            object.__setattr__(self, "crop_fraction", 1.0)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of one image."""
        return self.size, self.size, NUM_CHANNELS[self.color]

    @property
    def num_bytes(self) -> int:
        return self.size * self.size * NUM_CHANNELS[self.color]

    def as_json(self) -> dict[str, Any]:
        """The fields, without a `crop_fraction` of 1: packs older than it stay what they are."""
        fields = asdict(self)
        if self.crop_fraction == 1:
            del fields["crop_fraction"]
        return fields


def sniff(data: bytes) -> str:
    """What `data` is by its first bytes: "JPEG", "PNG", ..., or "" when nothing is known."""
    if is_dicom(data):
        return "DICOM"
    return next((name for start, name in SIGNATURES if data.startswith(start)), "")


def decode(source: bytes | Path) -> Image.Image:
    """An encoded image (its bytes, or where it lies), upright by its EXIF tag, in mode L or RGB.

    16 bit values are scaled (65535 becomes 255), an alpha channel is dropped.
    Raises DataError for what can't be decoded completely.
    """
    return decode_stored(source)[0]


def decode_stored(source: bytes | Path) -> tuple[Image.Image, str]:
    """`decode`, together with the mode that the file stores ("L", "RGB", "I;16", "CMYK", ...)."""
    name = "the image" if isinstance(source, bytes) else str(source)
    try:
        data = source if isinstance(source, bytes) else read_file(source)
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        why = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"{name} can't be read ({why}); check the file") from None
    if not data:
        raise DataError(f"{name} is empty (0 bytes); restore or delete it")
    if is_dicom(data):
        film = dicom.read(data, MAX_PIXELS, name)
        return from_array(film.pixels), film.mode
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f"{image.width} x {image.height} pixels, {MAX_PIXELS} are allowed")
            if image.format == "EPS":
                raise ValueError("it is PostScript, a program to run and no image")
            mode = image.mode
            image.load()
            return _upright(_eight_bit(image)), mode
    except Exception as error:  # decoders raise nearly anything on damaged input
        reason = (
            "no known image format" if isinstance(error, OSError) and _unknown(error) else error
        )
        found = sniff(data)
        what = f", starts like {found}" if found else ""
        raise DataError(
            f"{name} can't be decoded ({_one_line(reason)}{what}); restore or delete it"
        ) from None


def read_file(path: Path) -> bytes:
    """The file's bytes. Raises OSError for a pipe or device as well: reading it might never end."""
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # of a folder the system says that itself
        raise OSError(errno.EINVAL, "it is no regular file")
    return path.read_bytes()


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


def pixel_sha256(image: Image.Image) -> str:
    """SHA-256 of size and pixels: equal for copies in another lossless format, grey or RGB.

    Where the processor has SHA instructions nothing in hashlib is faster: 0.9 ms for 1320 x 992 in
    grey, which takes 2.4 ms to decode.
    """
    shape: tuple[int, ...] = image.height, image.width
    if image.mode == "RGB":
        hasher = hashlib.sha256(repr(shape).encode())
        for strip in _strips(image):
            red, green, blue = (band.tobytes() for band in strip.split())
            if not red == green == blue:
                break
            hasher.update(red)
        else:  # grey, stored as RGB
            return hasher.hexdigest()
        shape = *shape, 3
    hasher = hashlib.sha256(repr(shape).encode())
    for strip in _strips(image):
        hasher.update(strip.tobytes())
    return hasher.hexdigest()


def _strips(image: Image.Image) -> Iterator[Image.Image]:
    """Some rows at a time: a copy of 4032 x 3024 in one piece would double the time of hashing."""
    num_rows = max(1, STRIP_BYTES // (image.width * len(image.getbands())))
    for top in range(0, image.height, num_rows):
        yield image.crop((0, top, image.width, min(top + num_rows, image.height)))


def _eight_bit(image: Image.Image) -> Image.Image:
    if image.mode in ("L", "RGB"):
        return image
    if image.mode.startswith("I"):  # 16 bit: Pillow's own conversion would clip at 255
        scaled = (np.asarray(image).astype(np.int64).clip(0, 65535) + 128) // 257
        grey = Image.fromarray(scaled.astype(np.uint8))
        grey.info = image.info
        return grey
    if image.mode == "F":
        raise ValueError("floating-point pixels have no known range")
    if image.mode == "P":  # through RGBA: a palette may carry transparency
        return image.convert("RGBA").convert("RGB")
    return image.convert("L" if image.mode in ("1", "LA", "La") else "RGB")


def _upright(image: Image.Image) -> Image.Image:
    try:
        ImageOps.exif_transpose(image, in_place=True)
    except Exception:  # a damaged EXIF block is no reason to lose a whole image
        return image
    return image


def _unknown(error: OSError) -> bool:
    return "cannot identify" in str(error)


def _one_line(reason: object) -> str:
    return " ".join(str(reason).split()) or type(reason).__name__
