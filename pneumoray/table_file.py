"""A table that lies in a CSV file: what was text when it was written is text when it is read."""

import math
import re
from pathlib import Path

import pandas as pd

from pneumoray.errors import WorkspaceError

# Columns of words. A class may be called 1, 001, NA or True, and a family or an arm as well.
_TEXT = frozenset(
    (
        "class",
        "called",
        "predicted",
        "name",
        "model",
        "trial",
        "configuration",
        "family",
        "backbone",
        "comparison",
        "arm",
        "outcome",
        "seeds",
        "best_epoch",
        "epochs_trained",
    )
)
# As pandas writes numbers: no zeros before it (001), no exponent without its sign (1e5).
_NUMBER = re.compile(r"-?(?:(?:0|[1-9]\d*)(?:\.\d*)?(?:e[+-]\d\d+)?|inf)")


def read(path: Path) -> pd.DataFrame:
    """The table in `path`. A column is of numbers where every cell is one and its name tells no words.

    An empty cell is missing. Nothing else is: 'NA', 'None', 'nan' and 'null' are words. Raises
    WorkspaceError when the file is missing or damaged.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise WorkspaceError(f"table {path} can't be read: {reason}; run again") from None
    return table.apply(lambda column: _typed(column) if len(column) else column)


def _typed(column: pd.Series) -> pd.Series:
    cells = column.tolist()
    given = [cell for cell in cells if cell]
    if column.name in _TEXT or not all(map(_NUMBER.fullmatch, given)):
        return pd.Series([cell or None for cell in cells], dtype=object)
    if len(given) == len(cells) and all(cell.removeprefix("-").isdigit() for cell in cells):
        return pd.Series([int(cell) for cell in cells])
    return pd.Series([float(cell) if cell else math.nan for cell in cells])
