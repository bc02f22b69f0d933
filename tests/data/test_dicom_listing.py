import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

pytest.importorskip("pydicom", reason="pip install 'pneumoray[dicom]'")
from dicom_films import Film, dataset, encoded

from pneumoray.data.audit import audit
from pneumoray.data.folder import scan
from pneumoray.data.pseudonyms import Pseudonyms, look_up
from pneumoray.data.read import read_facts
from pneumoray.data.rules import Rules
from pneumoray.data.unlabelled import list_files
from pneumoray.errors import DataError


@pytest.fixture
def put(tmp_path) -> Callable[..., Path]:
    """Writes a film with its own pixels and SOPInstanceUID, and further elements."""
    made = []

    def write(name: str, **elements) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        film = dataset(Film(12), seed=len(made))
        for keyword, value in elements.items():
            setattr(film, keyword, value)
        path.write_bytes(encoded(film))
        made.append(path)
        return path

    return write


@pytest.fixture
def films(put, tmp_path) -> Path:
    """Two films of each of two patients, a class each; of the last no patient is known."""
    put("data/NORMAL/DOE/1", PatientID="A", StudyInstanceUID="1.1", ViewPosition="PA")
    put("data/NORMAL/DOE/2.dcm", PatientID="A", StudyInstanceUID="1.2", ViewPosition="LL")
    put("data/PNEUMONIA/3.png", PatientID="B", StudyInstanceUID="1.3", ViewPosition="PA")
    put("data/PNEUMONIA/4.dcm", PatientID="", StudyInstanceUID="1.4", PatientSex="F")
    put("data/PNEUMONIA/5.dcm", PatientID="", StudyInstanceUID="1.4", ViewPosition="AP")
    return tmp_path / "data"


def by_file(manifest) -> pd.DataFrame:
    return manifest.images.assign(
        name=manifest.images["path"].map(lambda p: Path(p).name)
    ).set_index("name")


def kinds(findings) -> set[str]:
    return {finding.kind for finding in findings}


def test_headers_say_whose_a_film_is_and_how_it_was_taken(films, tmp_path):
    pseudonyms = Pseudonyms(tmp_path / "ws")
    manifest, findings = scan(films, pseudonyms=pseudonyms)
    rows = by_file(manifest)
    assert sorted(rows.index) == ["1", "2.dcm", "3.png", "4.dcm", "5.dcm"]
    assert rows.loc["1", "id"] == pseudonyms.of_image("NORMAL/DOE/1")
    assert rows.loc["1", "patient"] == rows.loc["2.dcm", "group"] == pseudonyms.of_patient("A")
    assert rows.loc["4.dcm", "patient"] == ""
    assert rows.loc["4.dcm", "group"] == rows.loc["5.dcm", "group"] == pseudonyms.of_study("1.4")
    assert rows["view"].to_dict() == {
        "1": "PA",
        "2.dcm": "LL",
        "3.png": "PA",
        "4.dcm": "",
        "5.dcm": "AP",
    }
    assert (rows.loc["4.dcm", "sex"], rows.loc["1", "sex"]) == ("F", "")
    assert "age" not in rows  # no film says it
    assert manifest.images["id"].is_monotonic_increasing
    [lateral] = [finding for finding in findings if finding.kind == "lateral"]
    assert lateral.image_ids == (rows.loc["2.dcm", "id"],)
    assert lateral.message.startswith("1 lateral films are among frontal ones (2 PA, 1 LL, 1 AP)")
    assert look_up(tmp_path / "ws")[rows.loc["1", "id"]] == str(films / "NORMAL/DOE/1")


def test_what_the_user_says_of_patients_goes_before_the_header(films, tmp_path):
    pseudonyms = Pseudonyms()
    rule = Rules(patient_rule=r"^(\d)\.")
    rows = by_file(scan(films, rules=rule, pseudonyms=pseudonyms)[0])
    assert rows.loc["4.dcm", "patient"] == pseudonyms.of_patient("4")
    assert rows.loc["1", "patient"] == pseudonyms.of_patient("A")  # the rule finds none in its name
    (tmp_path / "t.csv").write_text("path,label,patient\nNORMAL/DOE/1,N,x\nPNEUMONIA/3.png,P,\n")
    rows = by_file(scan(tmp_path / "t.csv", films, pseudonyms=pseudonyms)[0])
    assert rows.loc["1", "patient"] == pseudonyms.of_patient("x")
    assert rows.loc["3.png", "patient"] == pseudonyms.of_patient("B")


