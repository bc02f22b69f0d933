import numpy as np
import pandas as pd
import pytest

from pneumoray.data.folder import Manifest, scan
from pneumoray.data.read import read_facts
from pneumoray.data.split import leaks, regroup, resplit
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
