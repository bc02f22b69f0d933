"""Labels of a table that are several in one cell (A|B): refused, or one of them learnt, or left out."""

import re
import shlex
from pathlib import Path

import pandas as pd

from pneumoray.data.folder_names import nfc
from pneumoray.data.manifest import Finding
from pneumoray.data.places import shown
from pneumoray.data.rules import Rules
from pneumoray.errors import DataError, counted


def one_label_each(
    csv: Path, table: pd.DataFrame, rules: Rules, root: Path
) -> tuple[pd.DataFrame, list[Finding]]:
    """`table` with one label a row. Raises DataError where a row has several and nobody said what then."""
    labels = set(table["label"])
    lists = {label: parts for label in labels if (parts := _parts(label, labels))}
    if not lists:
        return table, []
    several = table["label"].isin(lists)
    what = f"{counted(int(several.sum()), 'row')} of {len(table):,}"
    if rules.label_of is not None:
        chosen = nfc(rules.label_of)
        one = {
            label: chosen if chosen in map(nfc, parts) else parts[0]
            for label, parts in lists.items()
        }
        return table.assign(label=table["label"].map(lambda label: one.get(label, label))), []
    if "several-labels" in rules.leave_out:
        message = f"left out {what} of the table, which have several labels"
        kept = table[~several].reset_index(drop=True)
        return kept, [Finding("several-labels", "handled", message)]
    first = table[several].iloc[0]
    name, image = lists[first["label"]][0], shown(first["path"], root)
    raise DataError(
        f"{csv} gives {image} several labels ({first['label']}), {what} in all: an image "
        f"has one label here, so learn one against all others with --label-of {shlex.quote(name)}, or "
        "leave such rows out with --leave-out several-labels"
    )


def one_row_each(table: pd.DataFrame, chosen: str) -> pd.DataFrame:
    """`table` in which all rows of an image have the label `chosen`, if one has, else the first's."""
    by_image = table.groupby("id", sort=False)["label"]
    has_it = (table["label"].map(nfc) == nfc(chosen)).groupby(table["id"]).transform("any")
    return table.assign(label=by_image.transform("first").mask(has_it, nfc(chosen)))


def _parts(label: str, labels: set[str]) -> list[str]:
    """The labels that are written into one; none where it is one label."""
    if re.fullmatch(r"\[\s*['\"].*\]", label):  # as Python and NumPy print one
        return re.findall(r"['\"]([^'\"]*)['\"]", label)
    parts = [part.strip() for part in re.split(r"[|;,/]", label) if part.strip()]
    is_list = len(set(parts)) > 1 and ("|" in label or ";" in label or set(parts) <= labels)
    return parts if is_list else []
