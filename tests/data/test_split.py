import hashlib
import tracemalloc

import numpy as np
import pandas as pd
import pytest

from pneumoray.data.folder import scan
from pneumoray.data.manifest import Manifest
from pneumoray.data.read import read_facts
from pneumoray.data.split import leaks, regroup, resplit, subset
from pneumoray.errors import DataError


def make(rows: list[tuple[str, int, str]]) -> Manifest:
    """A manifest of (group, label, split) rows; every image differs."""
    images = pd.DataFrame(rows, columns=["group", "label", "split"])
    images["id"] = [f"{i}.png" for i in range(len(images))]
    images["sha256"] = images["pixel_sha256"] = images["id"]
    names = tuple(f"class{i}" for i in range(int(images["label"].max()) + 1))
    return Manifest(images, names, "/data")


def draw_rows(seed: int, num_classes: int = 2) -> list[tuple[str, int, str]]:
    rng = np.random.default_rng(seed)
    rows = []
    for patient in range(150):
        label = int(rng.integers(num_classes))
        for _ in range(int(rng.integers(1, 6))):
            mixed = label if rng.random() < 0.9 else int(rng.integers(num_classes))
            rows.append((f"p{patient}", mixed, ""))
    return rows


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("num_classes", [2, 4])
def test_a_flat_folder_gets_three_grouped_stratified_splits(seed, num_classes):
    images = resplit(make(draw_rows(seed, num_classes)), 0.15, 0.2, seed=seed).images
    assert (images.groupby("group")["split"].nunique() == 1).all()
    shares = images.groupby("label")["split"].value_counts(normalize=True).unstack()
    assert (shares["val"] - 0.15).abs().max() < 0.05
    assert (shares["test"] - 0.2).abs().max() < 0.05


def test_the_split_follows_from_the_seed_not_from_the_row_order():
    manifest = make(draw_rows(0))
    shuffled = manifest.with_images(manifest.images.sample(frac=1, random_state=1))
    first, again = resplit(manifest, seed=3).images, resplit(shuffled, seed=3).images
    assert first.equals(again.sort_index())
    assert not first["split"].equals(resplit(manifest, seed=4).images["split"])


def test_a_new_patient_moves_few_others():
    rows = draw_rows(0)
    before = resplit(make(rows)).images.groupby("group")["split"].first()
    after = resplit(make([*rows, ("new", 1, "")])).images.groupby("group")["split"].first()
    assert (before != after[before.index]).mean() < 0.15