def test_kermanys_rule_does_not_take_the_number_of_an_export_for_a_patient(put, tmp_path):
    put("data/N/IM-0001-0001.dcm", PatientID="A")
    put("data/P/IM-0001-0002.dcm", PatientID="B")
    put("data/P/IM-0001-0003.dcm", PatientID="C")
    manifest, findings = scan(tmp_path / "data")
    assert manifest.images["patient"].nunique() == 3
    assert kinds(findings) == {"positive-class", "dicom"}  # none tells of a rule on names


def test_images_of_other_formats_keep_their_names_beside_dicom(films, draw):
    draw(films / "NORMAL" / "person1_virus_2.png")
    pseudonyms = Pseudonyms()
    manifest, findings = scan(films, pseudonyms=pseudonyms)
    rows = manifest.images.set_index("id")
    assert rows.loc["NORMAL/person1_virus_2.png", "patient"] == pseudonyms.of_patient(
        "person1_virus"
    )
    assert rows.loc["NORMAL/person1_virus_2.png", "view"] == ""
    [told] = [finding for finding in findings if finding.kind == "dicom"]
    assert told.message.startswith("5 of 6 images are DICOM")


def test_films_with_writing_and_files_without_an_image_are_left_out(films, put):
    burned = put("data/NORMAL/burned.dcm", BurnedInAnnotation="YES")
    put("data/NORMAL/DICOMDIR")
    report = put("data/NORMAL/report")
    for path in (report, films / "NORMAL/DICOMDIR"):
        film = dataset(Film(12))
        del film.Rows
        path.write_bytes(encoded(film))
    manifest, findings = scan(films)
    assert len(manifest.images) == 5
    assert burned.name not in by_file(manifest).index
    told = {finding.kind: finding for finding in findings}
    assert told["burned-in"].message.startswith(
        "left out 1 films that have writing in their pixels"
    )
    assert told["no-image"].message.startswith("left out 2 DICOM files that hold no image")
    assert all(name.endswith(".dcm") for name in told["no-image"].image_ids)


def test_what_lies_beside_films_has_no_name_either(films):
    (films / "NORMAL" / "DOE" / "letter.txt").write_text("to Doe")
    (films / "1").write_bytes((films / "NORMAL" / "DOE" / "1").read_bytes())
    pseudonyms = Pseudonyms()
    told = {finding.kind: finding for finding in scan(films, pseudonyms=pseudonyms)[1]}
    letter, loose = (pseudonyms.of_image(name) for name in ("NORMAL/DOE/letter.txt", "1"))
    assert told["wrong-type"].image_ids == (letter,)
    assert told["wrong-type"].message == f"skipped 1 file that is no image, such as {letter}"
    assert told["no-class"].message == f"skipped 1 image outside any class folder, such as {loose}"


def test_a_broken_film_is_told_by_its_pseudonym(films, put):
    broken = put("data/NORMAL/DOE/6.dcm", PatientID="C")
    broken.write_bytes(broken.read_bytes()[:-9])
    manifest, listed = scan(films)
    read, unreadable = read_facts(manifest)
    found = audit(read, [*listed, *unreadable])
    [told] = [finding for finding in found if finding.kind == "unreadable"]
    [secret] = told.image_ids
    assert told.message == (
        f"left out: {secret} is DICOM and can't be decoded (ValueError); it may be damaged: export it "
        "again"
    )
    assert set(read.images["format"]) == {"DICOM"}
    assert set(read.images["mode"]) == {"MONOCHROME2"}


def test_columns_of_a_table_that_name_patients_or_files_are_left_out(films, tmp_path):
    (tmp_path / "t.csv").write_text(
        "path,label,PatientName,dicom,grade,fold,site\n"
        "NORMAL/DOE/1,N,Doe,1,A000,1,north\n"
        "NORMAL/DOE/2.dcm,N,Doe,2.dcm,B000,2,north\n"
        "PNEUMONIA/3.png,P,Roe,3.png,C000,1,south\n"
    )
    manifest, findings = scan(tmp_path / "t.csv", films)
    assert {"fold", "site", "grade"} <= set(manifest.extra_columns)
    assert not {"PatientName", "dicom"} & set(manifest.extra_columns)
    [told] = [finding for finding in findings if finding.kind == "identifying-columns"]
    assert told.message.startswith("left out columns PatientName, dicom of the table")


