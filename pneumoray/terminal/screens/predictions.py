"""Predictions as they come: a table for people, CSV or JSON for programs."""

import csv
import json
import sys
import textwrap
from collections.abc import Iterable
from typing import Any

import pandas as pd
from rich.cells import cell_len

from pneumoray.predictions import PROB
from pneumoray.terminal.console import out, padded, say, score, shortened
from pneumoray.terminal.encoding import without_control

_MOST_CLASSES = 4  # that have a column each; of more, the predicted one's probability is shown
_LEAST_FILE = 24  # columns for the file's name
_GAP = "  "


def show_csv(tables: Iterable[pd.DataFrame]) -> None:
    """Print one table, its heads once, a row as soon as it is known; probabilities keep every bit."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    for i, table in enumerate(tables):
        if i == 0:
            writer.writerow(table.columns)
        writer.writerows(_plain(row).values() for row in table.to_dict("records"))
        sys.stdout.flush()


def show_json(tables: Iterable[pd.DataFrame]) -> None:
    """Print one list with a line an object, a line as soon as it is known."""
    opening = "["
    try:
        for table in tables:
            for row in table.to_dict("records"):
                sys.stdout.write(f"{opening}{json.dumps(_plain(row))}")
                opening = ",\n "
            sys.stdout.flush()
    finally:
        sys.stdout.write("[]\n" if opening == "[" else "]\n")


def _plain(row: dict[Any, Any]) -> dict[str, Any]:
    return {str(key): None if pd.isna(value) else value for key, value in row.items()}


def show_predictions(tables: Iterable[pd.DataFrame]) -> None:
    """Print a line a file; names are shortened to the width of a terminal, and whole elsewhere."""
    layout: _Layout | None = None
    for table in tables:
        if layout is None and table["error"].isna().any():  # else no row tells what decides
            layout = _Layout(table)
            layout.head(table)
        for row in table.to_dict("records"):
            if layout is None or not pd.isna(row["error"]):
                _show_unusable(row, layout.file if layout else out.width)
            else:
                layout.line(row)
        out.file.flush()


def _show_unusable(row: dict[Any, Any], width: int) -> None:
    name = without_control(row["file"])
    say(shortened(name, width) if out.is_terminal else name)
    error = "error: " + without_control(row["error"])
    for part in textwrap.wrap(error, max(40, out.width - 4), break_long_words=False):
        say(f"    {part}")


class _Layout:
    """Columns whose widths are known before all rows are."""

    def __init__(self, first: pd.DataFrame) -> None:
        names = [str(name) for name in first.columns]
        self.classes = [name.removeprefix(PROB) for name in names if name.startswith(PROB)]
        self.widths = {"predicted": max(map(cell_len, (*self.classes, "predicted")))}
        if len(self.classes) <= _MOST_CLASSES:
            self.widths |= {PROB + name: max(6, cell_len(name)) for name in self.classes}
        else:
            self.widths["prob"] = 6
        self.has_members = bool(first["disagreement"].notna().any())
        if self.has_members:
            self.widths["disagreement"] = len("disagreement")
        longest = max(map(cell_len, ("file", *map(without_control, first["file"]))))
        taken = sum(width + len(_GAP) for width in self.widths.values())
        room = max(_LEAST_FILE, out.width - taken)
        self.file = min(longest, room) if out.is_terminal else longest

    def head(self, table: pd.DataFrame) -> None:
        decided = table[table["threshold"].notna()]
        if len(decided):
            row = decided.iloc[0]
            say(
                f"{row['threshold_class']} is predicted where its probability is "
                f"{score(row['threshold'])} or more"
            )
        heads = [name.removeprefix(PROB) for name in self.widths]
        self._print("file", heads)

    def line(self, row: dict[Any, Any]) -> None:
        name = without_control(row["file"])
        if out.is_terminal:
            name = shortened(name, self.file)
        row = row | {"prob": row[PROB + row["predicted"]]}
        cells = [row[key] if key == "predicted" else score(row[key]) for key in self.widths]
        self._print(name, cells)

    def _print(self, name: str, cells: list[str]) -> None:
        line = padded(name, self.file)
        for cell, (key, width) in zip(cells, self.widths.items(), strict=True):
            blanks = " " * (width - cell_len(cell))
            line += _GAP + (cell + blanks if key == "predicted" else blanks + cell)
        say(line.rstrip())
