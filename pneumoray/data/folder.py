"""An image folder or a CSV table becomes a Manifest: one row an image."""

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pandas as pd

from pneumoray import words
from pneumoray.data import dicom_listing, image
from pneumoray.data.classes import described, has_negative, ordered
from pneumoray.data.dicom_signature import is_dicom_file
from pneumoray.data.manifest import (
    LISTED_COLUMNS,
    OWN_COLUMNS,
    Finding,
    Manifest,
    matched_patients,
)
from pneumoray.data.patients import find_patients
from pneumoray.data.pseudonyms import Pseudonyms
from pneumoray.data.rules import Rules
from pneumoray.data.table import SPLIT_NAMES, list_table, stat_columns
from pneumoray.errors import DataError

__all__ = ["OWN_COLUMNS", "Finding", "Manifest", "matched_patients", "scan"]

IMAGE_SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"))


def scan(
    data: Path,
    images: Path | None = None,
    rules: Rules | None = None,
    pseudonyms: Pseudonyms | None = None,
) -> tuple[Manifest, list[Finding]]:
    """List the images of a folder (split/CLASS/ or CLASS/) or of a CSV table; nothing is decoded.

    A table has the columns path (relative to `images`, by default the table's folder) and label,
    optionally patient and split; its other columns travel along. Without that column the patient is
    what `find_patients` finds by `rules.patient_rule`. Of two classes `rules.positive`, or what
    `classes.ordered` says, is the second. Names of DICOM files become `pseudonyms`
    (`dicom_listing.described`).
    Raises DataError for data that can't be trained on: nothing there, one class, several labels.
    """
    rules = rules or Rules()
    data = data.absolute()
    try:
        if data.is_dir():
            root, table, findings = _list_folder(data)
        elif data.is_file():
            root, table, findings = list_table(data, (images or data.parent).absolute())
        else:
            raise DataError(f"{data} does not exist; name an image folder or a CSV table")
    except OSError as error:
        raise DataError(f"{error.filename} can't be read ({error.strerror}); check it") from None
    _check_names(table["id"])
    names = set(table["label"])
    if len(names) < 2:
        raise DataError(
            f"{data} has one class only ({names.pop()}); two or more are needed, "
            "a folder or label each"
        )
    _check_classes(names)
    classes = ordered(names, rules.positive)
    if len(classes) == 2 and rules.positive is None and not has_negative(classes):
        findings.append(Finding("positive-class", "note", described(classes, rules.positive)))
    table = table.sort_values("id", kind="stable", ignore_index=True)
    indices = {name: i for i, name in enumerate(classes)}
    has_patients = "patient" in table or rules.patient_rule is not None
    if "patient" not in table:
        table["patient"], told = find_patients(table["id"].tolist(), rules.patient_rule)
        findings += told
    table["label"] = table["label"].map(indices).astype("int64")
    table["group"] = table["patient"].where(table["patient"] != "", table["id"])
    extras = [name for name in table.columns if name not in OWN_COLUMNS]
    manifest = Manifest(table[[*LISTED_COLUMNS, *extras]], classes, str(root))
    pseudonyms = pseudonyms or Pseudonyms()
    return dicom_listing.described(
        manifest, findings, pseudonyms, has_patients=has_patients, is_folder=data.is_dir()
    )


def is_image(path: Path) -> bool:
    """Whether it is a file to read: by its suffix, or else by its content."""
    return path.suffix.lower() in IMAGE_SUFFIXES or image.is_image(path)


def images_below(folder: Path, on_error: Callable[[OSError], object]) -> list[Path]:
    """Every visible image file under `folder`, at any depth, in the order that `scan` lists them.

    `on_error` is given what forbids to look into `folder` or into one below it.
    """
    files = _walk(folder, Counter(), on_error)
    found = [path for path in files if is_image(path)]
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def _list_folder(data: Path) -> tuple[Path, pd.DataFrame, list[Finding]]:
    skipped: Counter[str] = Counter()
    while True:  # a lone folder around everything, as archives unpack, is stepped into
        folders, loose = _children(data)
        inner = _children(folders[0])[0] if len(folders) == 1 and not loose else []
        if not inner or folders[0].name.lower() in SPLIT_NAMES:
            break
        skipped["hidden"] += _count_hidden(data)
        data = folders[0]
    splits = [f for f in folders if f.name.lower() in SPLIT_NAMES and _children(f)[0]]
    class_folders: list[tuple[str, Path]] = []
    for folder in folders:
        inner_names = {f.name.lower() for f in _children(folder)[0]}
        if folder in splits:
            split = SPLIT_NAMES[folder.name.lower()]
            class_folders += [(split, f) for f in _children(folder)[0]]
            loose += _children(folder)[1]
        elif _is_copy(folder, folders, inner_names, bool(splits)):
            skipped[f"nested copy {folder.name}/"] += sum(1 for _ in _walk(folder, Counter()))
        elif splits:
            skipped[f"{folder.name}/ (no split)"] += sum(1 for _ in _walk(folder, Counter()))
        else:
            class_folders.append(("", folder))
    skipped["hidden"] += sum(_count_hidden(f) for f in (data, *splits))
    rows, other = [], []
    for split, folder in class_folders:
        for path in _walk(folder, skipped):
            if is_image(path):
                name = path.relative_to(data).as_posix()
                rows.append((name, str(path), folder.name, split))
            else:
                other.append(path.relative_to(data).as_posix())
    if not rows:
        raise DataError(_no_images(data, loose))
    _check_names(name for name, *_ in rows)  # a table can't hold what is no UTF-8
    table = stat_columns(pd.DataFrame(rows, columns=["id", "path", "label", "split"]))
    stray = [path for path in loose if is_image(path)]
    return data, table, _folder_findings(skipped, other, [p.relative_to(data) for p in stray])


