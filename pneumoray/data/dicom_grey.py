"""The grey levels of a DICOM film: as what each value is shown that a pixel of it can have.

Modality LUT or rescale; VOI LUT or window, else the range of the bits stored; polarity last, and once
(PS3.3 C.11.1, C.11.2, C.7.6.3.1.2; PS3.4 N.2); padding is black.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_Levels = np.ndarray  # float64, from 0 to 1 as shown


class Refusal(Exception):
    """Why a sound film is not shown, in words that quote no name."""


def grey_levels(film: "Dataset") -> np.ndarray:
    """(2 ** bits,) uint8: as what each value is shown that a pixel can have, in order of its bits."""
    values = np.arange(2**film.BitsStored)
    if film.PixelRepresentation == 1:
        values[len(values) // 2 :] -= len(values)
    levels = _windowed(*_rescaled(values, film), film)
    if _is_inverted(film):
        levels = 1 - levels
    levels[_is_padding(values, film)] = 0
    return eight_bits(levels)


def eight_bits(levels: _Levels) -> np.ndarray:
    return np.rint(levels.clip(0, 1) * 255).astype(np.uint8)


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
        raise Refusal("its rescale slope is 0")
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
        raise Refusal("its VOILUTFunction is none of LINEAR, LINEAR_EXACT and SIGMOID")
    if width <= 0 or (width < 1 and function == "LINEAR"):
        raise Refusal(f"its window width {width:g} is too small for {function}")
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
