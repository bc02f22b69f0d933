import os
import pickle
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pneumoray import artifact
from pneumoray.data import pack as pack_module
from pneumoray.data import read
from pneumoray.data.folder import scan
from pneumoray.data.image import load
from pneumoray.data.manifest import Manifest
from pneumoray.data.pack import ImageSettings, Pack, make_pack, open_pack, read_facts
from pneumoray.data.read import map_threads, read_shard
from pneumoray.data.split import resplit
from pneumoray.errors import DataError, WorkspaceError

SETTINGS = ImageSettings(16)


class Reads:
    """A `map_shards` that counts the images which are read."""

    def __init__(self):
        self.num = 0

    def __call__(self, function, shards):
        for shard in shards:
            self.num += len(shard)
            yield function(shard)


def build(data, packs, settings=SETTINGS, key=0, **options):
    """(pack, findings, number of images read)."""
    reads = Reads()
    manifest, findings = scan(data)
    split = partial(resplit, seed=key)
    pack, findings = make_pack(
        manifest, findings, settings, packs, resplit=split, key=key, map_shards=reads, **options
    )
    return pack, findings, reads.num


def visible(packs):
    return [path for path in packs.iterdir() if path.name not in ("requests", ".lock")]


@pytest.mark.parametrize(
    "settings",
    [
        SETTINGS,
        ImageSettings(9, "pad", "rgb"),
        ImageSettings(50, "crop"),
        ImageSettings(12, "crop", "rgb", 0.6),
    ],
)
def test_row_i_shows_image_i(kaggle, tmp_path, settings):
    pack, _, _ = build(kaggle, tmp_path / "ws" / "packs", settings)
    assert pack.pixels.shape == (64, *settings.shape)
    assert pack.pixels.dtype == np.uint8
    assert not pack.pixels.flags.writeable
    for row, path in zip(pack.pixels, pack.manifest.images["path"], strict=True):
        with open(path, "rb") as file:
            expected = load(
                file.read(),
                settings.size,
                settings.fit,
                settings.color,
                crop_fraction=settings.crop_fraction,
            )
        assert np.array_equal(row, expected)
    rows = np.concatenate([pack.rows(split) for split in ("train", "val", "test")])
    assert sorted(rows) == list(range(64))
    assert set(pack.manifest.images["width"]) == {40}


def packed(pixels: np.ndarray, splits: list[str], color="rgb") -> Pack:
    images = pd.DataFrame({"split": splits})
    settings = ImageSettings(pixels.shape[1], color=color)
    return Pack(Path(), "", settings, Manifest(images, ("a", "b"), "/data"), pixels)


@pytest.mark.parametrize("num_images", [3, 700])
def test_train_statistics_are_those_of_numpy_for_each_channel(num_images):
    rng = np.random.default_rng(0)
    pixels = rng.normal((40, 120, 200), (5, 30, 60), (num_images, 8, 8, 3))
    pixels = pixels.clip(0, 255).astype(np.uint8)
    mean, std = packed(pixels, ["train"] * num_images).train_statistics()
    assert np.allclose(mean, (pixels / 255).mean((0, 1, 2)), rtol=0, atol=1e-12)
    assert np.allclose(std, (pixels / 255).std((0, 1, 2)), rtol=0, atol=1e-9)
    assert mean[0] < mean[1] < mean[2]
    assert std[0] < std[1] < std[2]


def test_train_statistics_do_not_look_at_val_and_test():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (60, 8, 8, 3), dtype=np.uint8)
    splits = ["train", "val", "test"] * 20
    before = packed(pixels, splits).train_statistics()
    pixels[1::3], pixels[2::3] = 255, 0
    assert packed(pixels, splits).train_statistics() == before
    assert np.allclose(before[0], (pixels[::3] / 255).mean((0, 1, 2)))


def test_one_colour_has_no_deviation():
    mean, std = packed(
        np.full((5, 4, 4, 1), 51, np.uint8), ["train"] * 5, "grey"
    ).train_statistics()
    assert (mean, std) == ([pytest.approx(0.2)], [pytest.approx(0, abs=1e-7)])


