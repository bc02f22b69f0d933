"""Plain properties, each worked out by hand on images made for it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pneumoray.data.image import ImageSettings
from pneumoray.data.manifest import Manifest
from pneumoray.data.pack import Pack
from pneumoray.data.properties import (
    MOST_IMAGES,
    file_properties,
    outside_test,
    pixel_properties,
)


def pack_of(pixels, **facts):
    """A Pack of these pixels, (N, H, W) or (N, H, W, 3) uint8, whose manifest has these columns."""
    pixels = np.asarray(pixels, dtype=np.uint8)
    pixels = pixels[..., None] if pixels.ndim == 3 else pixels
    num, side, _, channels = pixels.shape
    size = {"width": [side] * num, "height": [side] * num}
    settings = ImageSettings(side, color="grey" if channels == 1 else "rgb")
    manifest = Manifest(pd.DataFrame(size | facts), ("A", "B"), ".")
    return Pack(Path(), "", settings, manifest, pixels)


def frame_of(border, inside):
    image = np.full((32, 32), border)
    image[2:-2, 2:-2] = inside  # 1/16 of 32 is 2
    return image


def test_size_and_aspect_are_the_files():
    pack = pack_of(np.zeros((2, 16, 16)), width=[2000, 1000], height=[1000, 1000])
    found = file_properties(pack.manifest.images)
    assert found[["width", "height", "aspect"]].values.tolist() == [
        [2000, 1000, 2],
        [1000, 1000, 1],
    ]


def test_brightness_contrast_and_border():
    found = pixel_properties(
        pack_of([frame_of(0, 255), frame_of(255, 0), frame_of(51, 51)]), np.arange(3)
    )
    inside = 28**2 / 32**2  # of the pixels
    assert found["brightness"].tolist() == pytest.approx([inside, 1 - inside, 0.2])
    spread = (inside * (1 - inside)) ** 0.5
    assert found["contrast"].tolist() == pytest.approx([spread, spread, 0], abs=1e-6)
    assert found["border"].tolist() == pytest.approx([0, 1, 0.2])
    assert found["black_border"].tolist() == [1, 0, 0]


def test_the_share_of_a_border_that_is_black_takes_what_jpeg_makes_of_black():
    image = np.full((32, 32), 200)
    image[:, :2] = 5
    (share,) = pixel_properties(pack_of([image]), np.array([0]))["black_border"]
    assert share == pytest.approx(64 / (32**2 - 28**2))


def test_sharpness_is_of_the_finest_detail_whatever_the_contrast():
    y, x = np.mgrid[:32, :32]
    board = (x + y) % 2
    images = [100 + 20 * board, 100 + 80 * board, 8 * x, np.full((32, 32), 7)]
    sharp, same, slope, constant = pixel_properties(pack_of(images), np.arange(4))["sharpness"]
    assert sharp == pytest.approx(8, rel=1e-3)  # a Laplacian of +-8 deviations
    assert same == pytest.approx(8, rel=1e-3)
    assert slope == pytest.approx(0, abs=1e-4)
    assert constant == 0


def test_colourfulness_is_of_colour_only():
    colour = np.zeros((1, 16, 16, 3))
    colour[..., 0] = 51
    (found,) = pixel_properties(pack_of(colour), np.array([0]))["colourfulness"]
    assert found == pytest.approx(0.2)
    assert "colourfulness" not in pixel_properties(pack_of(np.zeros((1, 16, 16))), np.array([0]))


def test_facts_that_the_manifest_has_are_taken_and_others_are_left_out():
    facts = {"depth": ["8", "12 of 16"], "format": ["JPEG", "PNG"], "jpeg_quality": ["90", ""]}
    images = pack_of(np.zeros((2, 16, 16)), **facts).manifest.images
    found = file_properties(images.iloc[[1, 0]])
    assert found["depth"].tolist() == ["12 of 16", "8"]
    assert found["format"].tolist() == ["PNG", "JPEG"]
    assert np.isnan(found["jpeg_quality"][0])
    assert found["jpeg_quality"][1] == 90
    assert "polarity" not in found


def test_many_images_are_measured_as_few_are(pack):
    rows = pack.rows("train")
    once = pixel_properties(pack, rows)
    assert len(once) == len(rows)
    for i, row in enumerate(rows[:3]):
        alone = pixel_properties(pack, np.array([row]))
        pd.testing.assert_frame_equal(alone, once.iloc[[i]].reset_index(drop=True))


def test_a_large_pack_is_measured_in_chunks():
    pixels = np.random.default_rng(0).integers(0, 255, (70, 256, 256))
    pack = pack_of(pixels)  # 64 images a chunk
    found = pixel_properties(pack, np.arange(70))
    assert found["brightness"].to_numpy() == pytest.approx(pixels.mean(axis=(1, 2)) / 255, rel=1e-4)


def test_rows_outside_test_are_all_of_few_images_and_whole_patients_of_many(pack):
    images = pack.manifest.images
    rows = outside_test(pack.manifest)
    assert rows.tolist() == np.flatnonzero(images["split"] != "test").tolist()
    assert len(rows) < MOST_IMAGES
    num = 3 * MOST_IMAGES
    groups = [f"p{i // 3}" for i in range(num)]
    labels = np.arange(num) // 3 % 2
    splits = np.where(np.arange(num) % 30 < 3, "test", "train")
    many = pd.DataFrame({"group": groups, "label": labels, "split": splits})
    rows = outside_test(Manifest(many, ("A", "B"), "."))
    assert len(rows) == pytest.approx(MOST_IMAGES, rel=0.02)
    kept = many.iloc[rows]
    assert set(kept["split"]) == {"train"}
    assert set(kept["group"].value_counts()) == {3}
    assert kept["label"].mean() == pytest.approx(labels[splits == "train"].mean(), abs=0.01)
