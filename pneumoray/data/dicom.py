"""A DICOM film as it is meant to be seen: one chain from stored values to 8 bits.

decode; Modality LUT or rescale; padding masked; VOI LUT or window, else the range of the bits stored;
polarity last, and once (PS3.3 C.11.1, C.11.2, C.7.6.3.1.2; PS3.4 N.2). Without pydicom, the extra
`dicom`, a film is refused by that name. No message quotes a value of the file: it may be a name.
"""

import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from pneumoray.errors import DataError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

INSTALL = "pip install 'pneumoray[dicom]'"
_IMAGE_GROUP = 0x28  # of the elements about pixels; a name or an identifier is none of them
_MORE = ["PresentationLUTShape", "PresentationLUTSequence", "PixelData"]
_MORE += ["FloatPixelData", "DoubleFloatPixelData"]
_GREY = ("MONOCHROME1", "MONOCHROME2")
_QUIET = ("ignore", None, Warning, re.compile("pydicom"), 0)
_Levels = np.ndarray  # float64 (H, W), from 0 to 1 as shown


@dataclass(frozen=True, eq=False)
class Film:
    """Pixels as shown, (H, W) or (H, W, 3) uint8, and what the file says of those it stores."""

    pixels: np.ndarray
    mode: str  # "MONOCHROME1", "RGB", ...
    depth: str  # "8", "12 of 16"


def read(data: bytes, most_pixels: int, name: str = "the image") -> Film:
    """The one frame of a DICOM file's bytes. Raises DataError, which begins with `name`."""
    try:
        from pydicom.datadict import DicomDictionary

        group = [entry[4] for tag, entry in DicomDictionary.items() if tag >> 16 == _IMAGE_GROUP]
        return _shown(parse(io.BytesIO(data), [*filter(None, group), *_MORE]), most_pixels)
    except _Refusal as error:
        raise DataError(f"{name} is DICOM and can't be shown: {error}") from None
    except ImportError:
        raise DataError(f"{name} is DICOM, which needs pydicom: {INSTALL}") from None
    except Exception as error:  # of damaged files: anything. Its text may quote a value
        raise DataError(
            f"{name} is DICOM and can't be decoded ({type(error).__name__}); it may be damaged: "
            "export it again"
        ) from None


def parse(file: BinaryIO, keywords: list[str], *, pixels: bool = True) -> "Dataset":
    """The elements `keywords` of a DICOM file, with or without preamble. Without `pixels` it ends before."""
    import pydicom
    from pydicom import config, uid

    config.settings.reading_validation_mode = config.IGNORE  # its warnings quote values
    if _QUIET not in warnings.filters:
        warnings.filterwarnings("ignore", module="pydicom")
    film = pydicom.dcmread(file, force=True, specific_tags=keywords, stop_before_pixels=not pixels)
    if "TransferSyntaxUID" not in film.file_meta:  # a bare data set is never compressed
        is_implicit, is_little = film.original_encoding
        film.file_meta.TransferSyntaxUID = (
            uid.ImplicitVRLittleEndian
            if is_implicit
            else uid.ExplicitVRLittleEndian
            if is_little
            else uid.ExplicitVRBigEndian
        )
    return film


class _Refusal(Exception):
    """Why a sound film is not shown, in words that quote no name."""


def _shown(film: "Dataset", most_pixels: int) -> Film:
    from pydicom.pixels import apply_color_lut, pixel_array

    _check(film, most_pixels)
    photometric, bits = film.PhotometricInterpretation, film.BitsStored
    stored = pixel_array(film, correct_unused_bits=photometric not in _GREY)  # of YBR in RGB
    if photometric in _GREY:
        values = _bits_stored(stored, film)
        levels = _windowed(*_rescaled(values, film), film)
        if _is_inverted(film):
            levels = 1 - levels
        levels[_is_padding(values, film)] = 0
    elif photometric == "PALETTE COLOR":
        coloured = apply_color_lut(stored, film)[..., :3]
        levels = coloured / (2 ** (8 * coloured.dtype.itemsize) - 1)
    else:
        levels = stored / (2**bits - 1)
    depth = str(bits) if bits == film.BitsAllocated else f"{bits} of {film.BitsAllocated}"
    return Film(np.rint(levels.clip(0, 1) * 255).astype(np.uint8), photometric, depth)


def _check(film: "Dataset", most_pixels: int) -> None:
    if "Rows" not in film or "PhotometricInterpretation" not in film:
        raise _Refusal("it holds no image")
    if "PixelData" not in film:
        floats = "FloatPixelData" in film or "DoubleFloatPixelData" in film
        raise _Refusal("its pixels are floating-point numbers" if floats else "it holds no pixels")
    num_frames = int(film.get("NumberOfFrames") or 1)
    if num_frames > 1:
        raise _Refusal(f"it has {num_frames} frames, and an image has one: export the frame to use")
    if film.Rows * film.Columns > most_pixels:
        raise _Refusal(f"{film.Columns} x {film.Rows} pixels, {most_pixels} are allowed")
    if "PresentationLUTSequence" in film:
        raise _Refusal("it has a presentation LUT of its own; export it without")


