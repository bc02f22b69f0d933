import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageOps

from pneumoray.data.audit import audit
from pneumoray.data.folder import scan
from pneumoray.data.manifest import Manifest
from pneumoray.data.near_copies import (
    find_near_copies,
    near_copies,
    read_thumbnails,
    thumbnails_of,
)
from pneumoray.data.read import read_facts
from pneumoray.data.split import join_pairs


def film(seed: int, size: int = 96) -> Image.Image:
    """Smooth, with an edge or two, and unlike every other seed."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(20, 220, (9, 9), dtype=np.uint8))
    return coarse.resize((size, size), Image.Resampling.BICUBIC)


def small(images) -> np.ndarray:
    return thumbnails_of((np.asarray(image)[:, :, None] for image in images), len(images))


def as_jpeg(image: Image.Image, quality: int) -> Image.Image:
    data = io.BytesIO()
    image.save(data, "JPEG", quality=quality)
    return Image.open(data)


COPIES = {
    "jpeg 50": lambda image: as_jpeg(image, 50),
    "half the size": lambda image: image.resize((48, 48)),
    "gamma 2": lambda image: image.point(lambda value: round(255 * (value / 255) ** 2)),
    "window": lambda image: image.point(lambda value: max(0, min(255, (value - 26) * 5 // 4))),
    "darker": lambda image: image.point(lambda value: value // 2),
    "cropped": lambda image: image.crop((1, 1, 95, 95)),
    "mirrored": ImageOps.mirror,
}


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES)
@pytest.mark.parametrize("num", [1, 12, 600])
def test_a_copy_is_found_among_strangers(copy, num):
    films = [film(seed) for seed in range(num)]
    pairs = near_copies(small([*films, copy(films[num // 2])]))
    assert pairs.tolist() == [[num // 2, num]]


@pytest.mark.parametrize("num", [0, 1, 2, 600])
def test_strangers_are_no_copies(num):
    thumbnails = (
        small([film(seed) for seed in range(num)]) if num else np.empty((0, 32, 32), np.uint8)
    )
    assert near_copies(thumbnails).shape == (0, 2)


def test_blank_images_are_copies_of_none():
    blank = [Image.new("L", (96, 96), value) for value in (0, 0, 7, 255)]
    assert near_copies(small([*blank, film(1), film(1)])).tolist() == [[4, 5]]
    assert near_copies(small(blank)).tolist() == []


def test_many_copies_of_one_film_hang_together_without_all_pairs():
    thumbnails = small([film(1)] * 600 + [film(seed) for seed in range(2, 20)])
    pairs = near_copies(thumbnails)
    assert pairs.max() < 600
    assert len(pairs) < 600 * 200
    images = pd.DataFrame({"id": map(str, range(618)), "group": map(str, range(618))})
    near = [(str(one), str(other)) for one, other in pairs]
    joined = join_pairs(Manifest(images, ("a", "b"), "/data"), near)
    assert joined.images["group"].value_counts().tolist() == [600] + [1] * 18
    assert len(near_copies(thumbnails[:600])) > 599


@pytest.fixture
def resaved(tmp_path):
    """Twenty patients in train and four in test; test/NORMAL/p900_1.jpg is train/PNEUMONIA/p3_1.png."""
    for i in range(20):
        place = tmp_path / "train" / ("NORMAL", "PNEUMONIA")[i % 2] / f"p{i}_1.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        film(i).save(place)
    for i in range(20, 24):
        place = tmp_path / "test" / ("NORMAL", "PNEUMONIA")[i % 2] / f"p{i}_1.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        film(i).save(place)
    film(3).save(tmp_path / "test" / "NORMAL" / "p900_1.jpg", quality=70)
    film(4).save(tmp_path / "train" / "NORMAL" / "p901_1.jpg", quality=70)
    return tmp_path


def test_a_near_copy_across_the_test_split_is_to_be_mended_and_names_both(resaved):
    manifest, unreadable, thumbnails = read_thumbnails(scan(resaved)[0])
    assert unreadable == []
    assert manifest.images.equals(read_facts(scan(resaved)[0])[0].images)
    near = find_near_copies(manifest, thumbnails)
    assert near == [
        ("test/NORMAL/p900_1.jpg", "train/PNEUMONIA/p3_1.png"),
        ("train/NORMAL/p4_1.png", "train/NORMAL/p901_1.jpg"),
    ]
    (finding,) = (one for one in audit(manifest, near=near) if one.kind == "near-copies")
    assert (finding.severity, finding.pairs) == ("fix", tuple(near))
    assert finding.message == (
        "2 pairs of images look like copies of one film though bytes and patients differ, 1 of them of "
        "two classes, such as test/NORMAL/p900_1.jpg and train/PNEUMONIA/p3_1.png; 1 of these pairs is "
        "in test and outside it, where the test would flatter: look at them, and move or delete one of "
        "each"
    )


def test_near_copies_outside_the_test_split_are_a_note_until_they_are_joined(resaved):
    (resaved / "test" / "NORMAL" / "p900_1.jpg").unlink()
    manifest, _, thumbnails = read_thumbnails(scan(resaved)[0])
    near = find_near_copies(manifest, thumbnails)
    (finding,) = (one for one in audit(manifest, near=near) if one.kind == "near-copies")
    assert finding.severity == "note"
    assert finding.message == (
        "1 pair of images looks like copies of one film though bytes and patients differ, such as "
        "train/NORMAL/p4_1.png and train/NORMAL/p901_1.jpg; look at them, and --join-near-copies puts "
        "each in one split"
    )
    joined = join_pairs(manifest, near)
    assert joined.images["group"].nunique() == manifest.images["group"].nunique() - 1
    (finding,) = (one for one in audit(joined, near=near) if one.kind == "near-copies")
    assert finding.severity == "handled"
    assert finding.message.endswith("; they share a group, so also a split")


def test_joined_near_copies_across_the_test_split_are_a_leak(resaved):
    manifest, _, thumbnails = read_thumbnails(scan(resaved)[0])
    near = find_near_copies(manifest, thumbnails)
    found = {one.kind: one for one in audit(join_pairs(manifest, near), near=near)}
    assert found["leak"].pairs == (("test/NORMAL/p900_1.jpg", "train/PNEUMONIA/p3_1.png"),)
    assert found["near-copies"].severity == "handled"


def test_of_the_real_collection_no_two_patients_are_called_copies(chest_xray):
    """Less than one false alarm in 10,000 images: there are 5,232 of 3,669 patients, and none."""
    manifest, _, thumbnails = read_thumbnails(scan(chest_xray)[0])
    patient = manifest.images["patient"].to_numpy()
    content = manifest.images["pixel_sha256"].to_numpy()
    pairs = near_copies(thumbnails)
    strangers = pairs[patient[pairs[:, 0]] != patient[pairs[:, 1]]]
    assert (content[strangers[:, 0]] == content[strangers[:, 1]]).all()
    assert len(pairs) >= 26  # all pairs of its 24 images that are there twice or more
