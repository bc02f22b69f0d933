"""What is odd about a data set: Findings, by what has to be done about them."""

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from pneumoray.data.appearance import appearance
from pneumoray.data.formats import SUFFIXES
from pneumoray.data.image import Color
from pneumoray.data.leaks import Pair, across_splits, near_copies_found
from pneumoray.data.manifest import Finding, Manifest, is_blank
from pneumoray.data.patients import unknown_patients
from pneumoray.data.split import is_val_usable, regroup
from pneumoray.errors import counted

SEVERITIES = ("fix", "handled", "note")  # the order in which they are told
IMBALANCE = 2.0  # times as many images in the largest class as in the smallest


def audit(
    manifest: Manifest,
    findings: Sequence[Finding] = (),
    color: Color = "grey",
    *,
    near: Sequence[Pair] = (),
) -> list[Finding]:
    """All findings about a manifest that was read and still has its given splits, `fix` first.

    `findings` are those of the listing and of the reading; they are part of the answer. `color` is
    what models look at, `near` are the pairs of near copies among the images.
    """
    images = manifest.images
    joined = regroup(manifest).images  # identical images in one group
    found = list(findings)
    found += _duplicates(images, manifest.classes)
    found += across_splits(images, joined, near)
    found += near_copies_found(images, joined, near)
    found += _classes(joined, manifest.classes)
    found += _patients(manifest)
    found += _validation(joined, manifest.classes)
    found += _mixed(images)
    found += appearance(images, manifest.classes, color)
    return in_order(found)


