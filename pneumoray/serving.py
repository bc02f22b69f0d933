"""A Bundle as MLflow serves it: image bytes or pixels in, a table out.

This module is what a registered model opens itself with, so it needs neither an installed
pneumoray nor Ray nor MLflow.
"""

import base64
import binascii
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from pneumoray import bundle
from pneumoray.bundle import Bundle
from pneumoray.errors import DataError


class _Served:
    """What MLflow calls. Inputs are image bytes (base64 in JSON) or uint8 pixels, never paths."""

    def __init__(self, opened: Bundle) -> None:
        self.bundle = opened

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """As `Bundle.predict`, of a table with a column `image`, a list, or an array."""
        return self.bundle.predict(_inputs(model_input))


def _load_pyfunc(data_path: str) -> _Served:
    """MLflow's way in. The model brings its code, that of own backbones as well, to be run."""
    return _Served(bundle.load(Path(data_path), own_code=True))


def _inputs(model_input: Any) -> Sequence[bytes | np.ndarray]:
    if isinstance(model_input, pd.DataFrame):
        if "image" not in model_input and model_input.shape[1] != 1:
            raise DataError(
                f"the table has columns {', '.join(map(str, model_input.columns))}; give one named "
                "'image' that holds each image's bytes"
            )
        column = "image" if "image" in model_input else model_input.columns[0]
        model_input = model_input[column].tolist()
    if isinstance(model_input, bytes | str) or _is_one_image(model_input):
        model_input = [model_input]
    return [_input(value, position) for position, value in enumerate(model_input)]


def _is_one_image(value: Any) -> bool:
    """Whether an array is one image, (H, W) or (H, W, 3), and not N of them."""
    if not isinstance(value, np.ndarray) or value.dtype == object:
        return False
    return value.ndim == 2 or (value.ndim == 3 and value.shape[2] == 3)


def _input(value: Any, position: int) -> bytes | np.ndarray:
    if isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise DataError(
                f"input {position} is the text {value[:40]!r}, which is no base64; send an image's "
                "bytes (in JSON as base64): paths are not opened"
            ) from None
    if isinstance(value, list | np.ndarray):  # JSON brings lists and wide integers
        value = np.asarray(value)
        if value.dtype.kind in "iu" and value.size and 0 <= value.min() <= value.max() <= 255:
            value = value.astype(np.uint8, copy=False)
    return cast(bytes | np.ndarray, value)
