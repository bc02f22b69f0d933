"""A Bundle as MLflow serves it: image bytes or pixels in, a table out.

This module is what a registered model opens itself with, so it needs neither an installed
pneumoray nor Ray nor MLflow.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pneumoray import bundle, inputs
from pneumoray.bundle import Bundle
from pneumoray.errors import DataError

COLUMN = "image"  # of a table; its only column may have any name


class _Served:
    """What MLflow calls. Inputs are image bytes (base64 in JSON) or uint8 pixels, never paths."""

    def __init__(self, opened: Bundle) -> None:
        self.bundle = opened

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """As `Bundle.predict`, of whatever MLflow's scoring protocol makes of a request.

        That is a list or an array of images, a table or a dict with a column `image`, or a list of
        dicts with that key.
        """
        return self.bundle.predict([_input(one, i) for i, one in enumerate(_listed(model_input))])


def load(data_path: str) -> _Served:
    """The model in a bundle's folder. It brings its code, that of own backbones as well, to be run."""
    return _Served(bundle.load(Path(data_path), own_code=True))


_load_pyfunc = load  # what MLflow calls it


def _listed(model_input: Any) -> Sequence[Any]:
    """One item an image. A table has one a row; what a dict holds is what `inputs.listed` makes of it."""
    if isinstance(model_input, Mapping | pd.DataFrame):
        return inputs.listed(model_input[_column(list(model_input))])
    images = inputs.listed(model_input)
    if images and all(isinstance(one, Mapping) for one in images):
        return [one[_column(list(one))] for one in images]
    return images


def _column(names: list[Any]) -> Any:
    if COLUMN in names or len(names) == 1:
        return COLUMN if COLUMN in names else names[0]
    raise DataError(
        f"the table has columns {', '.join(map(str, names))}; give one named '{COLUMN}' that holds "
        "each image's bytes"
    )


def _input(value: Any, position: int) -> Any:
    if isinstance(value, np.ndarray) and value.ndim == 0:  # so MLflow wraps what a dict holds
        value = value.item()
    if isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise DataError(
                f"input {position} is the text {value[:40]!r}, which is no base64; send an image's "
                "bytes (in JSON as base64): paths are not opened"
            ) from None
    if not isinstance(value, list):
        return value
    try:
        return np.asarray(value)  # JSON brings lists
    except ValueError:
        raise DataError(
            f"input {position}: pixels are a list with rows of several lengths"
        ) from None