def test_the_small_val_is_merged_and_the_given_test_stays():
    rows = [(f"p{i // 2}", i // 2 % 2, "train") for i in range(400)]
    rows += [(f"v{i}", i % 2, "val") for i in range(16)]
    rows += [(f"t{i}", i % 2, "test") for i in range(50)]
    images = resplit(make(rows)).images
    assert images["group"][images["split"] == "test"].str.startswith("t").all()
    assert (images["split"] == "test").sum() == 50
    val = images[images["split"] == "val"]
    assert len(val) == pytest.approx(0.15 * 416, abs=2)
    assert val["label"].mean() == pytest.approx(0.5, abs=0.02)
    assert (images.groupby("group")["split"].nunique() == 1).all()


def test_a_large_given_val_stays_but_for_patients_who_train():
    rows = [(f"p{i}", i % 2, "train") for i in range(300)]
    rows += [(f"v{i}", i % 2, "val") for i in range(120)]
    rows += [("p7", 1, "val"), *[(f"t{i}", i % 2, "test") for i in range(20)]]
    images = resplit(make(rows)).images
    assert set(images["group"][images["split"] == "val"]) == {f"v{i}" for i in range(120)}
    assert images["split"].iloc[420] == "train"


def test_a_patient_larger_than_the_target_may_be_the_whole_val():
    rows = [("a1", 0, ""), ("a2", 0, ""), ("a3", 0, "")] * 10 + [
        (f"b{i}", 1, "") for i in range(30)
    ]
    images = resplit(make(rows)).images
    for split in ("train", "val", "test"):
        assert set(images["label"][images["split"] == split]) == {0, 1}
    assert (images.groupby("group")["split"].nunique() == 1).all()


def test_a_class_with_too_few_patients_is_refused_by_name():
    rows = [("one", 1, "train")] * 30 + [(f"p{i}", 0, "train") for i in range(30)]
    test = [("t0", 0, "test"), ("t1", 1, "test")]
    with pytest.raises(DataError, match="class class1 has 1 patient outside"):
        resplit(make(rows + test))
    with pytest.raises(DataError, match=r"class class1 has 2 patients .* 3 are needed"):
        resplit(make([*rows, ("two", 1, "train")]))
    with pytest.raises(DataError, match="class class1 has no patient"):
        resplit(make(rows[30:] + test))


def test_equal_bytes_or_pixels_join_groups_through_any_number_of_links():
    manifest = make([(name, 0, "train") for name in "dcbaxy"])
    manifest.images["sha256"] = ["1", "1", "2", "3", "4", "5"]
    manifest.images["pixel_sha256"] = ["p", "p", "q", "q", "r", "s"]
    assert regroup(manifest).images["group"].tolist() == ["c", "c", "a", "a", "x", "y"]
    manifest.images["pixel_sha256"] = ["p", "q", "q", "p", "r", "s"]
    assert regroup(manifest).images["group"].tolist() == ["a", "a", "a", "a", "x", "y"]


def test_leaks_are_groups_on_both_sides_of_the_test():
    rows = [
        ("a", 0, "train"),
        ("b", 1, "val"),
        ("c", 0, "test"),
        ("a", 0, "test"),
        ("b", 1, "test"),
    ]
    assert leaks(make(rows)) == ["a", "b"]


def test_copies_of_an_image_never_part(kaggle):
    first = sorted((kaggle / "train" / "NORMAL").iterdir())
    for i in range(0, 20, 2):
        copy = kaggle / "val" / "NORMAL" / f"IM-9{i:03}-0001.jpeg"
        copy.write_bytes(first[i].read_bytes())
    manifest, _ = read_facts(scan(kaggle)[0])
    images = resplit(regroup(manifest)).images
    assert (images.groupby("pixel_sha256")["split"].nunique() == 1).all()
    assert (images.groupby("patient")["split"].nunique() == 1).all()


def test_the_real_collection_splits_without_a_shared_patient(chest_xray):
    manifest, _ = scan(chest_xray)
    images = resplit(manifest).images
    assert (images.groupby("group")["split"].nunique() == 1).all()
    assert leaks(manifest) == []
    val = images[images["split"] == "val"]
    assert len(val) == pytest.approx(0.15 * 4702, rel=0.01)


@pytest.mark.parametrize(
    ("seed", "given", "flat", "few"),
    [
        (0, "94a7928f693b63cd", "e281a55e36fc1d69", "2f0fa4d4881e0e1c"),
        (1, "c189bd2e0e99ff40", "be03a21dbdc1d0d7", "179c16d72bf74eaf"),
    ],
)
def test_the_real_collection_splits_as_it_always_did(chest_xray, seed, given, flat, few):
    """Else a study of yesterday would be trained today on images that it was validated on."""
    manifest, _ = scan(chest_xray)
    unsplit = manifest.with_images(manifest.images.assign(split=""))
    digests = []
    for images in (resplit(manifest, seed=seed).images, resplit(unsplit, seed=seed).images):
        text = "\n".join(images["id"] + " " + images["split"])
        digests.append(hashlib.sha256(text.encode()).hexdigest()[:16])
    text = "\n".join(subset(manifest, 500, seed).images["id"])
    digests.append(hashlib.sha256(text.encode()).hexdigest()[:16])
    assert digests == [given, flat, few]


def test_what_only_rounding_can_decide_is_decided_over_all_classes():
    """0.07 of 100 is a little more than 7: seen alone, class 0 is nearer to it with 8 than with 6."""
    rows = [(f"p{i // 2}", 0, "") for i in range(60)] + [(f"s{i}", 0, "") for i in range(40)]
    rows += [(f"{name}{i}", label, "") for label, name in ((1, "q"), (2, "r")) for i in range(100)]
    images = resplit(make(rows), 0.07, 0.07, seed=1).images
    assert (
        images.groupby("label")["split"].value_counts().unstack().to_numpy().tolist()
        == [[7, 86, 7]] * 3
    )


def test_many_classes_take_no_more_memory_than_their_images():
    images = pd.DataFrame({"label": np.arange(24_000) % 4000, "split": ""})
    images["id"] = images["group"] = [f"{i}.png" for i in range(len(images))]
    manifest = Manifest(images, tuple(map(str, range(4000))), "/data")
    tracemalloc.start()
    splits = resplit(manifest).images.groupby("label")["split"].value_counts().unstack()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (splits == [1, 4, 1]).all(axis=None)  # test, train and val of each class
    assert peak < 60 * 2**20  # a table of groups by classes would be 730 MiB


def draw_given(seed: int, num_classes: int) -> Manifest:
    """Given splits and classes of very different sizes; some patients in several classes, a few in
    several splits."""
    rng = np.random.default_rng(seed)
    rows = []
    for patient in range(400):
        split = str(rng.choice(["train", "val", "test"], p=[0.7, 0.1, 0.2]))
        label = int(rng.integers(num_classes) * rng.random())
        for _ in range(int(rng.integers(1, 8))):
            mixed = label if rng.random() < 0.95 else int(rng.integers(num_classes))
            moved = split if rng.random() < 0.98 else "train"
            rows.append((f"p{patient}", mixed, moved))
    return make(rows)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("num_classes", [2, 5])
def test_a_subset_keeps_whole_groups_and_a_larger_one_contains_it(seed, num_classes):
    manifest = draw_given(seed, num_classes)
    sizes = manifest.images["group"].value_counts()
    smaller: set[str] = set()
    for num_images in (1, 10, 100, 400, 800, 1200, len(manifest.images)):
        images = subset(manifest, num_images, seed).images
        kept = images["group"].value_counts()
        assert kept.to_dict() == sizes[kept.index].to_dict()
        assert smaller <= set(images["id"])
        smaller = set(images["id"])
        assert images.index.equals(pd.RangeIndex(len(images)))
    assert smaller == set(manifest.images["id"])


@pytest.mark.parametrize("seed", range(5))
def test_a_subset_keeps_three_groups_of_each_split_and_class_where_there_are(seed):
    manifest = draw_given(seed, 5)
    cell = ["split", "label"]
    num_groups = manifest.images.groupby(cell)["group"].nunique()
    kept = subset(manifest, 1, seed).images.groupby(cell)["group"].nunique()
    assert (kept.reindex(num_groups.index) >= num_groups.clip(upper=3)).all()
    assert len(subset(manifest, 1, seed).images) < 0.25 * len(manifest.images)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("num_images", [300, 600, 1000])
def test_a_subset_has_the_asked_size_and_the_shares_of_the_whole(seed, num_images):
    rng = np.random.default_rng(seed)
    rows = []  # patients with one label and one split each
    for patient in range(500):
        label = int(rng.choice(3, p=[0.2, 0.3, 0.5]))
        split = str(rng.choice(["train", "val", "test"], p=[0.6, 0.2, 0.2]))
        rows += [(f"p{patient}", label, split)] * int(rng.integers(1, 8))
    images = subset(manifest := make(rows), num_images, seed).images
    cell = ["split", "label"]
    largest = manifest.images.groupby([*cell, "group"]).size().groupby(cell).max()
    whole, kept = (table.groupby(cell).size() for table in (manifest.images, images))
    allowed = (largest / 2).where(images.groupby(cell)["group"].nunique() > 3, 3 * largest)
    assert ((kept - whole * num_images / len(rows)).abs() <= allowed).all()
    assert len(images) == pytest.approx(num_images, abs=largest.sum() / 4)


def test_a_subset_as_large_as_the_whole_is_the_whole():
    manifest = make(draw_rows(0))
    for num_images in (len(manifest.images), 10**6):
        assert subset(manifest, num_images, seed=0) is manifest


def test_a_subset_follows_from_the_seed_not_from_the_row_order():
    manifest = draw_given(0, 3)
    shuffled = manifest.with_images(manifest.images.sample(frac=1, random_state=1))
    first, again = subset(manifest, 200, 3).images, subset(shuffled, 200, 3).images
    assert set(first["id"]) == set(again["id"])
    assert set(first["id"]) != set(subset(manifest, 200, 4).images["id"])
    assert first["id"].tolist() == [i for i in manifest.images["id"] if i in set(first["id"])]


def test_a_new_patient_changes_a_subset_little():
    rows = draw_rows(0)
    before = set(subset(make(rows), 150, 0).images["group"])
    after = set(subset(make([*rows, ("new", 1, "")]), 150, 0).images["group"])
    assert len(before ^ after) <= 3


@pytest.mark.parametrize("num_images", [1, 40, 200])
def test_the_smallest_subset_can_still_be_split(num_images):
    for manifest in (make(draw_rows(1, 4)), draw_given(1, 3)):
        images = resplit(subset(manifest, num_images, seed=0)).images
        for split in ("train", "val", "test"):
            assert set(images["label"][images["split"] == split]) == set(manifest.images["label"])


def test_which_groups_a_subset_takes_does_not_hang_on_where_they_are_split_to():
    """Else a small study's training images would be the large study's test images."""
    manifest = make([(f"p{i}", i % 2, "") for i in range(1000)])
    kept = set(subset(manifest, 300, seed=0).images["id"])
    whole = resplit(manifest, seed=0).images
    in_test = whole["id"][whole["split"] == "test"].isin(kept)
    assert in_test.mean() == pytest.approx(0.3, abs=0.12)
