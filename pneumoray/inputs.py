"""What a model is given from Python or over HTTP: which of it is one image, and its decoding."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from pneumoray.data import image as images_
from pneumoray.data.stored import Stored, decode_stored
from pneumoray.errors import DataError

Input = bytes | np.ndarray
Seen = TypeVar("Seen")
_CHANNELS = (1, 3, 4)  # what the length of an axis of channels may be; 4 is refused as an image
_LEAST_WIDTH = 8  # pixels: a shorter last axis is one of channels, such as grey with alpha
_HOW = (
    "give a list of images (in JSON 'dataframe_records': [{'image': ...}, ...]), "
    "each (H, W) or (H, W, 3)"
)


def listed(given: Any) -> Sequence[Any]:
    """`given` as a sequence with one item an image.

    Encoded bytes, and an array (H, W), (H, W, 1) or (H, W, 3), are one image. Arrays (N, H, W),
    (N, H, W, 1) and (N, H, W, 3) are N, as is a list, a tuple or a column of a table. A list of
    lists, as JSON brings pixels, is the array of these numbers. Raises DataError for an array that
    can be read in two ways, as (3, H, W) can, for one that is no image, and for other types.
    """
    if isinstance(given, bytes | bytearray | memoryview | str):
        return [given]
    if isinstance(given, pd.Series):
        return given.tolist()
    if isinstance(given, list) and given and all(isinstance(one, list) for one in given):
        return _listed_numbers(given)
    if isinstance(given, list | tuple):
        return given
    if not isinstance(given, np.ndarray):
        raise DataError(f"input is of type {type(given).__name__}; give images as bytes or pixels")
    return _listed_array(given)


def _listed_numbers(given: list[list[Any]]) -> Sequence[Any]:
    try:
        return _listed_array(np.asarray(given))
    except ValueError:  # of several sizes: images, each with its own
        widths = [len(row) for one in given for row in one if isinstance(row, list)]
        if max(widths, default=0) < _LEAST_WIDTH:
            raise DataError(f"pixels are a list with rows of several lengths: {_HOW}") from None
        return given


def _listed_array(given: np.ndarray) -> Sequence[Any]:
    if given.dtype.kind in "OSU":  # bytes, text or ragged pixels
        return given.reshape(1).tolist() if given.ndim == 0 else list(given)
    if given.ndim == 2 or (given.ndim == 3 and _is_one(given.shape)):
        return [given]
    if given.ndim == 3 and len(given) in (3, 4):
        raise DataError(
            f"an array of shape {given.shape} is {len(given)} grey images, or one with channels "
            f"first: {_HOW}"
        )
    if given.ndim == 0:
        raise DataError(f"a single number is no image: {_HOW}")
    return list(given)


def _is_one(shape: tuple[int, ...]) -> bool:
    """Whether (a, b, c) is (H, W, channels). Raises DataError for what may be (N, H, W) or neither."""
    if shape[2] >= _LEAST_WIDTH:
        return False
    if shape[2] not in _CHANNELS:
        raise DataError(f"an array of shape {shape} has {shape[2]} channels: {_HOW}")
    if shape[0] in _CHANNELS or shape[2] == 4:
        raise DataError(f"an array of shape {shape} can be read in several ways: {_HOW}")
    return True


def decode(source: Any, position: int) -> Stored:
    """One image from its encoded bytes or its pixels.

    Pixels are uint8, or int64 from 0 to 255, which plain Python numbers become. Raises DataError
    that names the `position` of what can't be used.
    """
    try:
        if isinstance(source, bytes | bytearray | memoryview):
            return decode_stored(bytes(source))
        if isinstance(source, np.ndarray):
            return Stored(images_.from_array(_eight_bit(source)))
    except DataError as error:
        raise DataError(f"input {position}: {error}") from None
    raise DataError(
        f"input {position} is of type {type(source).__name__}; give an image as bytes or pixels"
    )


def seen(source: Any, position: int, view: Callable[[Stored], Seen]) -> Seen:
    """What `view` makes of an image. Raises DataError that names the `position`."""
    stored = decode(source, position)
    try:
        return view(stored)
    except DataError as error:
        raise DataError(f"input {position} {error}") from None


def _eight_bit(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype == np.int64 and pixels.size and 0 <= pixels.min() <= pixels.max() <= 255:
        return pixels.astype(np.uint8)
    return pixels
