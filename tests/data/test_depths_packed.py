"""Depth from files to packs: one range a data set, the same pixels as in 8 bits, recorded and told."""

import os

import numpy as np
import pandas as pd
import pytest
from encoded import BLACK_IS_ZERO, WHITE_IS_ZERO, encode, tiff
from PIL import Image

from pneumoray import artifact
from pneumoray.data.folder import scan
from pneumoray.data.manifest import Manifest
from pneumoray.data.pack import ImageSettings, make_pack, open_pack
from pneumoray.data.split import resplit
from pneumoray.errors import DataError

SETTINGS = ImageSettings(16)
NUM = 24


def film(number: int) -> np.ndarray:
    """(32, 32) from 0.1 to 0.9, unlike that of any other number."""
    rng = np.random.default_rng(number)
    y, x = np.mgrid[:32, :32] / 32
    waves = np.sin(6 * x * rng.random() + 6 * rng.random()) + np.cos(6 * y * rng.random())
    waves = waves + 0.1 * rng.standard_normal((32, 32))
    return 0.1 + 0.8 * (waves - waves.min()) / np.ptp(waves)


def scaled(number: int, most: int, kind=np.uint16) -> np.ndarray:
    return np.round(film(number) * most).astype(kind)


FORMS = {
    "8 bits": lambda i: encode(scaled(i, 255, np.uint8)),
    "12 in 16": lambda i: encode(scaled(i, 4095)),
    "12 in 16, TIFF": lambda i: encode(scaled(i, 4095), "TIFF"),
    "12 in 16, white is zero": lambda i: tiff(4095 - scaled(i, 4095), WHITE_IS_ZERO),
    "12": lambda i: tiff(scaled(i, 4095), BLACK_IS_ZERO, bits=12),
    "12, white is zero": lambda i: tiff(4095 - scaled(i, 4095), WHITE_IS_ZERO, bits=12),
    "16": lambda i: encode(scaled(i, 65535)),
    "16, white is zero": lambda i: tiff(65535 - scaled(i, 65535), WHITE_IS_ZERO),
    "PGM": lambda i: b"P5 32 32 4095\n" + scaled(i, 4095, np.dtype(">u2")).tobytes(),
    "float": lambda i: encode(film(i).astype(np.float32), "TIFF"),
}


