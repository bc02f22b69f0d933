"""Which columns a table has, how it is written, and where its images are."""

import unicodedata

import pytest

from pneumoray.data.folder import scan
from pneumoray.errors import DataError

COLUMNS = [  # header, and what the known columns hold of the first row
    ("Image Index,Finding Labels,Patient ID", ("1.png", "a", "007")),
    ("filename,class,patient_id", ("1.png", "a", "007")),
    ("dicom_id,target,subject_id", ("1.png", "a", "007")),
    ("X_ray_image_name,Label,PatientID", ("1.png", "a", "007")),
    ("image,diagnosis,subject", ("1.png", "a", "007")),
]


@pytest.mark.parametrize(("header", "cells"), COLUMNS)
def test_columns_of_other_names_are_recognised_and_told(make_table, header, cells):
    table = make_table(f"{header}\n1.png,a,007\n2.png,b,7\n3.png,b,8\n")
    manifest, findings = scan(table, table.parent / "images")
    first = manifest.images.iloc[0]
    found = (first["id"], manifest.classes[first["label"]], first["patient"])
    assert found == cells
    own = [name for name in header.split(",") if name not in ("Label",)]
    told = [finding for finding in findings if finding.kind == "columns"]
    assert len(told) == len(own)
    assert all(f"column {name!r}" in f.message for name, f in zip(own, told, strict=True))
    assert all(f.severity == "handled" and "--columns" in f.message for f in told)
    assert manifest.images[own[-1]].tolist() == ["007", "7", "8"]  # the user's own stay


def test_a_column_of_train_and_test_is_the_split(make_table, listed):
    table = make_table("path,label,Dataset_type\n1.png,a,TRAIN\n2.png,b,TEST\n3.png,b,TRAIN\n")
    rows, found = listed(table)
    assert rows["split"].to_dict() == {"1.png": "train", "2.png": "test", "3.png": "train"}
    assert "'Dataset_type' of the table is taken for the split" in found["columns"].message
    rows, found = listed(table, columns={"split": None})
    assert set(rows["split"]) == {""}
    assert "columns" not in found


def test_folds_of_a_table_are_chosen_as_folders_are(make_table, listed):
    table = make_table("path,label,fold\n1.png,a,1\n2.png,b,2\n3.png,b,3\n")
    columns = {"split": "fold"}
    with pytest.raises(DataError, match=r"has the split '1'.*--folders 1=test,2=val"):
        listed(table, columns=columns)
    rows, _ = listed(table, columns=columns, folders={"1": "test", "2": "val"})
    assert rows["split"].tolist() == ["test", "val", "train"]


def test_two_columns_that_may_be_the_patient_are_a_question(make_table, listed):
    table = make_table("path,label,patient_id,subject\n1.png,a,1,x\n2.png,b,2,x\n3.png,b,3,y\n")
    with pytest.raises(
        DataError, match="--columns patient=patient_id or --columns patient=subject"
    ):
        listed(table)
    rows, _ = listed(table, columns={"patient": "subject"})
    assert rows["patient"].tolist() == ["x", "x", "y"]
    rows, found = listed(table, columns={"patient": "patient_id"})
    assert (
        "'subject' looks like patients as well, and 1 of its 2" in found["patient-columns"].message
    )
    same = make_table("path,label,patient_id,subject\n1.png,a,1,x\n2.png,b,1,x\n3.png,b,3,y\n")
    assert listed(same)[0]["patient"].tolist() == ["1", "1", "3"]  # both say the same


def test_a_column_that_is_not_there_is_refused_with_the_nearest(make_table, listed):
    table = make_table("path,label,Case\n1.png,a,1\n2.png,b,2\n")
    with pytest.raises(DataError, match=r"patient is 'case', and .* did you mean Case\?"):
        listed(table, columns={"patient": "case"})


DIALECTS = [
    "path,label,note\n1.png,a,x,\n2.png,b,y,\n",
    "path,label,note,\n1.png,a,x,\n2.png,b,y,\n",
    'path,label,"note"\n1.png,a,x\n2.png,b,y\n\n\n',
    "path;label;note\r\n1.png;a;x\r\n2.png;b;y\r\n",
    "path\tlabel\tnote\n1.png\ta\tx\n2.png\tb\ty\n",
    "\ufeffpath,label,note\n1.png,a,x\n2.png,b,y\n",
    " path , label ,note\n1.png , a,x\n2.png, b,y\n",
    'path,label,note\n"1.png","a",x\n"2.png","b",y\n',
]


@pytest.mark.parametrize("text", DIALECTS, ids=ascii)
def test_tables_of_many_dialects_are_one(make_table, text, listed):
    rows, _ = listed(make_table(text))
    assert rows.index.tolist() == ["1.png", "2.png"]
    assert rows["name"].tolist() == ["a", "b"]
    assert rows["note"].tolist() == ["x", "y"]


def test_separators_in_a_quoted_name_of_a_column_separate_nothing(make_table, listed):
    text = 'path,label,"view (AP;PA;LL;RL)"\n1.png,a,AP\n2.png,b,PA\n'
    assert listed(make_table(text))[0]["view (AP;PA;LL;RL)"].tolist() == ["AP", "PA"]


def test_cells_that_no_column_has_are_refused(make_table, listed):
    with pytest.raises(DataError, match="5 cells in row 3 and 3 columns"):
        listed(make_table("path,label,note\n1.png,a,x\n2.png,b,y,z,w\n"))


def test_another_encoding_is_refused_with_the_word_for_the_right_one(make_table, listed):
    table = make_table("")
    table.write_bytes("path,label\n1.png,정상\n".encode("cp949"))
    with pytest.raises(DataError, match=r"CSV UTF-8.*give a UTF-8 file"):
        listed(table)


def test_one_image_by_several_paths_is_one(make_table, listed):
    table = make_table("")
    place = table.parent / "images" / "1.png"
    table.write_text(f"path,label\n1.png,a\n./1.png,a\n{place},a\n2.png,b\n")
    rows, found = listed(table)
    assert rows.index.tolist() == ["1.png", "2.png"]
    assert found["repeated-rows"].message.startswith("2 rows ")


def test_bare_names_are_found_in_the_parts_of_a_pool(make_table, draw, listed):
    table = make_table("Image Index,label\n1.png,a\nx.png,b\n")
    draw(table.parent / "images" / "part_1" / "x.png")
    rows, found = listed(table)
    assert rows.index.tolist() == ["1.png", "part_1/x.png"]
    assert found["found-by-name"].message.startswith("1 image of the table found by name")
    draw(table.parent / "images" / "part_2" / "x.png")
    with pytest.raises(DataError, match=r"several folders .*part_1/x.png, part_2/x.png"):
        listed(table)


def test_names_without_their_end_are_found_where_the_column_holds_ids(make_table, listed):
    assert listed(make_table("dicom_id,label\n1,a\n2,b\n"))[0].index.tolist() == ["1.png", "2.png"]
    with pytest.raises(DataError, match=r"its file is 1.png: write whole names"):
        listed(make_table("path,label\n1,a\n2,b\n"))


@pytest.mark.parametrize(("written", "stored"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_path_is_found_in_the_other_form_of_unicode(make_table, draw, written, stored, listed):
    table = make_table(f"path,label\n{unicodedata.normalize(written, '환자')}/1.png,a\n2.png,b\n")
    name = unicodedata.normalize(stored, "환자")
    draw(table.parent / "images" / name / "1.png")
    assert listed(table)[0].index.tolist() == ["2.png", f"{name}/1.png"]
