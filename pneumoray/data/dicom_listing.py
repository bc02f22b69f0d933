"""DICOM among the images of a Manifest: found by content, described by headers, named by pseudonyms."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import PurePosixPath

import pandas as pd

from pneumoray.data.dicom import INSTALL
from pneumoray.data.dicom_findings import SHORTEST, findings_of, renamed
from pneumoray.data.dicom_header import COLUMNS, IDENTIFIERS, Header, read_header
from pneumoray.data.dicom_signature import is_dicom_file
from pneumoray.data.manifest import Finding, Manifest, Understood
from pneumoray.data.pseudonyms import Pseudonyms
from pneumoray.errors import DataError

_COLUMNS = "label and path (or SOPInstanceUID, or AccessionNumber)"
BY_TABLE = f"give a CSV table with the columns {_COLUMNS}: TABLE.csv"
_NO_PATIENT = ("patient", "none")  # of a table's columns


def described(
    manifest: Manifest,
    findings: Sequence[Finding],
    pseudonyms: Pseudonyms,
    *,
    has_patients: bool,
    is_folder: bool,
) -> tuple[Manifest, list[Finding]]:
    """`manifest` with what the headers of its DICOM files say, and no name of theirs, nor in `findings`.

    The patient is PatientID unless the user said it (`has_patients`) in a table or by a rule; the
    group is StudyInstanceUID where no patient is known. Patients, groups and ids of DICOM become
    keyed hashes, and COLUMNS are added as far as they are known. Files without an image, and films
    with writing in them, are left out. Other data sets come back as they are. Raises DataError
    without pydicom, and where the classes of a folder (`is_folder`) are patients.
    """
    images = manifest.images
    is_dicom = images["path"].map(is_dicom_file)
    if not is_dicom.any():
        return manifest, list(findings)
    num_dicom = int(is_dicom.sum())
    is_dicom |= images["mtime_ns"] == 0  # of files that are not there the names may be such as well
    if find_spec("pydicom") is None:
        raise DataError(
            f"{num_dicom} of the {len(images)} images are DICOM, which needs pydicom: {INSTALL}"
        )
    headers = images["path"].where(is_dicom).map(read_header, na_action="ignore")
    headers = headers.where(is_dicom, Header())
    if is_folder:
        _check_classes(manifest, headers)
    name_of = _hides(images[is_dicom], manifest, pseudonyms)
    secret = [name for name in images["id"][is_dicom] if len(name) >= SHORTEST]
    images = _with_patients(images, headers, is_dicom, has_patients, pseudonyms)
    images, told = _without_identifiers(images, manifest, headers)
    for name in COLUMNS:
        said = headers.map(lambda header, name=name: header.columns.get(name, ""))
        if said.any() and name not in images:
            images[name] = said
    images["id"] = images["id"].map(name_of)
    pseudonyms.note(dict(zip(images["id"][is_dicom], images["path"][is_dicom], strict=True)))
    told += findings_of(images, headers, is_dicom)
    kept = headers.map(lambda header: header.has_image and not header.is_burned_in)
    if not kept.any():
        raise DataError(
            f"none of the {len(images)} images can be used: {'; '.join(f.message for f in told)}"
        )
    images = images[kept].sort_values("id", kind="stable", ignore_index=True)
    before = [
        renamed(finding, name_of, secret)
        for finding in findings
        if finding.kind != "patient-rule"  # about names of files, by which these do not go
    ]
    understood = tuple(_unnamed(line, manifest.root) for line in manifest.understood)
    return replace(manifest, images=images, understood=understood), [*before, *told]


def _unnamed(line: Understood, root: str) -> Understood:
    """What was understood, without where it lies: the name of a folder may be that of a patient."""
    if (line.name, line.meaning) == _NO_PATIENT:
        return replace(line, meaning="PatientID")
    is_top = line.depth == 0 and line.name.endswith("/")
    return replace(
        line, name="DATA/" if is_top else line.name, meaning=line.meaning.replace(root, "DATA")
    )


def _hides(dicom: pd.DataFrame, manifest: Manifest, pseudonyms: Pseudonyms) -> Callable[[str], str]:
    """What each image is called: one that is not DICOM keeps its name, any other file has none."""
    named = set(manifest.images["id"]) - set(dicom["id"])
    return lambda name: name if name in named else pseudonyms.of_image(name)


def _check_classes(manifest: Manifest, headers: pd.Series) -> None:
    """Refuse folders of one patient each, as an archive exports them: their names are no classes."""
    patients = headers.map(lambda header: header.identifiers.get("PatientID", ""))
    num_each = patients.groupby(manifest.images["label"]).nunique()
    if "" not in set(patients) and (num_each == 1).all() and patients.nunique() == len(num_each):
        raise DataError(
            f"the {len(num_each)} folders of {manifest.root} are patients and no classes: each holds "
            f"DICOM films of a patient of its own; {BY_TABLE} --images {manifest.root}"
        )


def _with_patients(
    images: pd.DataFrame,
    headers: pd.Series,
    is_dicom: pd.Series,
    has_patients: bool,
    pseudonyms: Pseudonyms,
) -> pd.DataFrame:
    said = images["patient"] if has_patients else images["patient"].where(~is_dicom, "")
    of_header = headers.map(lambda header: header.identifiers.get("PatientID", ""))
    patient = said.where(said != "", of_header).map(pseudonyms.of_patient)
    study = headers.map(lambda header: header.identifiers.get("StudyInstanceUID", ""))
    group = study.map(pseudonyms.of_study)
    of_image = images["id"].where(~is_dicom, images["id"].map(pseudonyms.of_image))
    group = group.where(group != "", of_image)
    return images.assign(patient=patient, group=patient.where(patient != "", group))


def _without_identifiers(
    images: pd.DataFrame, manifest: Manifest, headers: pd.Series
) -> tuple[pd.DataFrame, list[Finding]]:
    """Without the columns of a table that name patients, visits or files: by their name, by a cell, or
    as the source of the column patient.
    """
    known = {name.lower() for name in IDENTIFIERS}
    pairs = zip(images["id"], headers, strict=True)
    names = [{*_forms(name), *header.identifiers.values()} for name, header in pairs]
    secret = [
        column
        for column in manifest.extra_columns
        if column.replace("_", "").lower() in known
        or images[column].str.strip().equals(manifest.images["patient"])
        or any(
            len(cell.strip()) >= SHORTEST and cell.strip() in own
            for cell, own in zip(images[column], names, strict=True)
        )
    ]
    if not secret:
        return images, []
    message = (
        f"left out columns {', '.join(secret)} of the table: they name patients, visits or files"
    )
    return images.drop(columns=secret), [Finding("identifying-columns", "handled", message)]


def _forms(name: str) -> tuple[str, str, str]:
    path = PurePosixPath(name)
    return name, path.name, path.stem