def write(folder, form: str):
    for i in range(NUM):
        path = folder / ("NORMAL" if i < NUM // 2 else "PNEUMONIA") / f"person{i}_virus_1.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(FORMS[form](i))
    return folder


def packed(data, packs, **options):
    events: list[dict] = []
    manifest, findings = scan(data)
    pack, found = make_pack(
        manifest, findings, SETTINGS, packs, resplit=resplit, on_event=events.append, **options
    )
    return pack, found, sum(event["done"] == event["total"] for event in events)


@pytest.fixture(scope="module")
def eight(tmp_path_factory):
    folder = tmp_path_factory.mktemp("eight")
    return packed(write(folder / "data", "8 bits"), folder / "packs")[0]


@pytest.mark.parametrize("form", [name for name in FORMS if name != "8 bits"])
def test_the_same_films_in_any_depth_and_polarity_give_the_same_pixels(eight, tmp_path, form):
    pixel_range = (0.0, 1.0) if form == "float" else None
    pack, _, _ = packed(write(tmp_path / "data", form), tmp_path / "ws", pixel_range=pixel_range)
    assert np.abs(pack.pixels.astype(int) - eight.pixels).max() <= 1
    assert pack.manifest.images["id"].tolist() == eight.manifest.images["id"].tolist()
    assert pack.hash != eight.hash


def test_the_decided_range_is_recorded_and_told_and_a_second_reading_is_saved(tmp_path):
    pack, found, num_readings = packed(write(tmp_path / "data", "12 in 16"), tmp_path / "ws")
    assert pack.settings.ranges == (("16", 0, 4095),)
    assert open_pack(pack.path).settings == pack.settings
    assert artifact.read_json(pack.path / "pack.json")["settings"]["ranges"] == [["16", 0, 4095]]
    assert [f.kind for f in found if f.kind == "pixel-range"] == ["pixel-range"]
    assert num_readings == 2
    pack, _, num_readings = packed(write(tmp_path / "full", "16"), tmp_path / "ws")
    assert pack.settings.ranges == (("16", 0, 65535),)
    assert num_readings == 1  # the widest range was the right one


def test_8_bits_have_no_ranges_and_the_hash_that_the_first_packs_had(eight):
    assert "ranges" not in artifact.read_json(eight.path / "pack.json")["settings"]
    rows = eight.manifest.images[["id", "label", "group", "split", "sha256"]].to_numpy().tolist()
    old = {"size": 16, "fit": "squeeze", "color": "grey"}
    assert eight.hash == artifact.digest([1, old, ["NORMAL", "PNEUMONIA"], rows])


def test_a_brighter_image_gives_the_others_another_range(tmp_path):
    data = write(tmp_path / "data", "12 in 16")
    first, _, _ = packed(data, tmp_path / "ws")
    (data / "NORMAL" / "person99_virus_1.png").write_bytes(encode(scaled(99, 8191)))
    pack, _, _ = packed(data, tmp_path / "ws")
    assert pack.settings.ranges == (("16", 0, 8191),)
    fresh, _, _ = packed(data, tmp_path / "elsewhere")
    assert np.array_equal(pack.pixels, fresh.pixels)
    (data / "NORMAL" / "person99_virus_1.png").unlink()
    again, _, _ = packed(data, tmp_path / "ws", key=1)
    assert again.settings.ranges == first.settings.ranges
    assert np.array_equal(again.pixels, first.pixels)


def test_a_stated_range_is_used_and_is_another_pack(tmp_path):
    data = write(tmp_path / "data", "12 in 16")
    one, _, _ = packed(data, tmp_path / "ws")
    other, found, _ = packed(data, tmp_path / "ws", pixel_range=(0.0, 65535.0))
    assert other.settings.ranges == (("16", 0, 65535),)
    assert (one.pixels.max(), other.pixels.max()) == (227, 14)
    assert "as pixel_range says" in next(f for f in found if f.kind == "pixel-range").message
    with pytest.raises(DataError, match=r"24 16-bit images with values outside of pixel_range"):
        packed(data, tmp_path / "ws", pixel_range=(0.0, 255.0))


def test_floating_point_without_a_range_is_refused_with_the_way_to_say_it(tmp_path):
    data = write(tmp_path / "data", "float")
    with pytest.raises(DataError, match=r"pixel_range: \[0, 1\]"):
        packed(data, tmp_path / "ws")
    assert not list((tmp_path / "ws").glob("[!.]*/pack.json"))


def test_blank_images_weld_no_strangers_together_and_contradict_nobody(tmp_path):
    data = write(tmp_path / "data", "8 bits")
    for label in ("NORMAL", "PNEUMONIA"):
        for i in (70, 71):
            blank = Image.new("L", (32, 32), 0)
            blank.save(data / label / f"person{label[0]}{i}_virus_1.png")
    pack, found, _ = packed(data, tmp_path / "ws")
    assert pack.manifest.images["group"].nunique() == NUM + 4
    kinds = {finding.kind: finding for finding in found}
    assert len(kinds["blank"].image_ids) == 4
    assert not kinds.keys() & {"duplicate", "same-pixels", "conflicting-labels"}


def test_a_file_swapped_for_one_of_equal_size_and_time_is_read_again(tmp_path):
    data = write(tmp_path / "data", "8 bits")
    path = data / "NORMAL" / "person0_virus_1.png"
    path.write_bytes(encode(scaled(0, 255, np.uint8), "BMP"))
    before = path.stat()
    first, _, _ = packed(data, tmp_path / "ws")
    path.write_bytes(encode(scaled(88, 255, np.uint8), "BMP"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    pack, _, _ = packed(data, tmp_path / "ws")
    fresh, _, _ = packed(data, tmp_path / "elsewhere")
    assert (pack.hash, pack.hash == first.hash) == (fresh.hash, False)
    assert np.array_equal(pack.pixels, fresh.pixels)


def test_a_pack_from_before_the_facts_opens_and_is_made_again_at_the_same_hash(tmp_path):
    data = write(tmp_path / "data", "8 bits")
    pack, _, _ = packed(data, tmp_path / "ws")
    newer = ["ctime_ns", *pack.manifest.images.loc[:, "depth":"colour"].columns]
    old = pack.manifest.images.drop(columns=newer)
    Manifest(old, pack.manifest.classes, pack.manifest.root).save(pack.path)
    assert open_pack(pack.path).hash == pack.hash
    assert "depth" not in open_pack(pack.path).manifest.images
    again, _, num_readings = packed(data, tmp_path / "ws")
    assert (again.hash, num_readings) == (pack.hash, 1)
    pd.testing.assert_frame_equal(again.manifest.images, pack.manifest.images)
    assert np.array_equal(again.pixels, pack.pixels)
