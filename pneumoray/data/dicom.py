"""A DICOM film as it is meant to be seen: one chain from stored values to 8 bits.

decode; Modality LUT or rescale; padding masked; VOI LUT or window, else the range of the bits stored;
polarity last, and once (PS3.3 C.11.1, C.11.2, C.7.6.3.1.2; PS3.4 N.2). Without pydicom, the extra
`dicom`, a film is refused by that name. No message quotes a value of the file: it may be a name.
"""

import io
import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from pneumoray.data.dicom_grey import Refusal, eight_bits, grey_levels
from pneumoray.errors import DataError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

INSTALL = "pip install 'pneumoray[dicom]'"
_IMAGE_GROUP = 0x28  # of the elements about pixels; a name or an identifier is none of them
_MORE = ["PresentationLUTShape", "PresentationLUTSequence", "PixelData"]
_MORE += ["FloatPixelData", "DoubleFloatPixelData"]
_GREY = ("MONOCHROME1", "MONOCHROME2")
_QUIET = ("ignore", None, Warning, re.compile("pydicom"), 0)
_COLORS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "PALETTE COLOR")
_MOST_BITS = 16  # of a grey value


@dataclass(frozen=True, eq=False)
class Film:
    """Pixels as shown, (H, W) or (H, W, 3) uint8, and what the file says of those it stores."""

    pixels: np.ndarray
    mode: str  # "MONOCHROME1", "RGB", ...
    depth: str  # "DICOM 12": no word of depth.py's for numbers whose range is unknown


def read(data: bytes, most_pixels: int) -> Film:
    """The one frame of a DICOM file's bytes. Raises DataError, to be told after the name of the file."""
    try:
        from pydicom.datadict import DicomDictionary

        group = [entry[4] for tag, entry in DicomDictionary.items() if tag >> 16 == _IMAGE_GROUP]
        return _shown(parse(io.BytesIO(data), [*filter(None, group), *_MORE]), most_pixels)
    except Refusal as error:
        raise DataError(f"is DICOM and can't be shown: {error}") from None
    except ImportError:
        raise DataError(f"is DICOM, which needs pydicom: {INSTALL}") from None
    except Exception as error:  # of damaged files: anything. Its text may quote a value
        raise DataError(
            f"is DICOM and can't be decoded ({type(error).__name__}); it may be damaged: "
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


def _shown(film: "Dataset", most_pixels: int) -> Film:
    from pydicom.pixels import apply_color_lut, pixel_array

    _check(film, most_pixels)
    photometric, bits = film.PhotometricInterpretation, film.BitsStored
    if photometric in _GREY:
        stored = pixel_array(film, correct_unused_bits=False)
        pixels = grey_levels(film)[_bits_stored(stored, film)]
    elif photometric == "PALETTE COLOR":
        highest = 2 ** film.RedPaletteColorLookupTableDescriptor[2] - 1
        pixels = eight_bits(apply_color_lut(pixel_array(film), film)[..., :3] / highest)
    else:
        pixels = eight_bits(pixel_array(film) / (2**bits - 1))  # of YBR in RGB
    return Film(pixels, photometric, f"DICOM {bits}")


def _check(film: "Dataset", most_pixels: int) -> None:
    if "Rows" not in film or "PhotometricInterpretation" not in film:
        raise Refusal("it holds no image")
    if "PixelData" not in film:
        floats = "FloatPixelData" in film or "DoubleFloatPixelData" in film
        raise Refusal("its pixels are floating-point numbers" if floats else "it holds no pixels")
    num_frames = int(film.get("NumberOfFrames") or 1)
    if num_frames > 1:
        raise Refusal(f"it has {num_frames} frames, and an image has one: export the frame to use")
    if film.PhotometricInterpretation not in (*_GREY, *_COLORS):
        raise Refusal(f"its photometric interpretation is none of {', '.join((*_GREY, *_COLORS))}")
    if film.PhotometricInterpretation in _GREY and film.BitsStored > _MOST_BITS:
        raise Refusal(f"it has {film.BitsStored} bits a pixel, and up to {_MOST_BITS} are read")
    if film.Rows * film.Columns > most_pixels:
        raise Refusal(f"{film.Columns} x {film.Rows} pixels, {most_pixels} are allowed")
    if "PresentationLUTSequence" in film:
        raise Refusal("it has a presentation LUT of its own; export it without")


def _bits_stored(stored: np.ndarray, film: "Dataset") -> np.ndarray:
    """The bits that are pixels, unsigned: other bits of a word may hold an overlay."""
    bits, syntax = film.BitsStored, film.file_meta.TransferSyntaxUID
    words = stored.view(stored.dtype.str.replace("i", "u"))
    if not syntax.is_compressed or syntax.name.startswith("RLE"):  # a JPEG's are always the lowest
        words = words >> (film.get("HighBit", bits - 1) + 1 - bits)
    return words & (2**bits - 1)
