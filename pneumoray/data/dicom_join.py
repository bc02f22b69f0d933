"""A table without paths, joined to the DICOM files of a folder by what their headers say."""

from collections import Counter
from pathlib import Path

import pandas as pd

from pneumoray.data.dicom_header import read_header
from pneumoray.data.dicom_signature import is_dicom_file
from pneumoray.data.manifest import Finding
from pneumoray.data.tree import walk
from pneumoray.errors import DataError

KEYS = ("SOPInstanceUID", "AccessionNumber")  # of one image; of one visit, which may have several


def key_of(columns: list[str]) -> str | None:
    """The column of a table that says which DICOM files its rows are about, where none has paths."""
    forms = {name.replace("_", "").lower(): name for name in columns}
    if "path" in forms:
        return None
    return next((forms[key.lower()] for key in KEYS if key.lower() in forms), None)


def joined(table: pd.DataFrame, csv: Path, root: Path) -> tuple[pd.DataFrame, list[Finding]]:
    """`table` with a column path in place of its key: a row a file below `root` that has this key.

    A row of a visit becomes a row of each of its images. Files that no row is about are left out, as
    are rows without a file; both are told. A table with paths comes back as it is. Raises DataError
    where no file has the key of any row.
    """
    column = key_of(list(table.columns))
    if column is None:
        return table, []
    key = next(key for key in KEYS if key.lower() == column.replace("_", "").lower())
    keys = table[column].str.strip()
    if (empty := keys.index[keys == ""]).size:
        raise DataError(
            f"{csv} has no {column} in row {empty[0] + 2}; fill it in or delete the row"
        )
    files = _files_by(key, root)
    rows = table.drop(columns=column).assign(path=keys.map(files)).explode("path")
    found = rows["path"].notna()
    if not found.any():
        raise DataError(
            f"no DICOM file below {root} has any {key} that {csv.name} names; name the folder of the "
            "files with --images"
        )
    return rows[found].reset_index(drop=True), _told(csv, keys, files, int(found.sum()))


def _files_by(key: str, root: Path) -> dict[str, list[str]]:
    """Paths below `root`, with / between their parts, by what the header has for `key`."""
    files: dict[str, list[str]] = {}
    for path in walk(root, Counter()):
        if is_dicom_file(path) and (text := read_header(path).identifiers.get(key)):
            files.setdefault(text, []).append(path.relative_to(root).as_posix())
    return files


def _told(
    csv: Path, keys: pd.Series, files: dict[str, list[str]], num_images: int
) -> list[Finding]:
    found = []
    absent, named = int((~keys.isin(list(files))).sum()), set(keys)
    others = sum(len(paths) for key, paths in files.items() if key not in named)
    if num_images + absent != len(keys):
        message = (
            f"the {len(keys) - absent} rows of {csv.name} with DICOM files are {num_images} images"
        )
        found.append(Finding("joined-rows", "note", message))
    if absent:
        message = f"left out {absent} rows of {csv.name}: no DICOM file has what they name"
        found.append(Finding("absent-images", "handled", message))
    if others:
        message = f"left out {others} DICOM files that no row of {csv.name} is about"
        found.append(Finding("no-label", "handled", message))
    return found