def test_a_pack_from_before_the_crop_fraction_is_opened_and_not_made_again(kaggle, tmp_path):
    """What the first version wrote and hashed, by hand."""
    for settings in (SETTINGS, ImageSettings(16, "crop")):
        old = {"size": 16, "fit": settings.fit, "color": "grey"}
        pack, _, _ = build(kaggle, tmp_path / "ws" / "packs", settings)
        rows = pack.manifest.images[["id", "label", "group", "split", "sha256"]]
        classes = ["NORMAL", "PNEUMONIA"]
        assert pack.hash == artifact.digest([1, old, classes, rows.to_numpy().tolist()])
        about = artifact.read_json(pack.path / "pack.json")
        assert about == {"version": 1, "hash": pack.hash, "settings": old}
        assert open_pack(pack.path).settings == settings
        assert build(kaggle, tmp_path / "ws" / "packs", settings)[2] == 0


def test_each_crop_has_a_pack_of_its_own(kaggle, tmp_path):
    whole, half = ImageSettings(16, "crop"), ImageSettings(16, "crop", crop_fraction=0.5)
    first, _, _ = build(kaggle, tmp_path / "ws" / "packs", whole)
    second, _, num = build(kaggle, tmp_path / "ws" / "packs", half)
    assert num == 64
    assert first.hash != second.hash
    assert open_pack(second.path).settings == half
    splits = [pack.manifest.images["split"].tolist() for pack in (first, second)]
    assert splits[0] == splits[1]
    assert build(kaggle, tmp_path / "ws" / "packs", half)[2] == 0


def test_the_same_request_again_reads_nothing(kaggle, tmp_path):
    first, found, num = build(kaggle, tmp_path / "ws" / "packs")
    again, found_again, num_again = build(kaggle, tmp_path / "ws" / "packs")
    assert (num, num_again) == (64, 0)
    assert (again.hash, again.path) == (first.hash, first.path)
    assert found_again == found
    assert [f.kind for f in found] == ["small-validation", "patient-rule"]


def test_one_changed_image_does_not_decode_the_others_again(kaggle, tmp_path, draw):
    first, _, _ = build(kaggle, tmp_path / "ws" / "packs")
    changed = draw(kaggle / "train" / "NORMAL" / "IM-0001-0001.jpeg", 4711)
    os.utime(changed, (1, 1))
    pack, _, num = build(kaggle, tmp_path / "ws" / "packs")
    assert num == 1
    assert pack.hash != first.hash
    row = pack.manifest.images.index[pack.manifest.images["path"] == str(changed)][0]
    expected = load(changed, 16, "squeeze", "grey")
    assert np.array_equal(pack.pixels[row], expected)
    others = np.delete(np.arange(64), row)
    assert np.array_equal(pack.pixels[others], first.pixels[others])
    fresh, _, _ = build(kaggle, tmp_path / "elsewhere")
    assert fresh.hash == pack.hash
    assert np.array_equal(fresh.pixels, pack.pixels)


def test_moved_and_touched_images_are_known_by_their_content(kaggle, tmp_path):
    first, _, _ = build(kaggle, tmp_path / "ws" / "packs")
    for path in kaggle.rglob("*.jpeg"):
        os.utime(path, (7, 7))
    moved = kaggle.rename(tmp_path / "moved")
    pack, _, num = build(moved, tmp_path / "ws" / "packs")
    assert num == 0
    assert pack.path == first.path
    assert pack.manifest.images["path"].str.startswith(str(moved)).all()
    assert open_pack(pack.path).manifest.root == str(moved)


def test_another_split_takes_over_all_pixels_another_size_none(kaggle, tmp_path):
    first, _, _ = build(kaggle, tmp_path / "ws" / "packs")
    other, _, num = build(kaggle, tmp_path / "ws" / "packs", key=1)
    assert num == 0
    assert other.hash != first.hash
    assert np.array_equal(other.pixels, first.pixels)
    assert build(kaggle, tmp_path / "ws" / "packs", ImageSettings(17))[2] == 64


