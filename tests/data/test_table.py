import unicodedata

import pytest

from pneumoray.data.folder import scan
from pneumoray.data.read import read_facts
from pneumoray.errors import DataError


def kinds(findings):
    return [finding.kind for finding in findings]


def test_a_table_brings_labels_patients_splits_and_its_own_columns(tmp_path, make_table):
    text = (
        "Path;Label;patient;split;sex;class;width\n"
        "1.png;ill;007;train;F;A;NA\n./2.png;well;;Valid;M;B;\n3.png;ill;8;test;;C;9\n"
        "3.png;ill;8;test;;C;9\n"
    )
    manifest, findings = scan(make_table(text), tmp_path / "images")
    images = manifest.images
    assert manifest.classes == ("ill", "well")
    assert images["id"].tolist() == ["1.png", "2.png", "3.png"]
    assert images["label"].tolist() == [0, 1, 0]
    assert images["patient"].tolist() == ["007", "", "8"]
    assert images["group"].tolist() == ["007", "2.png", "8"]
    assert images["split"].tolist() == ["train", "val", "test"]
    assert manifest.extra_columns == ["sex", "class", "table_width"]
    assert images["table_width"].tolist() == ["NA", "", "9"]
    assert kinds(findings) == ["renamed-columns", "repeated-rows", "positive-class"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no readable CSV"),
        ("path,label\n", "no rows"),
        ("kind,label\n1.png,a\n", "no column 'path' but kind, label"),
        ("path,lables\n1.png,a\n", "did you mean lables.*--columns label=NAME"),
        ("path,label\n1.png,\n2.png,b\n", "no label in row 2"),
        ("path,label\n1.png,a\n2.png,a\n", "one class only"),
        ("path,label\n1.png,a\n1.png,b\n", r"1.png several labels \(a, b\)"),
        ("path,label\n1.png,a|b\n2.png,b\n", r"1.png several labels \(a\|b\)"),
        ('path,label\n1.png,"a,b"\n2.png,b\n3.png,a\n', "several labels"),
        ("path,label\n1.png,\"['a' 'b']\"\n2.png,c\n", "several labels"),
        ("path,label\n1.png,a/b\n2.png,b\n3.png,a\n", "several labels"),
        ("path,label\n1.png,\"['a', 'b']\"\n2.png,c\n", "several labels"),
        ("path,label,split\n1.png,a,trian\n2.png,b,val\n", "did you mean train"),
        ("path,label\nx.png,a\ny.png,b\n", "none of the 2 images"),
        ("path,label,age\n1.png,a,3\n1.png,a,4\n2.png,b,4\n", "several different rows"),
        ("path,label,path\n1.png,a,3\n", "no readable CSV|twice|several|one class"),
    ],
)
def test_a_bad_table_is_refused_in_one_line(tmp_path, text, message, make_table):
    with pytest.raises(DataError, match=message) as error:
        scan(make_table(text), tmp_path / "images")
    assert "\n" not in str(error.value)


def test_a_comma_may_belong_to_a_class_name(tmp_path, make_table):
    table = make_table('path,label\n1.png,"Effusion, left"\n2.png,b\n')
    assert scan(table, tmp_path / "images")[0].classes == ("Effusion, left", "b")


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ('"two\nlines"', r"class 'two\\nlines': it has the character '\\n'"),
        ("a\x07b", r"class 'a\\x07b': it has the character '\\x07'"),
        ("x" * 101, "it has 101 characters, 100 are allowed"),
    ],
)
def test_a_class_whose_name_no_table_can_hold_is_refused(tmp_path, label, message, make_table):
    table = make_table(f"path,label\n1.png,{label}\n2.png,폐렴\n")
    with pytest.raises(DataError, match=message) as caught:
        scan(table, tmp_path / "images")
    assert "\n" not in str(caught.value)


def test_a_patient_in_two_forms_of_unicode_is_one(tmp_path, make_table):
    """macOS writes Hangul and accents in pieces."""
    forms = [unicodedata.normalize(form, "가") for form in ("NFC", "NFD")]
    text = "path,label,patient\n1.png,a,{}\n2.png,b,{}\n3.png,a,x\n".format(*forms)
    manifest, _ = scan(make_table(text), tmp_path / "images")
    assert manifest.images["patient"].tolist() == ["가", "가", "x"]


def test_a_path_that_no_file_can_have_is_left_to_its_reading(tmp_path, make_table):
    text = "path,label\n1.png,a\n2.png,b\nx\0.png,b\n"
    manifest, _ = scan(make_table(text), tmp_path / "images")
    assert manifest.images["size_bytes"].tolist()[-1] == 0
    _, findings = read_facts(manifest)
    assert "unreadable" in kinds(findings)
