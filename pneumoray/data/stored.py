"""One image file as it stores its pixels, and what it says of them."""

import errno
import io
import re
import stat
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from pneumoray.data import dicom
from pneumoray.data.dicom_signature import is_dicom
from pneumoray.data.formats import HEAD_BYTES, READ, sniff
from pneumoray.data.said import BLACK, WHITE, Range, jpeg_quality, said_by
from pneumoray.errors import DataError

EIGHT_BITS: Range = (0, 255)
MAX_PIXELS = 89_478_485  # Pillow warns from here on; a film at full resolution has 20 million


@dataclass(frozen=True, eq=False)
class Stored:
    """Pixels as a file stores them, upright, and what it says of them.

    `pixels` are an image in mode L or RGB, of colour with 16 bits a channel the high bytes; or
    (H, W) uint16, int32, uint32 or float32 numbers. `mode` is Pillow's word for how they are stored
    ("L", "I;16", "CMYK", ...). `depth` is the number of bits; a class of `depth.py` where these are
    only room, and the file does not say the `range` of its values (None). The pixels of an image of
    8 bits have black at zero, whatever its `polarity`; numbers are as they are stored.
    """

    pixels: Image.Image | np.ndarray
    mode: str = "L"
    depth: str = "8"
    range: Range | None = EIGHT_BITS
    polarity: str = BLACK
    num_frames: int = 1
    jpeg_quality: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)"""
        if isinstance(self.pixels, Image.Image):
            return self.pixels.size
        return self.pixels.shape[1], self.pixels.shape[0]


def read_file(path: Path) -> bytes:
    """The file's bytes. Raises OSError for a pipe or device as well: reading it might never end."""
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # of a folder the system says that itself
        raise OSError(errno.EINVAL, "it is no regular file")
    return path.read_bytes()


def name_of(source: bytes | Path) -> str:
    """What messages call it."""
    return "the image" if isinstance(source, bytes) else str(source)


def decode_stored(source: bytes | Path) -> Stored:
    """The first page of an encoded image (its bytes, or where it lies), upright by its EXIF tag.

    Raises DataError for what can't be decoded completely.
    """
    name = name_of(source)
    try:
        data = source if isinstance(source, bytes) else read_file(source)
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        why = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"{name} can't be read ({why}); check the file") from None
    if not data:
        raise DataError(f"{name} is empty (0 bytes); restore or delete it")
    try:
        return _film(data) if is_dicom(data) else _decode(data)
    except DataError as error:
        raise DataError(f"{name} {error}") from None
    except Exception as error:  # decoders raise nearly anything on damaged input
        raise DataError(f"{name} can't be decoded ({_advice(error, data)}") from None


def _film(data: bytes) -> Stored:
    film = dicom.read(data, MAX_PIXELS)
    polarity = WHITE if film.mode == "MONOCHROME1" else BLACK
    return Stored(Image.fromarray(film.pixels), film.mode, film.depth, polarity=polarity)


def _decode(data: bytes) -> Stored:
    with Image.open(io.BytesIO(data)) as image:
        if image.width * image.height > MAX_PIXELS:
            raise Image.DecompressionBombError(f"{image.width} x {image.height} pixels")
        if image.format == "EPS":
            raise DataError(
                "can't be decoded (it is PostScript, a program to run and no image): convert it to PNG"
            )
        mode = image.mode
        num_frames = _num_frames(image)
        quality = jpeg_quality(image)
        says = said_by(image, data)
        image.load()
        scaled_to = says.pop("scaled_to", None)
        if mode[0] not in "IF":  # in one channel more than 8 bits, or floating point
            pixels = _upright(_plain(image))
            if says.get("depth") == "signed 8":
                pixels = pixels.point([(i + 128) % 256 for i in range(256)])
                says["depth"] = "8"
            return Stored(pixels, mode, num_frames=num_frames, jpeg_quality=quality, **says)
        values = _numbers(np.asarray(_upright(image)), says["depth"])
        if scaled_to:
            values = np.rint(values * (says["range"][1] / scaled_to)).astype(np.uint16)
        return Stored(values, mode, num_frames=num_frames, **says)


def _numbers(array: np.ndarray, depth: str) -> np.ndarray:
    """Little-endian values of one type a depth."""
    if depth == "float":
        array = array.astype(np.float32)
        if not np.isfinite(array).all():
            raise DataError(
                "has values that are no numbers (NaN or infinite): write it anew without"
            )
        return array
    if depth == "32":  # Pillow has no unsigned ones
        return array.astype(np.int32).view(np.uint32)
    return array.astype(np.int32 if depth.startswith("signed") else np.uint16)


def _plain(image: Image.Image) -> Image.Image:
    """In mode L or RGB, without an alpha channel."""
    if image.mode in ("L", "RGB"):
        return image
    if image.mode == "LAB":
        raise DataError("has colours in LAB: convert it to RGB or grey")
    if image.mode == "P":  # through RGBA: a palette may carry transparency
        return image.convert("RGBA").convert("RGB")
    if image.mode in ("RGBa", "La"):  # multiplied by alpha: Pillow divides on the way
        image = image.convert({"RGBa": "RGBA", "La": "LA"}[image.mode])
    return image.convert("L" if image.mode in ("1", "LA") else "RGB")


def _upright(image: Image.Image) -> Image.Image:
    try:
        ImageOps.exif_transpose(image, in_place=True)
    except Exception:  # a damaged EXIF block is no reason to lose a whole image
        return image
    return image


def _num_frames(image: Image.Image) -> int:
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception:  # of a later page that is damaged: the first can be read all the same
        return 1


def _advice(error: Exception, data: bytes) -> str:
    """The end of a message: why it can't be decoded, and what to do about it."""
    found = sniff(data[:HEAD_BYTES])
    what = f", starts like {found}" if found else ""
    if isinstance(error, Image.DecompressionBombError):
        too_many = re.search(r"\((\d+) pixels\)", str(error))  # where Pillow itself refuses
        size = f"{int(too_many[1]):,} pixels" if too_many else str(error)
        return f"{size}, {MAX_PIXELS} are allowed): make it smaller, such as 4000 pixels a side"
    is_unknown = isinstance(error, OSError) and "cannot identify" in str(error)
    if not is_unknown:
        reason = " ".join(str(error).split()) or type(error).__name__
        return f"{reason}{what}): it is damaged, put back a whole copy"
    if found in READ:
        return f"a form of {found} that is not known): convert it to PNG, or restore it if it is damaged"
    if not found:
        return "no known image format): restore it, or delete it if it is none"
    return f"no known image format{what}): {_NEXT_STEPS.get(found, 'convert it to PNG')}"


_NEXT_STEPS = {
    "HTML or XML": "download the image again",
    "a Git LFS pointer, not the file": "fetch the image with 'git lfs pull'",
    "gzip": "unpack it",
}
