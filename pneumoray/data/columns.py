"""Which column of a table is the path, the label, the patient, the split, whatever it is called."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pneumoray.data.folder_names import SPLIT_NAMES
from pneumoray.data.manifest import Finding
from pneumoray.data.rules import Column
from pneumoray.errors import DataError, did_you_mean, some_of

KNOWN_COLUMNS: tuple[Column, ...] = ("path", "label", "patient", "split")

# Other names of them, as letters only: PatientID, "Patient ID" and patient_id are one.
LOOK_ALIKES: dict[str, frozenset[str]] = {
    "path": frozenset(
        (
            *(
                "file",
                "filename",
                "filepath",
                "image",
                "images",
                "imageindex",
                "imagename",
                "imagepath",
            ),
            *(
                "imagefile",
                "imagefilename",
                "imageid",
                "img",
                "imgname",
                "imgpath",
                "xrayimagename",
            ),
            *("dicomid", "dicompath", "fname"),
        )
    ),
    "label": frozenset(
        (
            *("class", "classname", "target", "diagnosis", "finding", "findings", "findinglabels"),
            *("labels", "labelname", "category", "groundtruth"),
        )
    ),
    "patient": frozenset(
        (
            *("patientid", "patientids", "patientno", "patientnumber", "patients", "pid", "ptid"),
            *("subject", "subjectid", "subjects", "personid", "caseid", "patid", "patientname"),
            *("participantid", "mrn", "medicalrecordnumber"),
        )
    ),
}
NAMES_WITHOUT_SUFFIX = frozenset(
    ("dicomid", "imageid", "patientid")
)  # columns that hold names, less their end
_TRAINS = frozenset(name for name, split in SPLIT_NAMES.items() if split == "train")


@dataclass(frozen=True)
class Columns:
    """Known column -> the table's own name of it, of those that it has."""

    of: Mapping[str, str]
    findings: list[Finding]


def find_columns(csv: Path, table: pd.DataFrame, said: Mapping[Column, str]) -> Columns:
    """The known columns by their names, else by `said`, else by the one other that can be meant.

    A split is known by its cells as well: train, test and such words only.
    Raises DataError where path or label is missing, or where several could be meant.
    """
    names = list(table.columns)
    of: dict[str, str] = {}
    findings = []
    for known in KNOWN_COLUMNS:
        if known in said:
            if said[known] and said[known] not in names:
                raise DataError(
                    f"columns says that {known} is {said[known]!r}, and {csv} has no such column but "
                    f"{some_of(names, 8)}{did_you_mean(said[known], names)}"
                )
            if said[known]:
                of[known] = said[known]
            continue
        exact = [name for name in names if name.casefold() == known]
        if len(exact) > 1:
            raise DataError(f"{csv} has the column {known!r} twice; rename one")
        if exact:
            of[known] = exact[0]
            continue
        meant = _meant(known, table.drop(columns=[*of.values()]))
        if len(meant) > 1 and not _agree(table[meant]):
            ways = " or ".join(_option(known, name) for name in meant)
            raise DataError(
                f"{csv} has no column {known!r}, and {' and '.join(meant)} may each be it: choose with {ways}"
            )
        if meant:
            of[known] = meant[0]
            message = (
                f"column {meant[0]!r} of the table is taken for the {known}; if it is not, say "
                f"{_option(known, '')}"
            )
            findings.append(Finding("columns", "handled", message))
    for needed in ("path", "label"):
        if needed not in of:
            raise missing_column(csv, names, needed)
    return Columns(of, findings + _second_patients(table, of))


def letters(name: str) -> str:
    """The letters of a column's name: 'Patient ID' and patient_id are patientid."""
    return re.sub(r"[\W\d_]", "", name.casefold())


def _meant(known: str, table: pd.DataFrame) -> list[str]:
    if known == "split":
        return [name for name in table.columns if _holds_splits(table[name])]
    return [name for name in table.columns if letters(name) in LOOK_ALIKES[known]]


def _holds_splits(cells: pd.Series) -> bool:
    values = {str(value).strip().casefold() for value in cells.unique()} - {""}
    return len(values) > 1 and values <= set(SPLIT_NAMES) and not values.isdisjoint(_TRAINS)


def _agree(columns: pd.DataFrame) -> bool:
    """Whether each column groups the rows as the first does, so that either will do."""
    codes = [pd.factorize(columns[name])[0] for name in columns]
    return all((code == codes[0]).all() for code in codes)


def _second_patients(table: pd.DataFrame, of: Mapping[str, str]) -> list[Finding]:
    """Columns that look like patients beside the chosen one, and join what it holds apart."""
    if "patient" not in of:
        return []
    found = []
    for name in _meant("patient", table):
        if name == of["patient"]:
            continue
        cells = table[table[name] != ""]
        num_patients = cells.groupby(name)[of["patient"]].nunique()
        if (joined := int((num_patients > 1).sum())) > 0:
            message = (
                f"column {name!r} looks like patients as well, and {joined} of its {len(num_patients)} "
                f"values stand with several of {of['patient']!r}, so may be in several splits: if it is "
                f"the patient, say {_option('patient', name)}"
            )
            found.append(Finding("patient-columns", "handled", message))
    return found


def missing_column(
    csv: Path, names: Sequence[str], known: str, *, labelled: bool = True
) -> DataError:
    """That the table has no such column: what it has, and how to say which is it."""
    advice = (
        "name the columns path and label, and where known patient and split, or say which column is "
        f"which, as {_option(known, 'NAME')}"
        if labelled
        else f"name the column {known}"
    )
    return DataError(
        f"{csv} has no column {known!r} but {some_of(names, 8)}{did_you_mean(known, names)}; {advice}"
    )


def _option(known: str, name: str) -> str:
    return f"--columns {shlex.quote(f'{known}={name}')}"