def test_unreadable_images_are_named_and_left_out(kaggle, tmp_path):
    whole, _, _ = build(kaggle, tmp_path / "whole")
    paths = sorted((kaggle / "train" / "NORMAL").iterdir())
    paths[0].write_bytes(b"")
    paths[5].write_bytes(paths[5].read_bytes()[:200])
    paths[9].unlink()
    paths[9].symlink_to(tmp_path / "nowhere.jpeg")
    pack, findings, _ = build(kaggle, tmp_path / "ws" / "packs")
    named = [f.image_ids[0] for f in findings if f.kind == "unreadable"]
    assert named == [f"train/NORMAL/{paths[i].name}" for i in (0, 5, 9)]
    assert pack.pixels.shape[0] == 61
    kept = whole.manifest.images["id"].isin(pack.manifest.images["id"])
    assert np.array_equal(pack.pixels, whole.pixels[np.flatnonzero(kept)])
    for path in kaggle.rglob("*.jpeg"):
        if path.exists():
            path.write_bytes(b"x")
    with pytest.raises(DataError, match="none of the 64 images can be read"):
        build(kaggle, tmp_path / "ws" / "packs")


@pytest.mark.parametrize("after", [0, 30])
def test_interrupted_packing_leaves_nothing_that_looks_complete(kaggle, tmp_path, after):
    def interrupt(event):
        if event["done"] >= after:
            raise KeyboardInterrupt

    packs = tmp_path / "ws" / "packs"
    with pytest.raises(KeyboardInterrupt):
        build(kaggle, packs, on_event=interrupt)
    assert visible(packs) == []
    (packs / ".pixels.tmp-dead").write_bytes(b"x" * 100)  # what a killed process leaves
    (packs / ".0123.tmp-dead").mkdir()
    pack, _, num = build(kaggle, packs)
    assert num == 64
    assert visible(packs) == [pack.path]


def test_a_damaged_pack_is_refused_and_made_again(kaggle, tmp_path):
    pack, _, _ = build(kaggle, tmp_path / "ws" / "packs")
    with open(pack.path / "pixels.u8", "r+b") as file:
        file.truncate(100)
    with pytest.raises(DataError, match="no complete pack"):
        open_pack(pack.path)
    again, _, num = build(kaggle, tmp_path / "ws" / "packs")
    assert num == 64
    assert again.hash == pack.hash
    table = again.path / "manifest.csv"
    table.write_text(table.read_text().replace(",train,", ",test,", 1))
    with pytest.raises(DataError, match="does not match"):
        open_pack(again.path)
    with pytest.raises(DataError, match="no complete pack"):
        open_pack(tmp_path / "nowhere")


def test_progress_counts_every_image(kaggle, tmp_path, monkeypatch):
    monkeypatch.setattr(read, "SHARD_IMAGES", 10)
    events: list[dict] = []
    manifest, _ = scan(kaggle)
    make_pack(
        manifest, [], SETTINGS, tmp_path / "ws" / "packs", resplit=resplit, on_event=events.append
    )
    assert [event["done"] for event in events] == [10, 20, 30, 40, 50, 60, 64]
    assert {event["total"] for event in events} == {64}


def test_a_refused_split_is_refused_before_reading(kaggle, tmp_path, draw):
    draw(kaggle / "train" / "RARE" / "person900_virus_1.png")
    draw(kaggle / "test" / "RARE" / "person901_virus_1.png")
    with pytest.raises(DataError, match="class RARE has 1 patient"):
        build(kaggle, tmp_path / "ws" / "packs", on_event=pytest.fail)


