"""The cells of a CSV file as text: with commas, semicolons or tabs, and commas too many."""

import csv
from itertools import islice
from pathlib import Path

import pandas as pd

from pneumoray.data.columns import KNOWN_COLUMNS, LOOK_ALIKES, letters
from pneumoray.errors import DataError

_SEPARATORS = ",;\t"
_LOOKED_AT = 20  # lines that tell the separator


def read_csv(path: Path, wanted: str) -> pd.DataFrame:
    """All cells as text under the names of the first line; less columns without a name or a cell.

    Raises DataError, which says that `wanted` should be given, for what is no such table.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            separator = _separator(list(islice(file, _LOOKED_AT)))
            file.seek(0)
            rows = [row for row in csv.reader(file, delimiter=separator) if any(row)]
    except (OSError, ValueError, UnicodeError, csv.Error) as error:
        reason = " ".join(str(error).split())
        if isinstance(error, UnicodeError):
            reason += "; a spreadsheet saves it as 'CSV UTF-8'"
        raise DataError(
            f"{path} is no readable CSV table ({reason}); give a UTF-8 file with the {wanted}, or an "
            "image folder"
        ) from None
    if not rows:
        raise DataError(
            f"{path} is no readable CSV table (it is empty); give a UTF-8 file with the {wanted}, or an "
            "image folder"
        )
    header = [name.strip() for name in rows.pop(0)]
    for number, row in enumerate(rows, 2):
        if any(row[len(header) :]):
            raise DataError(
                f"{path} has {len(row)} cells in row {number} and {len(header)} columns; put quotes "
                "around a cell that holds the separator"
            )
        row[len(header) :] = []
        row.extend([""] * (len(header) - len(row)))
    if not rows:
        raise DataError(f"{path} has no rows; give one row an image")
    columns = list(zip(*rows, strict=True))
    kept = [i for i, name in enumerate(header) if name or any(columns[i])]
    names = [header[i] or f"column {i + 1}" for i in kept]
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"{path} has the column {name!r} twice; rename one")
    return pd.DataFrame(dict(zip(names, (columns[i] for i in kept), strict=True)), dtype=str)


def _separator(lines: list[str]) -> str:
    """What gives the most columns of a known name, then rows of one length, then the most columns."""
    known = {*KNOWN_COLUMNS, *(name for names in LOOK_ALIKES.values() for name in names)}

    def score(separator: str) -> tuple[int, bool, int]:
        rows = [row for row in csv.reader(lines, delimiter=separator) if row] or [[]]
        num_known = sum(letters(name) in known for name in rows[0])
        return num_known, len({len(row) for row in rows}) == 1, len(rows[0])

    return max(_SEPARATORS, key=score)
