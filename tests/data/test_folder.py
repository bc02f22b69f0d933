import os
import unicodedata

import pandas as pd
import pytest

from pneumoray.data.folder import scan
from pneumoray.data.manifest import Manifest, matched_patients
from pneumoray.data.rules import Rules
from pneumoray.errors import DataError, WorkspaceError


def kinds(findings):
    return [finding.kind for finding in findings]


def test_kaggle_layout_gives_splits_classes_and_patients(kaggle):
    manifest, findings = scan(kaggle)
    assert manifest.classes == ("NORMAL", "PNEUMONIA")
    assert kinds(findings) == ["patient-rule"]
    counts = manifest.images.groupby(["split", "label"]).size()
    assert counts.to_dict() == {
        ("train", 0): 24, ("train", 1): 24, ("val", 0): 2, ("val", 1): 2, ("test", 0): 6,
        ("test", 1): 6,
    }  # fmt: skip
    assert manifest.images["id"].is_monotonic_increasing
    assert matched_patients(manifest) == len(manifest.images) == 64
    assert manifest.of_split("val")["split"].tolist() == ["val"] * 4


def test_an_unpacked_kaggle_zip_is_read_once(kaggle, draw):
    clean, _ = scan(kaggle)
    for path in sorted(kaggle.rglob("*.jpeg")):
        inside = path.relative_to(kaggle)
        copy = kaggle / "chest_xray" / inside
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
        ghost = kaggle / "__MACOSX" / "chest_xray" / inside.with_name(f"._{inside.name}")
        ghost.parent.mkdir(parents=True, exist_ok=True)
        ghost.write_bytes(b"\0\5\26\7")
    (kaggle / "train" / ".DS_Store").write_bytes(b"x")
    (kaggle / "train" / "NORMAL" / "._IM-0001.jpeg").write_bytes(b"x")
    manifest, findings = scan(kaggle)
    pd.testing.assert_frame_equal(manifest.images, clean.images)
    assert [(f.kind, f.severity) for f in findings] == [
        ("hidden", "handled"),
        ("nested-copy", "handled"),
        ("patient-rule", "note"),
    ]
    assert "66 hidden files" in findings[0].message
    assert "chest_xray/ with 64 files" in findings[1].message
    around = kaggle.parent / "__MACOSX" / "._chest_xray"
    around.parent.mkdir()
    around.write_bytes(b"x")
    outer, findings = scan(kaggle.parent)  # the folder around it works as well
    assert outer.root == str(kaggle)
    assert "67 hidden files" in findings[0].message


def test_training_and_testing_are_splits(tmp_path, draw):
    for split in ("Training", "Testing"):
        for label in "ab":
            draw(tmp_path / split / label / f"{split}.png")
    manifest, findings = scan(tmp_path)
    assert manifest.classes == ("a", "b")
    assert set(manifest.images["split"]) == {"train", "test"}
    assert kinds(findings) == ["positive-class"]  # neither name says which it is


@pytest.mark.parametrize("name", ["val", "valid", "Validation"])
def test_split_folders_are_known_under_their_usual_names(tmp_path, draw, name):
    for split in ("Train", name):
        for label in "abc":
            draw(tmp_path / split / label / "deeper" / "1.png")
    manifest, _ = scan(tmp_path)
    assert manifest.classes == ("a", "b", "c")
    assert set(manifest.images["split"]) == {"train", "val"}


def test_flat_layout_has_no_split_and_skips_a_copy_of_itself(tmp_path, draw):
    for label in ("10", "9", "2"):
        draw(tmp_path / label / "x.png")
        draw(tmp_path / "copy" / label / "x.png")
    draw(tmp_path / "lost.png")
    (tmp_path / "2" / "notes.txt").write_text("hello")
    manifest, findings = scan(tmp_path)
    assert manifest.classes == ("2", "9", "10")
    assert set(manifest.images["split"]) == {""}
    assert kinds(findings) == ["nested-copy", "wrong-type", "no-class"]


@pytest.mark.parametrize(
    ("name", "patient"),
    [
        ("person12_bacteria_45.jpeg", "person12_bacteria"),
        ("person12_virus_45.jpeg", "person12_virus"),
        ("IM-0115-0001.jpeg", "IM-0115"),
        ("NORMAL2-IM-0012-0001-0002.jpeg", "NORMAL2-IM-0012"),
        ("holiday.jpeg", ""),
    ],
)
def test_the_shipped_rule_knows_patients_by_number_and_kind(tmp_path, draw, name, patient):
    draw(tmp_path / "a" / name)
    draw(tmp_path / "b" / "other.png")
    row = scan(tmp_path)[0].images.iloc[0]
    assert row["patient"] == patient
    assert row["group"] == (patient or f"a/{name}")


