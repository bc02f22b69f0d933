import pytest
from PIL import Image

from pneumoray.data.audit import audit
from pneumoray.data.folder import scan
from pneumoray.data.read import read_facts


def examine(data):
    manifest, listed = scan(data)
    manifest, unreadable = read_facts(manifest)
    findings = audit(manifest, [*listed, *unreadable])
    assert all("\n" not in finding.message for finding in findings)
    return {finding.kind: finding for finding in findings}


def severities(found):
    return {kind: finding.severity for kind, finding in found.items()}


def test_a_clean_set_only_has_its_small_val(kaggle):
    assert severities(examine(kaggle)) == {"small-validation": "handled", "patient-rule": "note"}


def test_unreadable_empty_and_disguised_files_are_named(kaggle, draw):
    (kaggle / "train" / "NORMAL" / "IM-0500-0001.jpeg").write_bytes(b"")
    (kaggle / "train" / "NORMAL" / "IM-0500-0002.jpeg").write_bytes(b"no image")
    (kaggle / "train" / "NORMAL" / "report.pdf").write_bytes(b"%PDF")
    good = draw(kaggle / "train" / "NORMAL" / "IM-0501-0001.png", 77)
    good.rename(good.with_suffix(".jpeg"))
    manifest, listed = scan(kaggle)
    manifest, unreadable = read_facts(manifest)
    found = audit(manifest, [*listed, *unreadable])
    kinds = [finding.kind for finding in found]
    assert kinds.count("unreadable") == 2
    assert kinds.count("wrong-type") == 2
    assert all(f.severity == "handled" for f in found if f.kind in ("unreadable", "wrong-type"))
    assert found[kinds.index("wrong-type")].image_ids == ("train/NORMAL/report.pdf",)
    assert "IM-0500-0001.jpeg" in found[kinds.index("unreadable")].message
    assert len(manifest.images) == 65


def test_duplicates_by_bytes_and_by_pixels(kaggle, draw):
    draw(kaggle / "train" / "NORMAL" / "IM-0600-0001.png", 5)
    draw(kaggle / "train" / "NORMAL" / "IM-0601-0001.png", 5)
    draw(kaggle / "train" / "NORMAL" / "IM-0602-0001.bmp", 5)
    found = examine(kaggle)
    assert len(found["duplicate"].image_ids) == 2
    assert len(found["same-pixels"].image_ids) == 3
    assert {found[k].severity for k in ("duplicate", "same-pixels")} == {"handled"}
    assert "conflicting-labels" not in found


def test_one_image_in_two_classes_must_be_fixed(kaggle, draw):
    draw(kaggle / "train" / "NORMAL" / "IM-0600-0001.png", 5)
    draw(kaggle / "train" / "PNEUMONIA" / "person900_virus_1.bmp", 5)
    finding = examine(kaggle)["conflicting-labels"]
    assert finding.severity == "fix"
    assert "(NORMAL)" in finding.message
    assert "(PNEUMONIA)" in finding.message


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_patient_of_the_test_split_elsewhere_is_a_leak(kaggle, draw, split):
    draw(kaggle / "test" / "NORMAL" / "IM-0700-0001.png", 5)
    draw(kaggle / split / "NORMAL" / "IM-0700-0002.png", 6)
    finding = examine(kaggle)["leak"]
    assert finding.severity == "fix"
    assert finding.message == (
        "1 group is both in the test split and outside it (1 patient), in 1 pair such as "
        f"test/NORMAL/IM-0700-0001.png and {split}/NORMAL/IM-0700-0002.png: the test would flatter; move "
        "one image of each pair to the other's split, or pass --allow-leaks"
    )
    assert len(finding.image_ids) == 2
    assert finding.pairs == (("test/NORMAL/IM-0700-0001.png", f"{split}/NORMAL/IM-0700-0002.png"),)


def test_an_image_of_the_test_split_elsewhere_is_a_leak(kaggle, draw):
    draw(kaggle / "test" / "NORMAL" / "IM-0700-0001.png", 5)
    draw(kaggle / "train" / "NORMAL" / "IM-0701-0002.bmp", 5)
    finding = examine(kaggle)["leak"]
    assert finding.severity == "fix"
    assert "identical images" in finding.message


def test_a_patient_in_train_and_val_is_mended_by_the_split(kaggle, draw):
    draw(kaggle / "train" / "NORMAL" / "IM-0700-0001.png", 5)
    draw(kaggle / "val" / "NORMAL" / "IM-0700-0002.png", 6)
    finding = examine(kaggle)["group-across-splits"]
    assert finding.severity == "handled"
    assert finding.message == (
        "1 group is in train and in val, such as IM-0700; it is kept together when validation is split anew"
    )