def _no_images(data: Path, loose: list[Path]) -> str:
    if any(map(is_dicom_file, loose)):
        return (
            f"{data} has DICOM films and no class folders; {dicom_listing.BY_TABLE} --images {data}"
        )
    suffixes = ", ".join(sorted(IMAGE_SUFFIXES))
    return (
        f"{data} has no images in class folders; expected CLASS/ or train/CLASS/ with files of type "
        f"{suffixes}, or a CSV table"
    )


def _check_names(names: Iterable[str]) -> None:
    for name in names:
        if re.search("[\r\n\ud800-\udfff]", name):
            raise DataError(
                f"{name!a} has a line break or is no UTF-8 in its name; rename it, or set PYTHONUTF8=1 "
                "where the locale is C"
            )


def _check_classes(names: Iterable[str]) -> None:
    """Classes become columns of tables, and words of reports."""
    by_form: dict[str, str] = {}
    for name in sorted(names):
        if why := words.no_line(name):
            raise DataError(f"class {name!r:.60}: {why}; rename it")
        other = by_form.setdefault(unicodedata.normalize("NFC", name), name)
        if other != name:
            raise DataError(
                f"class {name!r} is written in two forms of Unicode ({other!a} and {name!a}), and would "
                "be two classes: rename one of them, as macOS writes names in the longer form"
            )


def _folder_findings(skipped: Counter[str], other: list[str], stray: list[Path]) -> list[Finding]:
    findings = []
    if hidden := skipped.pop("hidden", 0):
        message = f"skipped {hidden} hidden files (names that start with a dot, and __MACOSX)"
        findings.append(Finding("hidden", "handled", message))
    for what, count in skipped.items():
        if count == 0:
            continue
        kind = "nested-copy" if what.startswith("nested") else "extra-folder"
        findings.append(Finding(kind, "handled", f"skipped {what} with {count} files"))
    if other:
        message = f"skipped {len(other)} files that are no images, such as {other[0]}"
        findings.append(Finding("wrong-type", "handled", message, tuple(other)))
    if stray:
        message = f"skipped {len(stray)} images outside any class folder, such as {stray[0]}"
        findings.append(Finding("no-class", "handled", message, tuple(p.as_posix() for p in stray)))
    return findings


def _is_copy(folder: Path, siblings: list[Path], inner: set[str], has_splits: bool) -> bool:
    """Whether `folder` holds the layout that it stands in once more, as Kaggle's archive does."""
    if has_splits:
        return any(name in SPLIT_NAMES for name in inner)
    others = {f.name.lower() for f in siblings if f != folder}
    return len(others) >= 2 and others <= inner


def _children(folder: Path) -> tuple[list[Path], list[Path]]:
    """Visible folders and visible files in `folder`, sorted by name."""
    visible = sorted(path for path in folder.iterdir() if not _is_hidden(path.name))
    return [p for p in visible if p.is_dir()], [p for p in visible if not p.is_dir()]


def _walk(
    folder: Path, skipped: Counter[str], on_error: Callable[[OSError], object] | None = None
) -> Iterator[Path]:
    """All visible files under `folder`; follows links, but enters no folder twice."""
    entered: set[str] = set()
    for place, folders, files in os.walk(folder, onerror=on_error, followlinks=True):
        real = os.path.realpath(place)
        if real in entered:
            folders.clear()
            continue
        entered.add(real)
        skipped["hidden"] += _count_hidden(Path(place))
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        yield from (Path(place, name) for name in sorted(files) if not _is_hidden(name))


def _count_hidden(folder: Path) -> int:
    """Files in `folder` that are hidden, or lie in hidden folders right inside it."""
    hidden = [path for path in folder.iterdir() if _is_hidden(path.name)]
    return sum(sum(len(files) for _, _, files in os.walk(p)) if p.is_dir() else 1 for p in hidden)


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db", "desktop.ini")