def test_a_rule_of_the_study_takes_its_first_group_or_the_whole_match(tmp_path, draw):
    draw(tmp_path / "a" / "scan_p7_1.png")
    draw(tmp_path / "b" / "scan_p8_1.png")
    assert scan(tmp_path, rules=Rules(patient_rule=r"_(p\d+)_"))[0].images["patient"].tolist() == [
        "p7",
        "p8",
    ]
    assert scan(tmp_path, rules=Rules(patient_rule=r"p\d+"))[0].images["patient"].tolist() == [
        "p7",
        "p8",
    ]


def test_links_are_followed_but_not_in_circles(tmp_path, draw):
    draw(tmp_path / "store" / "x.png")
    draw(tmp_path / "data" / "b" / "y.png")
    (tmp_path / "data" / "a").symlink_to(tmp_path / "store")
    (tmp_path / "store" / "loop").symlink_to(tmp_path / "store")
    assert scan(tmp_path / "data")[0].images["id"].tolist() == ["a/x.png", "b/y.png"]


def test_file_names_may_hold_any_text_but_line_breaks(tmp_path, draw):
    draw(tmp_path / "ä b" / 'Bild\u202f1,"x".png')
    draw(tmp_path / "b" / "1.png")
    manifest, _ = scan(tmp_path)
    manifest.save(tmp_path / "saved")
    assert Manifest.load(tmp_path / "saved").images["id"].tolist() == manifest.images["id"].tolist()
    (tmp_path / "b" / "1.png").rename(tmp_path / "b" / "1\n.png")
    with pytest.raises(DataError, match="line break"):
        scan(tmp_path)


