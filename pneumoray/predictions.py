"""Predictions: image ids, labels and probabilities of one model on one split."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from pneumoray import artifact
from pneumoray.errors import WorkspaceError

PROB = "prob_"
SMALLEST_PROB = 1e-12  # keeps the logarithm of a saturated probability finite


@dataclass(frozen=True)
class Predictions:
    """Rows of a Manifest with one probability a class.

    images: N rows with id, label, group and whatever columns the user's table brought.
    probs: (N, C) float64, rows sum to one, in the order of `classes`.
    """

    images: pd.DataFrame
    probs: np.ndarray
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.probs.shape != (len(self.images), len(self.classes)):
            raise ValueError(
                f"probs of shape {self.probs.shape} for {len(self.images)} images "
                f"and {len(self.classes)} classes"
            )

    @property
    def image_ids(self) -> np.ndarray:
        return self.images["id"].to_numpy(dtype=str)

    @property
    def labels(self) -> np.ndarray:
        return self.images["label"].to_numpy(dtype=np.int64)

    @property
    def groups(self) -> np.ndarray:
        return self.images["group"].to_numpy(dtype=str)

    def table(self) -> pd.DataFrame:
        """One row an image: the image's columns, then prob_CLASS for each class."""
        probs = pd.DataFrame(self.probs, columns=[PROB + name for name in self.classes])
        return pd.concat([self.images.reset_index(drop=True), probs], axis=1)

    def save(self, path: Path) -> None:
        """Write a CSV, whole or absent. Probabilities keep every bit."""
        artifact.write_text(path, self.table().to_csv(index=False))

    @classmethod
    def load(cls, path: Path) -> "Predictions":
        """Read what `save` wrote. Raises WorkspaceError when the file is missing or damaged."""
        try:
            table = pd.read_csv(path, dtype=str, keep_default_na=False).astype({"label": "int64"})
            columns = [name for name in table.columns if name.startswith(PROB)]
            probs = table[columns].astype(np.float64).to_numpy()
        except (OSError, ValueError, KeyError) as error:
            reason = " ".join(str(error).split())
            raise WorkspaceError(f"predictions {path} can't be read: {reason}; run again") from None
        return cls(
            images=table.drop(columns=columns),
            probs=probs,
            classes=tuple(name.removeprefix(PROB) for name in columns),
        )


def predict(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> np.ndarray:
    """Class probabilities (N, C) float64 of `model` in evaluation mode, in the order of `batches`.

    Batches are (images, labels) on the model's device; computed in float32 whatever training used.
    """
    model.eval()
    with torch.inference_mode():
        logits = torch.cat([model(images).float() for images, _ in batches])
        return logits.double().softmax(dim=1).cpu().numpy()


def log_probs(probs: np.ndarray) -> np.ndarray:
    """Natural logarithms that are finite even of 0."""
    return np.log(np.clip(probs, SMALLEST_PROB, None))


def apply_temperature(probs: np.ndarray, temperature: float) -> np.ndarray:
    """`softmax(log(probs) / temperature)`, (N, C) float64: softer above 1, the order unchanged.

    A temperature of 1 leaves every bit as it is.
    """
    if temperature == 1:
        return probs
    logits = log_probs(probs) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
