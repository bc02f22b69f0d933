"""What a file says of its values, format by format: depth, range, polarity, quality."""

from collections.abc import Callable
from typing import Any

from PIL import Image, TiffImagePlugin

Range = tuple[float, float]  # the values that are black and white
BLACK, WHITE = "black is zero", "white is zero"
_COLORS = ("RGB", "RGBA", "RGBa", "RGBX", "CMYK")
_JPEG_LUMINANCE = 3675  # sum of the luminance table that the JPEG standard prints, quality 50

# Forms of TIFF that Pillow can unpack and only doesn't list: (byte order, photometric
# interpretation, sample formats, fill order, bits, extra samples) -> (mode, raw mode).
for _key, _modes in (
    ((b"II", 0, (1,), 1, (12,), ()), ("I;16", "I;12")),
    ((b"MM", 0, (1,), 1, (12,), ()), ("I;16", "I;12")),
    ((b"MM", 1, (1,), 1, (12,), ()), ("I;16", "I;12")),
    ((b"MM", 0, (1,), 1, (16,), ()), ("I;16B", "I;16B")),
    ((b"II", 0, (2,), 1, (16,), ()), ("I", "I;16S")),
    ((b"MM", 0, (2,), 1, (16,), ()), ("I", "I;16BS")),
    ((b"MM", 1, (1,), 1, (32,), ()), ("I", "I;32BS")),
):
    TiffImagePlugin.OPEN_INFO.setdefault(_key, _modes)


def said_by(image: Image.Image, data: bytes) -> dict[str, Any]:
    """Fields of `Stored` that an image says, opened from `data` and not loaded; others go without.

    And "scaled_to": the value that Pillow makes of the end of the range, where it is another.
    """
    return _OF_FORMAT.get(image.format or "", _of_mode)(image, data)


def _of_mode(image: Image.Image, data: bytes) -> dict[str, Any]:
    """Depth and range where nothing but Pillow's mode tells them."""
    if image.mode == "F":
        return {"depth": "float", "range": None}
    if image.mode[0] == "I":
        return {"depth": "signed 32" if image.mode == "I" else "16", "range": None}
    return {}


def _of_png(image: Image.Image, data: bytes) -> dict[str, Any]:
    if data[24] != 16:  # the header's bits a channel
        return {}
    if image.mode in _COLORS:
        return {"depth": "16 colour", "range": None}
    place = data.find(b"\0\0\0\x01sBIT", 33, data.find(b"IDAT"))  # significant bits, of one channel
    num_bits = data[place + 8] if place > 0 else 16
    # By the standard these are scaled to 16 bits, and many a program leaves them as they are.
    return {"depth": f"{num_bits} of 16" if 0 < num_bits < 16 else "16", "range": None}


def _of_tiff(image: Any, data: bytes) -> dict[str, Any]:
    """MinSampleValue and MaxSampleValue are statistics, by which no image is to be shown."""
    bits = max(image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, (1,)))
    signed = image.tag_v2.get(TiffImagePlugin.SAMPLEFORMAT, (1,))[0] == 2
    photometric = image.tag_v2.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION)
    says: dict[str, Any] = {"polarity": WHITE if photometric == 0 else BLACK}
    if image.mode == "F":
        return says | {"depth": "float", "range": None}
    if bits == 12:
        return says | {"depth": "12", "range": (0, 2**12 - 1)}
    if bits > 8:
        kind = "16 colour" if image.mode in _COLORS else f"{'signed ' * signed}{bits}"
        return says | {"depth": kind, "range": None}
    return says | ({"depth": "signed 8"} if signed and bits == 8 else {})


def _of_pnm(image: Any, data: bytes) -> dict[str, Any]:
    """Pillow scales values to its 16 bits by the stated maximum; it is taken back later."""
    args = image.tile[0].args
    if image.mode in _COLORS:  # of 16 bits Pillow keeps the high bytes
        is_all = isinstance(args, tuple) and args[1] == 65535
        return {"depth": "16 colour", "range": None} if is_all else {}
    if image.mode != "I":
        return _of_mode(image, data)
    maximum = args[1] if isinstance(args, tuple) else 65535
    if maximum == 65535:  # all that fits: nothing is said of the values
        return {"depth": "16", "range": None}
    bits = maximum.bit_length()
    depth = str(bits) if maximum == 2**bits - 1 else f"0 to {maximum}"
    return {"depth": depth, "range": (0, maximum), "scaled_to": 65535}


def _of_jpeg_2000(image: Image.Image, data: bytes) -> dict[str, Any]:
    """Pillow shifts values up to its 16 bits; that is taken back later."""
    if image.mode != "I;16":
        return {}
    size = data.find(b"\xff\x4f\xff\x51")  # where the codestream begins, with its sizes
    bits = (data[size + 42] & 0x7F) + 1
    if bits >= 16:
        return {"depth": "16", "range": None}
    high = 2**bits - 1
    return {"depth": str(bits), "range": (0, high), "scaled_to": high << (16 - bits)}


_OF_FORMAT: dict[str, Callable[[Any, bytes], dict[str, Any]]] = {
    "PNG": _of_png,
    "TIFF": _of_tiff,
    "PPM": _of_pnm,
    "JPEG2000": _of_jpeg_2000,
}


def jpeg_quality(image: Any) -> str:
    """The quality, 1 to 100, whose standard tables come nearest (below 25 too high); "" for others."""
    table = getattr(image, "quantization", {}).get(0)
    if table is None:
        return ""
    percent = 100 * sum(table) / _JPEG_LUMINANCE
    return f"{max(1, min(100, (200 - percent) / 2 if percent <= 100 else 5000 / percent)):.0f}"