def test_a_name_that_is_no_text_is_one_line(tmp_path):
    for name in ("NORMAL", "PNEUMONIA"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").touch()
    os.rename(tmp_path / "NORMAL" / "a.png", os.fsencode(tmp_path / "NORMAL") + b"/\xc6\xf3.png")
    with pytest.raises(DataError, match=r"udcc6.*no UTF-8.*rename it, or set PYTHONUTF8=1"):
        scan(tmp_path)


@pytest.mark.parametrize(
    ("positive", "classes", "labels"),
    [(None, ("NORMAL", "COVID"), [1, 0]), ("NORMAL", ("COVID", "NORMAL"), [0, 1])],
)
def test_of_two_classes_the_positive_one_is_the_second(
    tmp_path, draw, positive, classes, labels, make_table
):
    for name in ("COVID", "NORMAL"):
        draw(tmp_path / "folder" / name / "x.png")
    table = make_table("path,label\n1.png,COVID\n2.png,NORMAL\n")
    for data, images in ((tmp_path / "folder", None), (table, tmp_path / "images")):
        manifest, findings = scan(data, images, rules=Rules(positive=positive))
        assert (manifest.classes, manifest.positive) == (classes, classes[1])
        assert manifest.images["label"].tolist() == labels
        assert findings == []  # by name or by choice, nothing was guessed


def test_a_guess_at_the_positive_class_is_a_finding_with_the_way_to_choose(tmp_path, draw):
    for name in ("cat", "dog"):
        draw(tmp_path / name / "x.png")
    manifest, (finding,) = scan(tmp_path)
    assert manifest.classes == ("cat", "dog")
    assert (finding.kind, finding.severity) == ("positive-class", "note")
    assert "--positive cat" in finding.message


def test_classes_in_another_order_keep_every_label(tmp_path, draw):
    for name in ("a", "b", "c"):
        draw(tmp_path / name / "x.png")
    manifest, _ = scan(tmp_path)
    turned = manifest.with_classes(("c", "a", "b"))
    assert turned.classes == ("c", "a", "b")
    assert turned.images["label"].tolist() == [1, 2, 0]
    assert turned.positive is None
    pd.testing.assert_frame_equal(turned.with_classes(manifest.classes).images, manifest.images)


def test_data_that_cannot_be_trained_on_is_refused(tmp_path, draw):
    with pytest.raises(DataError, match="does not exist"):
        scan(tmp_path / "nowhere")
    with pytest.raises(DataError, match="no images"):
        scan(tmp_path)
    draw(tmp_path / "train" / "a" / "1.png")
    with pytest.raises(DataError, match="one class only"):
        scan(tmp_path)


def test_a_saved_manifest_loads_to_the_same_cells(tmp_path, make_table):
    text = 'path,label,age\n1.png,a,NA\n2.png,b,007\n3.png,b,"x, ""y"""\n'
    manifest, _ = scan(make_table(text), tmp_path / "images")
    manifest.save(tmp_path / "saved")
    again = Manifest.load(tmp_path / "saved")
    pd.testing.assert_frame_equal(again.images, manifest.images, check_dtype=False)
    assert (again.classes, again.root) == (manifest.classes, manifest.root)
    path = tmp_path / "saved" / "manifest.csv"
    path.write_text(path.read_text()[:-40])
    with pytest.raises(WorkspaceError, match=r"manifest\.csv"):
        Manifest.load(tmp_path / "saved")


def test_the_real_collection_is_listed(chest_xray):
    manifest, findings = scan(chest_xray)
    assert len(manifest.images) == 5232
    assert matched_patients(manifest) == 5232
    assert [finding.message for finding in findings] == [
        "patients are known by the rule kermany (3669 patients, such as IM-0115 of "
        "test/NORMAL/IM-0115-0001.jpeg); if that is wrong, write a patient_rule or a patient column"
    ]


def test_images_are_known_by_their_content_where_no_suffix_tells(tmp_path, draw):
    for name in ("NORMAL", "TB"):
        for i in range(3):
            draw(tmp_path / name / f"{i}.png", i)
    (tmp_path / "TB" / "0.png").rename(tmp_path / "TB" / "0.v2")
    (tmp_path / "TB" / "1.png").rename(tmp_path / "TB" / "1")
    (tmp_path / "TB" / "notes.txt").write_text("no image")
    manifest, (finding,) = scan(tmp_path)
    assert [name for name in manifest.images["id"] if "TB" in name] == [
        "TB/0.v2",
        "TB/1",
        "TB/2.png",
    ]
    assert finding.message == "skipped 1 file that is no image, such as TB/notes.txt"


def test_class_folders_without_an_image_must_be_mended(tmp_path, draw):
    for name in ("NORMAL", "PNEUMONIA"):
        draw(tmp_path / name / "x.png")
    (tmp_path / "HEALTHY").mkdir()
    (tmp_path / "TB").mkdir()
    (tmp_path / "TB" / "1.raw").write_bytes(b"film")
    manifest, findings = scan(tmp_path)
    assert manifest.classes == ("NORMAL", "PNEUMONIA")
    found = [f.message for f in findings if (f.kind, f.severity) == ("empty-class", "fix")]
    assert [message.partition(":")[0] for message in found] == [
        "the class folder HEALTHY/ has no files",
        "the class folder TB/ has 1 file, such as 1.raw, and no image",
    ]
    _, findings = scan(tmp_path, rules=Rules(folders={"HEALTHY": "skip", "TB": "skip"}))
    assert [f.kind for f in findings] == ["extra-folder"]


@pytest.mark.parametrize("tops", [("", ""), ("train/", "test/")])
def test_class_folders_in_two_forms_of_unicode_are_one_class(tmp_path, draw, tops):
    nfc, nfd = (unicodedata.normalize(form, "정상") for form in ("NFC", "NFD"))
    for top, name in zip(tops, (nfc, nfd), strict=True):
        draw(tmp_path / f"{top}{name}" / "1.png")
        draw(tmp_path / f"{top}폐렴" / "2.png")
    manifest, findings = scan(tmp_path)
    assert manifest.classes == (nfc, "폐렴")
    assert [f.severity for f in findings if f.kind == "unicode"] == ["handled"]
    assert any(name.startswith(f"{tops[1]}{nfd}/") for name in manifest.images["id"])  # as on disk


def test_class_folders_that_differ_in_case_are_a_question(tmp_path, draw):
    for name in ("train/NORMAL", "train/PNEUMONIA", "test/Normal", "test/PNEUMONIA"):
        draw(tmp_path / name / "x.png")
    with pytest.raises(DataError, match=r"Normal \(1 image\).*--labels Normal=NORMAL;"):
        scan(tmp_path)
    assert scan(tmp_path, rules=Rules(labels={"Normal": "NORMAL"}))[0].classes == (
        "NORMAL", "PNEUMONIA",
    )  # fmt: skip


def test_what_was_understood_is_a_small_tree(kaggle, draw):
    draw(kaggle / "extra" / "x.png")
    lines = [(line.depth, line.name, line.meaning) for line in scan(kaggle)[0].understood]
    assert lines == [
        (0, f"{kaggle}/", ""),
        (1, "extra/", "left out: no split, 1 file"),
        (1, "test/", "test: 6 NORMAL, 6 PNEUMONIA"),
        (1, "train/", "train: 24 NORMAL, 24 PNEUMONIA"),
        (1, "val/", "val: 2 NORMAL, 2 PNEUMONIA"),
    ]


def test_of_many_classes_the_tree_shows_some(tmp_path, draw):
    for number in range(30):
        draw(tmp_path / f"{number:02}" / "x.png")
    lines = scan(tmp_path)[0].understood
    assert (lines[1].name, lines[1].meaning) == ("00/", "class 00: 1 image")
    assert (len(lines), lines[-1].meaning) == (12, "20 more class folders: 20 images")
