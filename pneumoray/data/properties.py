"""Plain properties of images: how a film was made and stored, and nothing of what it shows."""

import numpy as np
import pandas as pd

from pneumoray.data.manifest import Manifest
from pneumoray.data.pack import Pack
from pneumoray.data.split import subset

MOST_IMAGES = 10_000  # that are measured: an AUROC's interval is then some 0.02 wide
_CHUNK_BYTES = 16 * 2**20  # of one (images, H, W, C) float32 array: memory stays flat
_FRAME = 16  # the border is this part of the side, at each edge
_BLACK = 8 / 255  # what JPEG makes of black stays below
_CONSTANT = 1e-6  # a standard deviation that is rounding alone
_WORDS = ("depth", "polarity", "mode", "format")  # columns of the manifest; older ones lack some


def outside_test(manifest: Manifest) -> np.ndarray:
    """Row numbers outside the test split, of about MOST_IMAGES images in whole groups at most."""
    images = manifest.images.reset_index(drop=True)
    outside = images[images["split"] != "test"].reset_index()
    return subset(manifest.with_images(outside), MOST_IMAGES).images["index"].to_numpy()


def file_properties(images: pd.DataFrame) -> pd.DataFrame:
    """A row an image of a manifest that was read, a column a property: float64, or words.

    width, height, aspect (width by height) and, where the manifest knows them, depth, polarity,
    mode, format and jpeg_quality (nan of what is no JPEG).
    """
    images = images.reset_index(drop=True)
    table = images[["width", "height"]].astype(np.float64)
    table["aspect"] = table["width"] / table["height"]
    for name in _WORDS:
        if name in images:
            table[name] = images[name]
    if "jpeg_quality" in images:
        table["jpeg_quality"] = pd.to_numeric(images["jpeg_quality"], errors="coerce")
    return table


def pixel_properties(pack: Pack, rows: np.ndarray) -> pd.DataFrame:
    """A row an image of `rows`, a column a property of its pixels in [0, 1]: float64.

    brightness and contrast (mean and standard deviation), border (brightness of the outer 1/16),
    black_border (the share of it that is black), sharpness (deviation of the Laplacian by the
    contrast) and, of colour, colourfulness (mean distance between the channels).
    """
    step = max(1, _CHUNK_BYTES // (4 * pack.settings.num_bytes))
    chunks = np.array_split(rows, range(step, len(rows), step))
    return pd.concat([_of_pixels(pack.pixels[chunk]) for chunk in chunks], ignore_index=True)


def _of_pixels(stored: np.ndarray) -> pd.DataFrame:
    pixels = stored.astype(np.float32) / 255
    grey = pixels.mean(axis=3)
    frame = grey[:, _is_border(*grey.shape[1:])]
    inner, up, down = grey[:, 1:-1, 1:-1], grey[:, :-2, 1:-1], grey[:, 2:, 1:-1]
    laplacian = 4 * inner - up - down - grey[:, 1:-1, :-2] - grey[:, 1:-1, 2:]
    contrast = grey.std(axis=(1, 2))
    found = {
        "brightness": grey.mean(axis=(1, 2), dtype=np.float64),
        "contrast": contrast,
        "border": frame.mean(axis=1, dtype=np.float64),
        "black_border": (frame < _BLACK).mean(axis=1),
        "sharpness": np.where(
            contrast > _CONSTANT, laplacian.std(axis=(1, 2)) / np.maximum(contrast, _CONSTANT), 0
        ),
    }
    if pixels.shape[3] > 1:
        found["colourfulness"] = (pixels.max(axis=3) - pixels.min(axis=3)).mean(axis=(1, 2))
    return pd.DataFrame(found).astype(np.float64)


def _is_border(height: int, width: int) -> np.ndarray:
    is_border = np.ones((height, width), dtype=bool)
    rows, columns = max(1, height // _FRAME), max(1, width // _FRAME)
    is_border[rows:-rows, columns:-columns] = False
    return is_border
