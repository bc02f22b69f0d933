"""A CSV table of images: its columns checked, its rows one an image."""

import os
import posixpath
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from pneumoray.data.dicom_join import joined, key_of
from pneumoray.data.dicom_signature import is_dicom_file
from pneumoray.data.manifest import FILE_COLUMNS, OWN_COLUMNS, Finding
from pneumoray.errors import DataError, did_you_mean, some_of

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}
KNOWN_COLUMNS = ("path", "label", "patient", "split")


def list_table(csv: Path, root: Path) -> tuple[Path, pd.DataFrame, list[Finding]]:
    """The rows of `csv` with id, path, label (a name), split, where it has it patient, and more."""
    table, findings = joined(read_cells(csv), csv, root)
    taken = {c for c in table.columns if c in OWN_COLUMNS or c.startswith("prob_")}
    if clashes := [c for c in table.columns if c in taken and c not in KNOWN_COLUMNS]:
        table = table.rename(columns={name: f"table_{name}" for name in clashes})
        message = (
            f"columns {', '.join(clashes)} of the table are kept as table_..., the names are taken"
        )
        findings.append(Finding("renamed-columns", "note", message))
    table["id"] = [image_id(path, root) for path in table["path"]]
    _check_cells(csv, table, root)
    num_rows = len(table)
    table = table.drop_duplicates(ignore_index=True)
    if num_rows > len(table):
        message = f"{num_rows - len(table)} rows of the table repeat another row"
        findings.append(Finding("repeated-rows", "handled", message))
    _check_one_row_an_image(csv, table, root)
    table["path"] = [str(root / name) for name in table["id"]]
    table["split"] = [
        SPLIT_NAMES.get(name.lower(), "") for name in table.get("split", [""] * len(table))
    ]
    table = stat_columns(table)
    if not table["mtime_ns"].any():
        raise DataError(
            f"none of the {len(table)} images in {csv.name} is found, such as "
            f"{shown(table['path'][0], root)}; name the folder that its paths start from with --images"
        )
    return root, table, findings


def stat_columns(table: pd.DataFrame) -> pd.DataFrame:
    """`table` with FILE_COLUMNS of each path; 0 where nothing is found."""
    stats = []
    for path in table["path"]:
        try:
            stat = os.stat(path)
            stats.append((stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))
        except OSError:  # reading it will fail too, and say so
            stats.append((0, 0, 0))
    return table.assign(
        **{name: [stat[i] for stat in stats] for i, name in enumerate(FILE_COLUMNS)}
    )


def read_cells(csv: Path, needed: Sequence[str] = ("path", "label")) -> pd.DataFrame:
    """All cells as text, the known columns in lower case. Raises DataError without a `needed` one."""
    try:
        with csv.open(encoding="utf-8-sig") as file:
            header = file.readline()
            separator = max(",;\t", key=header.count)
            file.seek(0)
            table = pd.read_csv(file, dtype=str, keep_default_na=False, sep=separator)
    except (OSError, ValueError, UnicodeError) as error:  # pandas' parser errors are ValueErrors
        reason = " ".join(str(error).split())
        raise DataError(
            f"{csv} is no readable CSV table ({reason}); give a UTF-8 file with the "
            f"{_columns(needed)}, or an image folder"
        ) from None
    names = [str(name).strip() for name in table.columns]
    table.columns = [name.lower() if name.lower() in KNOWN_COLUMNS else name for name in names]
    has_key = key_of(list(table.columns)) is not None
    for name in needed:
        if name not in table.columns and not (name == "path" and has_key):
            more = ", and where known patient and split" if "label" in needed else ""
            raise DataError(
                f"{csv} has no column {name!r} but {some_of(names, 8)}{did_you_mean(name, names)}; "
                f"name the {_columns(needed)}{more}"
            )
    if table.columns.has_duplicates:
        twice = table.columns[table.columns.duplicated()][0]
        raise DataError(f"{csv} has the column {twice!r} twice; rename one")
    if table.empty:
        raise DataError(f"{csv} has no rows; give one row an image")
    for name in set(KNOWN_COLUMNS) & set(table.columns):
        table[name] = table[name].str.strip()
    return table


def _columns(names: Sequence[str]) -> str:
    return f"column{'s' if len(names) > 1 else ''} {' and '.join(names)}"


def _check_cells(csv: Path, table: pd.DataFrame, root: Path) -> None:
    for name in ("path", "label"):
        if len(empty := table.index[table[name] == ""]):
            raise DataError(
                f"{csv} has no {name} in row {empty[0] + 2}; fill it in or delete the row"
            )
    labels = set(table["label"])
    for image_id, label in zip(table["id"], table["label"], strict=True):
        parts = {part.strip() for part in re.split(r"[|;,/]", label)}
        is_list = len(parts) > 1 and ("|" in label or ";" in label or parts <= labels)
        if is_list or re.fullmatch(r"\[\s*['\"].*\]", label):  # as Python and NumPy print one
            raise DataError(
                f"{csv} gives {shown(image_id, root)} several labels ({label}); an image has one label here, "
                "so name the one to learn"
            )
    for name in sorted(set(table.get("split", []))):
        if name and name.lower() not in SPLIT_NAMES:
            raise DataError(
                f"{csv} has the split {name!r}; use {', '.join(SPLIT_NAMES)}, or leave it empty"
                f"{did_you_mean(name, SPLIT_NAMES)}"
            )


def _check_one_row_an_image(csv: Path, table: pd.DataFrame, root: Path) -> None:
    twice = table[table["id"].duplicated(keep=False)]
    if twice.empty:
        return
    rows = twice[twice["id"] == twice["id"].iloc[0]]
    labels = sorted(set(rows["label"]))
    what = f"several labels ({', '.join(labels)})" if len(labels) > 1 else "several different rows"
    name = shown(rows["id"].iloc[0], root)
    raise DataError(
        f"{csv} gives {name} {what} ({twice['id'].nunique()} images in all stand in "
        "several rows); keep one row an image"
    )


def shown(name: str, root: Path) -> str:
    """An image in a message: by its path, but a DICOM film without it, as that may name a patient."""
    is_film = name.lower().endswith(".dcm") or is_dicom_file(root / name)
    return "a DICOM film" if is_film else name


def image_id(path: str, root: Path) -> str:
    """Where the image lies below `root`, in one spelling; images elsewhere keep their full path."""
    name = posixpath.normpath(path.replace("\\", "/"))
    prefix = root.as_posix() + "/"
    return name.removeprefix(prefix)