def test_imbalance_sizes_and_modes_are_noted(kaggle, draw):
    for i in range(80):
        size = (41, 31) if i else (10, 10)
        draw(kaggle / "train" / "PNEUMONIA" / f"person{900 + i}_virus_1.png", i, "RGB", size)
    Image.new("RGBA", (400, 300)).save(kaggle / "train" / "NORMAL" / "IM-0700-0001.png")
    found = examine(kaggle)
    assert {found[k].severity for k in ("imbalance", "mixed-sizes", "mixed-modes")} == {"note"}
    assert "PNEUMONIA has 3.4 times" in found["imbalance"].message
    assert "4 sizes, from 10 x 10 to 400 x 300" in found["mixed-sizes"].message
    assert "80 RGB" in found["mixed-modes"].message


def test_classes_that_cannot_be_split_must_be_fixed(kaggle, draw):
    draw(kaggle / "train" / "RARE" / "person900_virus_1.png", 1)
    draw(kaggle / "train" / "RARE" / "person900_virus_2.png", 2)
    draw(kaggle / "test" / "GONE" / "person901_virus_2.png", 3)
    manifest, _ = read_facts(scan(kaggle)[0])
    found = audit(manifest)
    assert [f.severity for f in found] == sorted(f.severity for f in found)  # fix, handled, note
    by_kind = {f.kind: f for f in found}
    assert "class RARE has one patient only (person900_virus" in by_kind["one-patient"].message
    assert "class GONE" in by_kind["empty-class"].message
    assert "RARE" in by_kind["untested-class"].message


def test_unknown_patients_are_told(kaggle, tmp_path, draw):
    draw(kaggle / "train" / "NORMAL" / "holiday.png", 1)
    assert examine(kaggle)["unknown-patient"].severity == "note"
    for i in range(7):
        draw(kaggle / "train" / "NORMAL" / f"holiday{i}.png", 900 + i)
    few = examine(kaggle)["unknown-patient"]  # 64 of 72 images, less than nine in ten
    assert few.severity == "fix"
    assert few.message.startswith("a patient is known of 64 of 72 images only (IM-0027 of test/")
    assert "such as train/NORMAL/holiday.png" in few.message
    assert len(few.image_ids) == 8
    for name in ("a", "b"):
        for i in range(3):
            draw(tmp_path / "flat" / name / f"{i}.png", 10 * i + ord(name))
    assert examine(tmp_path / "flat")["no-patients"].severity == "fix"


def test_the_real_collection_has_nothing_to_fix(chest_xray):
    assert severities(examine(chest_xray)) == {
        "duplicate": "handled",
        "small-validation": "handled",
        "imbalance": "note",
        "patient-rule": "note",
    }


def test_a_class_that_loses_more_than_one_image_in_twenty_must_be_mended(tmp_path, draw):
    for name in ("a", "b"):
        for i in range(20):
            draw(tmp_path / name / f"{i}.png", i + 100 * (name == "b"))
    (tmp_path / "a" / "0.png").write_bytes(b"")
    assert "unreadable-class" not in examine(tmp_path)  # 1 of 20 is no more than 5 %
    (tmp_path / "a" / "1.png").write_bytes(b"")
    finding = examine(tmp_path)["unreadable-class"]
    assert finding.severity == "fix"
    assert finding.message.startswith(
        "2 of 20 images of class a can't be read (10%), such as a/0.png"
    )
    assert finding.image_ids == ("a/0.png", "a/1.png")


def test_a_class_that_is_not_in_test_is_told(kaggle, draw):
    draw(kaggle / "train" / "TB" / "person900_virus_1.png", 1)
    draw(kaggle / "train" / "TB" / "person901_virus_2.png", 2)
    assert examine(kaggle)["untested-class"].severity == "handled"


@pytest.mark.parametrize(("num", "said"), [(1, "1 image"), (2, "2 images")])
def test_counts_and_words_agree(tmp_path, draw, num, said):
    for i in range(20):
        draw(tmp_path / "ab"[i % 2] / f"IM-{i:04}.png", i)
    for i in range(num):
        copy = tmp_path / "a" / f"IM-9{i}00.png"
        copy.write_bytes((tmp_path / "a" / f"IM-{2 * i:04}.png").read_bytes())
    told = examine(tmp_path)["duplicate"].message
    assert told.startswith(f"{2 * num} files are copies of {said}, byte by byte, such as")