def test_a_folder_that_cannot_be_written_or_is_full_is_named(kaggle, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    with pytest.raises(WorkspaceError, match="can't be written"):
        build(kaggle, tmp_path / "file" / "packs")
    monkeypatch.setattr(pack_module, "free_bytes", lambda path: 100)
    with pytest.raises(WorkspaceError, match="free some space"):
        build(kaggle, tmp_path / "ws" / "packs")


def test_two_at_once_decode_once(kaggle, tmp_path):
    results = []
    work = [
        threading.Thread(target=lambda: results.append(build(kaggle, tmp_path / "ws" / "packs")))
        for _ in range(3)
    ]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    assert sorted(num for _, _, num in results) == [0, 0, 64]
    assert len({pack.hash for pack, _, _ in results}) == 1


def test_shards_may_run_in_other_processes_and_arrive_in_any_order(kaggle, tmp_path, monkeypatch):
    monkeypatch.setattr(read, "SHARD_IMAGES", 7)

    def elsewhere(function, shards):
        function = pickle.loads(pickle.dumps(function))
        results = [pickle.loads(pickle.dumps(function(shard))) for shard in shards]
        yield from reversed(results)

    manifest, _ = scan(kaggle)
    one, _ = make_pack(
        manifest, [], SETTINGS, tmp_path / "a", resplit=resplit, map_shards=elsewhere
    )
    two, _ = make_pack(manifest, [], SETTINGS, tmp_path / "b", resplit=resplit)
    assert np.array_equal(one.pixels, two.pixels)
    assert one.hash == two.hash


def test_threads_keep_few_shards_in_flight():
    started: list = []

    def work(shard):
        started.append(shard)
        return []

    results = map_threads(work, ([(i, "")] for i in range(1000)))
    next(results)
    assert len(started) < 100 * read.num_cores()
    results.close()
    assert len(started) < 1000


def test_facts_without_pixels(kaggle):
    manifest, findings = read_facts(scan(kaggle)[0])
    assert findings == []
    row = manifest.images.iloc[0]
    assert (row["width"], row["height"], row["mode"], row["format"]) == (40, 30, "L", "JPEG")
    assert len(row["sha256"]) == len(row["pixel_sha256"]) == 64
    assert read_shard([(3, row["path"])], None)[0][2] is None


MEASURE = """
import resource, sys
from pathlib import Path
import numpy as np
from PIL import Image
from pneumoray.data.folder import scan
from pneumoray.data.pack import ImageSettings, make_pack
from pneumoray.data.split import resplit
manifest, _ = scan(Path(sys.argv[1]))
pack, _ = make_pack(manifest, [], ImageSettings(64), Path(sys.argv[2]), resplit=resplit)
print(len(pack.pixels), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak_mib(data, packs) -> float:
    """Peak memory of a fresh process that packs `data`."""
    command = [sys.executable, "-c", MEASURE, str(data), str(packs)]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return int(out.split()[1]) / unit


def write_many(root, num_images: int) -> None:
    """Distinct small PNGs, two a patient; cheap to write, so that 20,000 are quick as well."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for label in ("NORMAL", "PNEUMONIA"):
        (root / label).mkdir(parents=True)
    for i in range(num_images):
        pixels = rng.integers(0, 256, (16, 16), dtype=np.uint8)
        label = "PNEUMONIA" if i % 4 else "NORMAL"
        path = root / label / f"person{i // 8}_{'virus' if i % 4 else 'bacteria'}_{i}.png"
        Image.fromarray(pixels).save(path, compress_level=1)


@pytest.mark.parametrize(
    # from 512 images on, what near copies are sought with has its full size
    ("few", "many"),
    [(800, 2800), pytest.param(800, 20_000, marks=pytest.mark.slow)],
)
def test_memory_stays_flat_as_images_are_added(tmp_path, few, many):
    """The table grows by a few KiB an image; pixels (4 KiB each here) never gather."""
    write_many(tmp_path / "few", few)
    write_many(tmp_path / "many", many)
    base = peak_mib(tmp_path / "few", tmp_path / "packs-few")
    grown = peak_mib(tmp_path / "many", tmp_path / "packs-many")
    assert grown - base < 10 + 5 * (many - few) / 1024


def test_the_real_collection_is_packed(chest_xray, tmp_path):
    manifest, findings = scan(chest_xray)
    pack, found = make_pack(
        manifest, findings, ImageSettings(28), tmp_path / "ws" / "packs", resplit=resplit
    )
    images = pack.manifest.images
    assert len(images) == 5232
    assert (images.groupby("group")["split"].nunique() == 1).all()
    assert (images.groupby("pixel_sha256")["split"].nunique() == 1).all()
    assert not any(finding.severity == "fix" for finding in found)
