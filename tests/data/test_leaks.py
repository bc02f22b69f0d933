import pandas as pd
import pytest

from pneumoray.data.leaks import leak_pairs, pairs_table
from pneumoray.data.manifest import Finding, Manifest


def table(*rows: tuple[str, str, str, str, str]) -> pd.DataFrame:
    """Images of (id, split, patient, group, pixel_sha256), all of class 0."""
    images = pd.DataFrame(rows, columns=["id", "split", "patient", "group", "pixel_sha256"])
    return images.assign(sha256=[f"bytes of {name}" for name in images["id"]], label=0)


def test_each_image_of_a_leak_is_in_a_pair_and_as_few_pairs_as_can_be():
    images = table(
        ("t1", "test", "a", "a", "1"),
        ("t2", "test", "a", "a", "2"),
        ("x1", "train", "a", "a", "3"),
        ("x2", "val", "a", "a", "4"),
        ("x3", "train", "a", "a", "5"),
        ("t3", "test", "b", "b", "6"),
        ("x4", "train", "c", "c", "7"),
    )
    assert leak_pairs(images) == [("t1", "x1"), ("t2", "x2"), ("t1", "x3")]
    assert leak_pairs(images[images["split"] == "test"]) == []


def test_an_image_is_paired_with_its_copy_before_another_of_its_patient_or_group():
    images = table(
        ("t1", "test", "a", "a", "1"),
        ("t2", "test", "", "a", "2"),
        ("t3", "test", "", "a", "9"),
        ("x1", "train", "a", "a", "3"),
        ("x2", "train", "b", "a", "1"),
        ("x3", "train", "b", "a", "8"),
    )
    pairs = leak_pairs(images, near=[("t2", "x3"), ("x1", "x2")])
    assert pairs == [("t1", "x2"), ("t2", "x3"), ("t3", "x2"), ("t1", "x1")]


def test_a_row_of_the_table_says_why_two_images_are_a_pair():
    images = table(
        ("t1", "test", "a", "a", "1"),
        ("x1", "train", "a", "a", "3"),
        ("x2", "train", "b", "a", "1"),
        ("x3", "train", "", "a", "4"),
    )
    images.loc[3, ["sha256", "label"]] = ["bytes of x2", 1]
    manifest = Manifest(images, ("NORMAL", "SICK"), "/data")
    pairs = (("t1", "x1"), ("t1", "x2"), ("x2", "x3"), ("t1", "x3"))
    found = [
        Finding("leak", "fix", "", pairs=pairs),
        Finding("near-copies", "note", "", pairs=(("x1", "x3"),)),
        Finding("unreadable", "handled", "", ("gone.png",)),
        Finding("imbalance", "note", ""),
    ]
    rows = pairs_table(manifest, found)
    assert rows["why"].tolist() == [
        "same patient",
        "same pixels",
        "same bytes",
        "same group",
        "near copy",
        "",
    ]
    assert rows.iloc[3].tolist() == [
        "leak", "fix", "same group", "t1", "test", "NORMAL", "a", "x3", "train", "SICK", "",
    ]  # fmt: skip
    assert rows.iloc[5].tolist() == ["unreadable", "handled", "", "gone.png", *[""] * 7]


@pytest.mark.parametrize(
    "stored", [{"image_ids": ["a"]}, {"image_ids": ["a"], "pairs": [["a", "b"]]}]
)
def test_a_finding_comes_back_from_json(stored):
    finding = Finding.of({"kind": "leak", "severity": "fix", "message": "", **stored})
    assert finding.image_ids == ("a",)
    assert finding.pairs == ((("a", "b"),) if "pairs" in stored else ())
