"""An image folder or a CSV table becomes a Manifest: one row an image."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd

from pneumoray.data import dicom_listing
from pneumoray.data.classes import described, has_negative, ordered
from pneumoray.data.dicom_signature import is_dicom_file
from pneumoray.data.folder_findings import findings_of
from pneumoray.data.folder_names import nfc
from pneumoray.data.labels import as_classes
from pneumoray.data.layout import decide
from pneumoray.data.manifest import (
    LISTED_COLUMNS,
    OWN_COLUMNS,
    Finding,
    Manifest,
    Understood,
)
from pneumoray.data.patients import find_patients
from pneumoray.data.pseudonyms import Pseudonyms
from pneumoray.data.rules import Rules
from pneumoray.data.table import list_table, stat_columns
from pneumoray.data.tree import Folder, count_hidden, is_image, walk
from pneumoray.data.understood import tree_of
from pneumoray.errors import DataError


def scan(
    data: Path,
    images: Path | None = None,
    rules: Rules | None = None,
    pseudonyms: Pseudonyms | None = None,
) -> tuple[Manifest, list[Finding]]:
    """List the images of a folder (split/CLASS/ or CLASS/) or of a CSV table; nothing is decoded.

    `layout.decide` says what each folder is. A table has the columns path (relative to `images`, by
    default the table's folder) and label, optionally patient and split; its other columns travel
    along. Without patient it is what `find_patients` finds by `rules.patient_rule`. Of two classes
    `rules.positive`, or what `classes.ordered` says, is the second. Names of DICOM files become
    `pseudonyms` (`dicom_listing.described`).
    Raises DataError for data that can't be trained on: nothing there, one class, several labels; and
    for what can be understood in two ways.
    """
    rules = rules or Rules()
    data = data.absolute()
    try:
        if data.is_dir():
            root, table, findings, understood = _list_folder(data, rules)
        elif data.is_file():
            place = (images or data.parent).absolute()
            root, table, findings, understood = list_table(data, place, rules)
        else:
            raise DataError(f"{data} does not exist; name an image folder or a CSV table")
    except OSError as error:
        raise DataError(f"{error.filename} can't be read ({error.strerror}); check it") from None
    _check_names(table["id"])
    table, joined = as_classes(table, rules, str(data))
    findings += joined
    names = set(table["label"])
    if len(names) < 2:
        raise DataError(
            f"{data} has one class only ({names.pop()}); two or more are needed, "
            "a folder or label each"
        )
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
    table["patient"] = table["patient"].map(nfc)
    table["group"] = table["patient"].where(table["patient"] != "", table["id"])
    extras = [name for name in table.columns if name not in OWN_COLUMNS]
    listed = table[[*LISTED_COLUMNS, *extras]]
    manifest = Manifest(listed, classes, str(root), tuple(understood))
    pseudonyms = pseudonyms or Pseudonyms()
    return dicom_listing.described(
        manifest, findings, pseudonyms, has_patients=has_patients, is_folder=data.is_dir()
    )


def images_below(folder: Path, on_error: Callable[[OSError], object]) -> list[Path]:
    """Every visible image file under `folder`, at any depth, in the order that `scan` lists them.

    `on_error` is given what forbids to look into `folder` or into one below it.
    """
    files = walk(folder, Counter(), on_error)
    return sorted(
        (path for path in files if is_image(path)),
        key=lambda path: path.relative_to(folder).as_posix(),
    )


def _list_folder(
    data: Path, rules: Rules
) -> tuple[Path, pd.DataFrame, list[Finding], list[Understood]]:
    """What `layout.decide` calls a class, file by file."""
    layout = decide(data, rules.folders)
    skipped: Counter[str] = Counter()
    above = [layout.root, *(p.path for p in layout.of("train", "val", "test", "part"))]
    for folder in (*layout.passed, *above):
        skipped["hidden"] += count_hidden(folder)
    rows: list[tuple[str, str, str, str]] = []
    other: list[Path] = []
    counts: dict[Path, int] = {}
    for place in layout.places:
        before = len(rows)
        if place.role == "skip":
            counts[place.path] = sum(1 for _ in walk(place.path, Counter()))
        elif place.role == "class":
            for path in walk(place.path, skipped, without=place.without):
                if is_image(path):
                    name = path.relative_to(layout.root).as_posix()
                    rows.append((name, str(path), place.label, place.split))
                else:
                    other.append(path.relative_to(layout.root))
            counts[place.path] = len(rows) - before
    if not rows and any(map(is_dicom_file, layout.root.iterdir())):
        raise DataError(
            f"{data} has DICOM films and no class folders; {dicom_listing.BY_TABLE} --images {data}"
        )
    if not rows:
        raise DataError(
            f"{data} has no images in class folders; expected CLASS/ or train/CLASS/ with image files, "
            "or a CSV table (--data TABLE.csv --images DIR)"
        )
    _check_names(name for name, *_ in rows)  # a table can't hold what is no UTF-8
    table = stat_columns(pd.DataFrame(rows, columns=["id", "path", "label", "split"]))
    loose = [
        path.relative_to(layout.root)
        for folder in above
        for path in Folder(folder).files()
        if is_image(path)
    ]
    findings = findings_of(layout, counts, skipped["hidden"], other, loose)
    return layout.root, table, findings, tree_of(layout, counts)


def _check_names(names: Iterable[str]) -> None:
    for name in names:
        if re.search("[\r\n\ud800-\udfff]", name):
            raise DataError(
                f"{name!a} has a line break or is no UTF-8 in its name; rename it, or set PYTHONUTF8=1 "
                "where the locale is C"
            )
