"""What a DICOM file says of its film beside the pixels: whose it is, and how it was taken."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from pneumoray.data.dicom import parse

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

COLUMNS = ("modality", "body_part", "view", "manufacturer", "sex", "age", "pixel_spacing")
IDENTIFIERS = (  # what names a patient, a visit or a file; a table's column of this name is left out
    *("PatientID", "PatientName", "PatientBirthDate", "OtherPatientIDs", "AccessionNumber"),
    *("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"),
)
LATERAL = frozenset(("LL", "RL", "LAT", "LATERAL", "LLD", "RLD", "XTL"))
_MORE = (
    *("Rows", "Modality", "BodyPartExamined", "ViewPosition", "ViewCodeSequence", "Manufacturer"),
    *("PatientSex", "PatientAge", "StudyDate", "PixelSpacing", "ImagerPixelSpacing"),
    "BurnedInAnnotation",
)
_VIEW_CODES = {  # of the standard's context group 4010, in SNOMED CT and in its older notation
    **dict.fromkeys(("272479007", "R-10214"), "PA"),
    **dict.fromkeys(("399348003", "R-10206"), "AP"),
    **dict.fromkeys(("399173006", "R-10236"), "LL"),
    **dict.fromkeys(("399198007", "R-10232"), "RL"),
    "399067008": "LATERAL",
}
_UNITS = {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12, "Y": 1.0}
_OLDEST = 90  # an age beyond it names a person, so the law of the USA has it; it becomes this


@dataclass(frozen=True)
class Header:
    """Of what a file does not say, ''. `columns` has those of COLUMNS that it says."""

    has_image: bool = True
    is_burned_in: bool = False  # it says itself that writing, such as a name, is part of the pixels
    identifiers: dict[str, str] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)


def read_header(path: Path | str) -> Header:
    """The header of a DICOM file; an empty one where it can't be parsed, as reading it will tell."""
    try:
        with open(path, "rb") as file:
            film = parse(file, [*IDENTIFIERS, *_MORE], pixels=False)
        return Header(
            has_image="Rows" in film,
            is_burned_in=_text(film, "BurnedInAnnotation").upper() == "YES",
            identifiers={name: text for name in IDENTIFIERS if (text := _text(film, name))},
            columns={name: text for name, text in _columns(film).items() if text},
        )
    except ImportError:
        raise
    except Exception:  # damaged files raise anything, and what they raise may quote a name
        return Header()


def _columns(film: "Dataset") -> dict[str, str]:
    return {
        "modality": _text(film, "Modality"),
        "body_part": _text(film, "BodyPartExamined").upper(),
        "view": _text(film, "ViewPosition").upper() or _coded_view(film),
        "manufacturer": _text(film, "Manufacturer"),
        "sex": _text(film, "PatientSex").upper(),
        "age": _age(film),
        "pixel_spacing": _spacing(film),
    }


def _text(film: "Dataset", keyword: str) -> str:
    value = film.get(keyword)
    return "" if value is None else " ".join(str(value).replace("\0", " ").split())


def _coded_view(film: "Dataset") -> str:
    codes = film.get("ViewCodeSequence") or ()
    return next((_VIEW_CODES.get(_text(code, "CodeValue"), "") for code in codes), "")


def _age(film: "Dataset") -> str:
    """Whole years, of a child below two years with one decimal, in the year of the study."""
    age = _text(film, "PatientAge")
    if age[:-1].isdigit() and age[-1] in _UNITS:
        years = int(age[:-1]) * _UNITS[age[-1]]
    else:
        born, taken = (_date(_text(film, name)) for name in ("PatientBirthDate", "StudyDate"))
        if born is None or taken is None or taken < born:
            return ""
        years = (taken - born).days / 365.25
    return f"{years:.1f}" if years < 2 else str(min(int(years), _OLDEST))


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)  # also of the form 20240131
    except ValueError:
        return None


def _spacing(film: "Dataset") -> str:
    """Millimetres between rows and columns, '0.143', or '0.143 x 0.15' where they differ."""
    spacing = film.get("PixelSpacing") or film.get("ImagerPixelSpacing") or ()
    return " x ".join(dict.fromkeys(f"{float(length):.4g}" for length in spacing))
