from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pneumoray.data.folder import scan
from pneumoray.data.rules import Rules


@pytest.fixture
def draw() -> Callable[..., Path]:
    """Writes a small image whose pixels follow from its seed, and makes the folders above it."""

    def write(path: Path, seed: int = 0, mode: str = "L", size: tuple[int, int] = (40, 30)) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
        Image.fromarray(pixels).convert(mode).save(path)
        return path

    return write


@pytest.fixture
def kaggle(tmp_path: Path, draw: Callable[..., Path]) -> Path:
    """Kermany's names in Kaggle's layout: 24 + 24 train, 2 + 2 val, 6 + 6 test; two a patient."""
    root = tmp_path / "chest_xray"
    number = 0
    for split, num in (("train", 24), ("val", 2), ("test", 6)):
        for i in range(num):
            number += 1
            patient = number // 2 if split == "train" else number
            draw(root / split / "NORMAL" / f"IM-{patient:04}-{i:04}.jpeg", number)
            draw(root / split / "PNEUMONIA" / f"person{patient}_virus_{number}.jpeg", 1000 + number)
    return root


@pytest.fixture
def make_table(tmp_path: Path, draw: Callable[..., Path]) -> Callable[[str], Path]:
    """Writes a table beside a folder `images` that holds 1.png, 2.png and 3.png."""

    def write(text: str) -> Path:
        for number in (1, 2, 3):
            draw(tmp_path / "images" / f"{number}.png", number)
        table = tmp_path / "table.csv"
        table.write_text(text, encoding="utf-8")
        return table

    return write


@pytest.fixture
def listed() -> Callable:
    """(rows by id, findings by kind) of a table whose images lie in `images`, under these Rules."""

    def read(table: Path, **rules):
        manifest, findings = scan(table, table.parent / "images", Rules(**rules))
        names = [manifest.classes[label] for label in manifest.images["label"]]
        rows = manifest.images.assign(name=names).set_index("id")
        return rows, {finding.kind: finding for finding in findings}

    return read