def _bits_stored(stored: np.ndarray, film: "Dataset") -> np.ndarray:
    """int64 values of the bits that are pixels: other bits of a word may hold an overlay."""
    bits, is_signed = film.BitsStored, film.PixelRepresentation == 1
    values, syntax = stored.astype(np.int64), film.file_meta.TransferSyntaxUID
    if not syntax.is_compressed or syntax.name.startswith("RLE"):  # a JPEG's are always the lowest
        values >>= film.get("HighBit", bits - 1) + 1 - bits
    values &= 2**bits - 1
    return np.where(values >= 2 ** (bits - 1), values - 2**bits, values) if is_signed else values


def _is_padding(values: np.ndarray, film: "Dataset") -> np.ndarray:
    """Where pixels only fill the rectangle: at the padding value, or from it to its limit."""
    if film.get("PixelPaddingValue") is None:
        return np.zeros(values.shape, dtype=bool)
    given = [film.PixelPaddingValue]
    if film.get("PixelPaddingRangeLimit") is not None:
        given.append(film.PixelPaddingRangeLimit)
    if film.PixelRepresentation == 1:  # some writers give the value of a signed film unsigned
        given = [value - 2**16 if value >= 2**15 else value for value in given]
    return (values >= min(given)) & (values <= max(given))


def _rescaled(values: np.ndarray, film: "Dataset") -> tuple[np.ndarray, float, float]:
    """Values after the Modality LUT or rescale, with the lowest and highest that they could have."""
    if film.get("ModalityLUTSequence"):
        values, highest = _looked_up(values, film.ModalityLUTSequence[0], film)
        return values, 0, highest
    slope, intercept = (
        default if film.get(name) is None else float(film[name].value)
        for name, default in (("RescaleSlope", 1), ("RescaleIntercept", 0))
    )
    if slope == 0:
        raise _Refusal("its rescale slope is 0")
    low = -(2 ** (film.BitsStored - 1)) if film.PixelRepresentation == 1 else 0
    ends = [end * slope + intercept for end in (low, low + 2**film.BitsStored - 1)]
    return values * slope + intercept, min(ends), max(ends)


def _windowed(values: np.ndarray, low: float, high: float, film: "Dataset") -> _Levels:
    """The first VOI LUT, else the first window, else the range from `low` to `high`."""
    if film.get("VOILUTSequence"):
        shown, highest = _looked_up(values, film.VOILUTSequence[0], film)
        return shown / highest
    center, width = (_first(film.get(name)) for name in ("WindowCenter", "WindowWidth"))
    if center is None or width is None:
        return (values - low) / (high - low)
    function = str(film.get("VOILUTFunction") or "LINEAR").strip().upper()
    if function not in _WINDOWS:
        raise _Refusal("its VOILUTFunction is none of LINEAR, LINEAR_EXACT and SIGMOID")
    if width <= 0 or (width < 1 and function == "LINEAR"):
        raise _Refusal(f"its window width {width:g} is too small for {function}")
    return _WINDOWS[function](values, center, width)


def _linear(values: np.ndarray, center: float, width: float) -> _Levels:
    if width == 1:
        return (values > center - 0.5).astype(np.float64)
    return ((values - (center - 0.5)) / (width - 1) + 0.5).clip(0, 1)


def _linear_exact(values: np.ndarray, center: float, width: float) -> _Levels:
    return ((values - center) / width + 0.5).clip(0, 1)


def _sigmoid(values: np.ndarray, center: float, width: float) -> _Levels:
    with np.errstate(over="ignore"):  # far below the window: 1 / inf is the right 0
        return 1 / (1 + np.exp(-4 * (values - center) / width))


_WINDOWS: dict[str, Callable[[np.ndarray, float, float], _Levels]] = {  # PS3.3 C.11.2.1.2 and .3
    "LINEAR": _linear,
    "LINEAR_EXACT": _linear_exact,
    "SIGMOID": _sigmoid,
}


def _looked_up(values: np.ndarray, lut: "Dataset", film: "Dataset") -> tuple[np.ndarray, float]:
    """`values` through a LUT, and the highest value that its bits can have.

    pydicom's own refuses entries of 10 to 15 bits, bytes packed in words, and values below the first.
    """
    num_entries, first, bits = (int(number) for number in lut.LUTDescriptor)
    num_entries = num_entries or 2**16
    if first >= 2**15 and values.min() < 0:  # of negative values, but written as unsigned
        first -= 2**16
    data = lut.LUTData
    if isinstance(data, bytes):
        word = "<u2" if film.original_encoding[1] else ">u2"
        data = np.frombuffer(data, word if len(data) >= 2 * num_entries else "u1")
    table = np.atleast_1d(np.asarray(data, dtype=np.int64))[:num_entries]
    index = (values.astype(np.int64) - first).clip(0, len(table) - 1)
    return table[index], float(2**bits - 1)


def _is_inverted(film: "Dataset") -> bool:
    """By the PresentationLUTShape; without one, by the photometric interpretation."""
    shape = str(film.get("PresentationLUTShape") or "").strip().upper()
    if shape in ("INVERSE", "IDENTITY"):
        return shape == "INVERSE"
    return film.PhotometricInterpretation == "MONOCHROME1"


def _first(value: Any) -> float | None:
    if value is None or isinstance(value, str):
        return float(value) if value else None
    if hasattr(value, "__len__"):
        return float(value[0]) if len(value) else None
    return float(value)