def test_a_table_may_name_films_by_their_uid(put, films, tmp_path):
    uids = [f"1.2.826.0.1.3680043.8.498.{i}" for i in (1, 3, 4)]
    cells = "".join(f"{uid},{label}\n" for uid, label in zip(uids, "NPP", strict=True))
    (tmp_path / "t.csv").write_text(f"SOPInstanceUID,label\n{cells}9.9,N\n")
    manifest, findings = scan(tmp_path / "t.csv", films)
    rows = by_file(manifest)
    assert {name: manifest.classes[label] for name, label in rows["label"].items()} == {
        "1": "N",
        "3.png": "P",
        "4.dcm": "P",
    }
    assert "SOPInstanceUID" not in rows
    told = {finding.kind: finding.message for finding in findings}
    assert told["absent-images"] == "left out 1 rows of t.csv: no DICOM file has what they name"
    assert told["no-label"] == "left out 2 DICOM files that no row of t.csv is about"
    assert list_files([tmp_path / "t.csv"], films) == [
        films / name for name in ("NORMAL/DOE/1", "PNEUMONIA/3.png", "PNEUMONIA/4.dcm")
    ]


def test_each_image_of_a_visit_gets_the_row_of_its_accession_number(put, tmp_path):
    for i, number in enumerate(("A1", "A1", "A2", "A3")):
        put(f"flat/{i}", AccessionNumber=number, PatientID=number)
    (tmp_path / "t.csv").write_text("accession_number,label,site\nA1,N,north\nA2,P,south\n")
    manifest, findings = scan(tmp_path / "t.csv", tmp_path / "flat")
    rows = by_file(manifest)
    lines = {line.name: line.meaning for line in manifest.understood}
    assert (lines["path"], lines["patient"]) == ("column accession_number", "PatientID")
    assert rows["site"].to_dict() == {"0": "north", "1": "north", "2": "south"}
    told = {finding.kind: finding.message for finding in findings}
    assert told["joined-rows"] == "the 2 rows of t.csv with DICOM files are 3 images"
    assert told["no-label"] == "left out 1 DICOM files that no row of t.csv is about"


def test_a_table_that_names_no_film_is_refused(films, tmp_path):
    (tmp_path / "t.csv").write_text("AccessionNumber,label\nA1,N\nA2,P\n")
    with pytest.raises(
        DataError, match=r"no DICOM file below .* has any AccessionNumber that t\.csv"
    ):
        scan(tmp_path / "t.csv", films)


def test_folders_of_patients_are_no_classes(put, tmp_path):
    for i in range(6):
        put(f"data/DOE{i // 2}/study/{i}", PatientID=f"A{i // 2}")
    with pytest.raises(DataError) as raised:
        scan(tmp_path / "data")
    assert str(raised.value).startswith(
        f"the 3 folders of {tmp_path / 'data'} are patients and no classes: each holds DICOM films of a "
        "patient of its own; give a CSV table with the columns label and path (or SOPInstanceUID, or "
    )


def test_a_flat_folder_of_films_asks_for_a_table(put, tmp_path):
    put("data/1.dcm")
    with pytest.raises(DataError) as raised:
        scan(tmp_path / "data")
    assert str(raised.value) == (
        f"{tmp_path / 'data'} has DICOM films and no class folders; give a CSV table with the columns "
        f"label and path (or SOPInstanceUID, or AccessionNumber): TABLE.csv --images {tmp_path / 'data'}"
    )


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("DOE/1,N\nDOE/1,P", "gives a DICOM film several labels (N, P)"),
        ("DOE/1,N|P\nDOE/2.dcm,P", "gives a DICOM film several labels (N|P), 1 row of 2 in all"),
        ("ROE/8.dcm,N\nROE/9.dcm,P", "is found, such as a DICOM film;"),
    ],
)
def test_a_mistake_in_a_table_is_told_without_the_name_of_a_film(films, tmp_path, rows, message):
    (tmp_path / "t.csv").write_text(f"path,label\n{rows}\n")
    with pytest.raises(DataError) as raised:
        scan(tmp_path / "t.csv", films / "NORMAL")
    assert message in str(raised.value)
    assert "OE" not in str(raised.value)


def test_without_pydicom_the_extra_is_named_before_anything_is_read(films, monkeypatch):
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(DataError) as raised:
        scan(films)
    assert str(raised.value) == (
        "5 of the 5 images are DICOM, which needs pydicom: pip install 'pneumoray[dicom]'"
    )


def test_a_folder_of_films_is_predicted_whatever_their_suffix(films):
    assert [path.name for path in list_files([films])] == ["1", "2.dcm", "3.png", "4.dcm", "5.dcm"]


def test_a_link_in_a_circle_brings_no_film_of_a_visit_twice(put, tmp_path):
    for i, number in enumerate(("A1", "A2")):
        put(f"flat/{i}", AccessionNumber=number, PatientID=number)
    (tmp_path / "flat" / "again").symlink_to(tmp_path / "flat")
    (tmp_path / "t.csv").write_text("AccessionNumber,label\nA1,N\nA2,P\n")
    manifest, _ = scan(tmp_path / "t.csv", tmp_path / "flat")
    assert sorted(by_file(manifest).index) == ["0", "1"]
