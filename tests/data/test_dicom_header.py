import pytest

pytest.importorskip("pydicom", reason="pip install 'pneumoray[dicom]'")
from dicom_films import Film, dataset, encoded
from pydicom.dataset import Dataset

from pneumoray.data.dicom_header import Header, read_header


@pytest.fixture
def header_of(tmp_path):
    def read(**elements) -> Header:
        film = dataset(Film(12))
        for keyword, value in elements.items():
            setattr(film, keyword, value)
        (tmp_path / "film").write_bytes(encoded(film))
        return read_header(tmp_path / "film")

    return read


@pytest.mark.filterwarnings("ignore:Invalid value for VR CS")
def test_what_a_header_says(header_of):
    header = header_of(
        PatientID=" 0042 ",
        BodyPartExamined="Chest",
        ViewPosition="pa",
        Manufacturer="Maker  Ltd",
        PatientSex="F",
        PatientAge="045Y",
        ImagerPixelSpacing=[0.143, 0.143],
    )
    assert header.has_image
    assert not header.is_burned_in
    assert header.columns == {
        "modality": "DX",
        "body_part": "CHEST",
        "view": "PA",
        "manufacturer": "Maker Ltd",
        "sex": "F",
        "age": "45",
        "pixel_spacing": "0.143",
    }
    assert header.identifiers["PatientID"] == "0042"
    assert header.identifiers["StudyInstanceUID"] == "1.2.3"


@pytest.mark.parametrize(
    ("elements", "age"),
    [
        ({"PatientAge": "006M"}, "0.5"),
        ({"PatientAge": "052W"}, "1.0"),
        ({"PatientAge": "094Y"}, "90"),
        ({"PatientBirthDate": "19800301", "StudyDate": "20240229"}, "43"),
        ({"PatientBirthDate": "20240301", "StudyDate": "20240229"}, None),
        ({"PatientBirthDate": "19800301"}, None),
    ],
)
def test_the_age_is_in_years_and_that_of_the_oldest_is_not_told(header_of, elements, age):
    assert header_of(**elements).columns.get("age") == age


@pytest.mark.parametrize(
    ("code", "view"),
    [("R-10214", "PA"), ("399173006", "LL"), ("399067008", "LATERAL"), ("9", None)],
)
def test_a_view_may_be_a_code(header_of, code, view):
    item = Dataset()
    item.CodeValue = code
    assert header_of(ViewCodeSequence=[item]).columns.get("view") == view


def test_spacing_of_two_lengths_and_writing_in_the_pixels(header_of):
    header = header_of(PixelSpacing=[0.2, 0.15], BurnedInAnnotation="YES")
    assert header.columns["pixel_spacing"] == "0.2 x 0.15"
    assert header.is_burned_in


def test_a_report_has_no_image(tmp_path):
    film = dataset(Film(12))
    del film.Rows
    (tmp_path / "report").write_bytes(encoded(film))
    assert not read_header(tmp_path / "report").has_image


def test_a_header_that_cannot_be_read_says_nothing(tmp_path):
    (tmp_path / "film").write_bytes(bytes(128) + b"DICM" + b"\x10" * 9)
    assert read_header(tmp_path / "absent") == Header()
    assert read_header(tmp_path / "film").columns == {}