def understood(manifest: Manifest) -> pd.DataFrame:
    """How the data were understood: a row a class and one of all, columns of counts.

    `class`, the images of each given split, `images` of all splits, and `patients`, as far as they
    are known.
    """
    images = manifest.images
    given = [split for split in ("train", "val", "test") if (images["split"] == split).any()]
    known = images[images["patient"] != ""]
    labels = range(len(manifest.classes))
    table = pd.DataFrame(
        {
            **{split: (images["split"] == split).groupby(images["label"]).sum() for split in given},
            "images": images.groupby("label").size(),
            "patients": known.groupby("label")["patient"].nunique(),
        }
    ).reindex(labels, fill_value=0)
    table = table.fillna(0).astype("int64")
    table.loc[len(labels)] = [*table.iloc[:, :-1].sum(), known["patient"].nunique()]
    table.insert(0, "class", [*manifest.classes, "all"])
    return table


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """What must be fixed first, what is only good to know last."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def _duplicates(images: pd.DataFrame, classes: tuple[str, ...]) -> list[Finding]:
    found = []
    images = images[~is_blank(images)]  # equal, and copies of none
    by_content = images.groupby("pixel_sha256", sort=False)
    conflicting = images[by_content["label"].transform("nunique") > 1]
    if len(conflicting):
        first = conflicting[conflicting["pixel_sha256"] == conflicting["pixel_sha256"].iloc[0]]
        names = " and ".join(f"{row.id} ({classes[row.label]})" for row in first[:2].itertuples())
        message = (
            f"{counted(conflicting['pixel_sha256'].nunique(), 'image', 'stands stand')} in several "
            "classes, such as "
            f"{names}; decide for one label each and delete the other copies"
        )
        found.append(_finding("conflicting-labels", "fix", message, conflicting))
    same_bytes = images[images["sha256"].duplicated(keep=False)]
    if len(same_bytes):
        message = (
            f"{len(same_bytes)} files are copies of {counted(same_bytes['sha256'].nunique(), 'image')}, "
            f"byte by byte, such as {same_bytes['id'].iloc[0]}; copies share a group, so also a split"
        )
        found.append(_finding("duplicate", "handled", message, same_bytes))
    same_pixels = images[by_content["sha256"].transform("nunique") > 1]
    if len(same_pixels):
        num_images = same_pixels["pixel_sha256"].nunique()
        what = f"{len(same_pixels)} files differ in bytes but show {counted(num_images, 'image')}"
        message = (
            f"{what}, such as {same_pixels['id'].iloc[0]}; they share a group, so also a split"
        )
        found.append(_finding("same-pixels", "handled", message, same_pixels))
    return found


def _classes(joined: pd.DataFrame, classes: tuple[str, ...]) -> list[Finding]:
    found = []
    counts = np.bincount(joined["label"], minlength=len(classes))
    largest, smallest = int(counts.argmax()), int(counts.argmin())
    outside_test, test = joined[joined["split"] != "test"], joined[joined["split"] == "test"]
    tested = set(test["label"])
    if len(test) and (absent := [c for i, c in enumerate(classes) if i not in tested]):
        message = f"the given test split has no image of {', '.join(absent)}, so can't judge it"
        found.append(Finding("untested-class", "handled", message))
    num_groups = outside_test.groupby("label")["group"].nunique()
    for label, name in enumerate(classes):
        num = int(num_groups.get(label, 0))
        if num == 0:
            message = (
                f"class {name} has no readable image to train on; add some or delete the class"
            )
            found.append(Finding("empty-class", "fix", message))
        elif num == 1:
            rows = outside_test[outside_test["label"] == label]
            message = (
                f"class {name} has one patient only ({rows['group'].iloc[0]}, {len(rows)} "
                f"image{'s' * (len(rows) > 1)}), who can't be in train and in validation; add patients"
            )
            found.append(_finding("one-patient", "fix", message, rows))
    if counts[smallest] and counts[largest] / counts[smallest] >= IMBALANCE:
        message = (
            f"{classes[largest]} has {counts[largest] / counts[smallest]:.1f} times the images of "
            f"{classes[smallest]} ({counts[largest]} and {counts[smallest]}); "
            "accuracy alone misleads"
        )
        found.append(Finding("imbalance", "note", message))
    return found


def _patients(manifest: Manifest) -> list[Finding]:
    images = manifest.images
    unknown = images[images["patient"] == ""]
    if doubt := unknown_patients(manifest):
        kind = "unknown-patient" if len(unknown) < len(images) else "no-patients"
        message = f"{doubt}; write a patient_rule, add a patient column, or pass --no-patients"
        return [_finding(kind, "fix", message, unknown)]
    if len(unknown):
        message = (
            f"of {len(images):,} images {len(unknown):,} {'has' if len(unknown) == 1 else 'have'} no known "
            "patient, such as "
            f"{unknown['id'].iloc[0]}; each counts as a patient of its own"
        )
        return [_finding("unknown-patient", "note", message, unknown)]
    return []


def _validation(joined: pd.DataFrame, classes: tuple[str, ...]) -> list[Finding]:
    val = joined[joined["split"] == "val"]
    if len(val) == 0 or is_val_usable(val["label"], len(classes)):
        return []
    message = (
        f"the given validation split has {counted(len(val), 'image')}, too few to choose models on; "
        "it is merged into train and a new one is split off by patient"
    )
    return [Finding("small-validation", "handled", message)]


def _mixed(images: pd.DataFrame) -> list[Finding]:
    found = []
    suffixes = images["id"].map(lambda name: PurePosixPath(name).suffix.lower())
    expected = suffixes.map(SUFFIXES).fillna("")
    disguised = images[(expected != images["format"]) & (expected != "") & (images["format"] != "")]
    if len(disguised):
        first = disguised.iloc[0]
        message = (
            f"{counted(len(disguised), 'file', 'is are')} of another type than the name says, such as "
            f"{first['id']} ({first['format']}); they are read as what they are"
        )
        found.append(_finding("wrong-type", "handled", message, disguised))
    sizes = images["width"].astype(str) + " x " + images["height"].astype(str)
    if (num_sizes := sizes.nunique()) > 1:
        area = images["width"] * images["height"]
        message = (
            f"images have {num_sizes} sizes, from {sizes.iloc[area.argmin()]} to "
            f"{sizes.iloc[area.argmax()]} pixels; all are resized"
        )
        found.append(Finding("mixed-sizes", "note", message))
    modes = images["mode"].value_counts()
    if len(modes) > 1:
        counts = ", ".join(f"{count} {mode}" for mode, count in modes.items())
        found.append(Finding("mixed-modes", "note", f"images have several colour modes: {counts}"))
    return found


def _finding(kind: str, severity: str, message: str, rows: pd.DataFrame) -> Finding:
    return Finding(kind, severity, message, tuple(rows["id"]))  # type: ignore[arg-type]
