"""What is told of the DICOM files of a data set, and how findings are told without their names."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import PurePosixPath

import pandas as pd

from pneumoray.data.dicom_header import LATERAL
from pneumoray.data.manifest import Finding

SHORTEST = 4  # characters that can name someone; a fold, a side, a grade or a count has fewer


def findings_of(images: pd.DataFrame, headers: pd.Series, is_dicom: pd.Series) -> list[Finding]:
    """Findings about `images` with the `headers` of those that are DICOM."""
    found = []

    def tell(kind: str, severity: str, rows: pd.Series, message: str) -> None:
        if rows.any():
            ids = tuple(images["id"][rows])
            told = message.format(num=len(ids), all=len(images))
            found.append(Finding(kind, severity, told, ids))  # type: ignore[arg-type]

    tell(
        *("dicom", "note", is_dicom),
        "{num} of {all} images are DICOM, shown as their files say; their ids stand for names: "
        "pseudonyms.csv in the workspace has their files",
    )
    tell(
        *("no-image", "handled", ~headers.map(lambda header: header.has_image)),
        "left out {num} DICOM files that hold no image, as reports and a DICOMDIR do",
    )
    tell(
        *("burned-in", "handled", headers.map(lambda header: header.is_burned_in)),
        "left out {num} films that have writing in their pixels, maybe a name (BurnedInAnnotation "
        "YES): blank it and set the tag to NO to use them",
    )
    views = headers.map(lambda header: header.columns.get("view", ""))
    lateral = views.isin(LATERAL)
    if ((views != "") & ~lateral).any():
        counts = ", ".join(f"{n} {view}" for view, n in Counter(views[views != ""]).most_common())
        tell(
            *("lateral", "note", lateral),
            f"{{num}} lateral films are among frontal ones ({counts}): where only one view is meant, "
            "choose it by the column view of a table",
        )
    return found


def renamed(finding: Finding, name_of: Callable[[str], str], secret: Iterable[str]) -> Finding:
    """The finding without the names of DICOM files, and of what lies beside them."""
    message = finding.message
    names = {*finding.image_ids, *(name for name in secret if name in message)}
    for name in sorted(names, key=len, reverse=True):
        for form in (name, PurePosixPath(name).name):
            before = r"(?<![\w/])" if len(form) >= SHORTEST else "(?<=such as )"
            message = re.sub(rf"{before}{re.escape(form)}(?!\w)", name_of(name), message)
    return replace(finding, message=message, image_ids=tuple(map(name_of, finding.image_ids)))
