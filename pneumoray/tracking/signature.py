"""What MLflow is told of a model's inputs and outputs, and the example of a request."""

import base64
import io
from collections.abc import Sequence

import numpy as np
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types.schema import ColSpec, DataType, Schema, TensorSpec
from PIL import Image

from pneumoray.predictions import PROB


def of_classes(classes: Sequence[str]) -> ModelSignature:
    """The signature of a bundle with these classes: the columns of its table.

    It has no schema of inputs. MLflow would bring every input to that before the model sees it: by
    a named column it refuses a list of images, by an unnamed one {"image": ...}, and by either it
    takes the rows of a pixel array for images.
    """
    outputs: list[ColSpec | TensorSpec] = [
        ColSpec(DataType.string, "predicted"),
        *(ColSpec(DataType.double, PROB + name) for name in classes),
        ColSpec(DataType.double, "threshold", required=False),
        ColSpec(DataType.string, "threshold_class", required=False),
        ColSpec(DataType.double, "disagreement", required=False),
    ]
    return ModelSignature(outputs=Schema(outputs))


def example() -> pd.DataFrame:
    """A request that every model takes: one small grey image, in base64 as JSON needs it."""
    buffer = io.BytesIO()
    pixels = np.add.outer(np.arange(0, 256, 32), np.arange(8)).astype(np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return pd.DataFrame({"image": [base64.b64encode(buffer.getvalue()).decode()]})
