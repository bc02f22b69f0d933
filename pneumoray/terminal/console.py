"""Where people read: results on stdout, notes and one-line errors on stderr, and how tables look."""

import math
from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len, chop_cells
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

_UNBOUNDED = 10_000  # characters: wider than any table of numbers


def say(text: str) -> None:
    out.print(text, markup=False)


def note(text: str) -> None:
    err.print(Text(text))


def error(message: str) -> None:
    err.print(Text.assemble(("error: ", "bold red"), message))


def titled(title: str, *columns: str, words: Sequence[str]) -> Table:
    """A table without lines; all columns but `words` are numbers."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in columns:
        table.add_column(name, justify="left" if name in words else "right", no_wrap=True)
    return table


def print_table(table: Table) -> None:
    """Print a table, never cut short, whatever the terminal's width says."""
    console = Console(highlight=False)
    unbounded = console.options.update(max_width=_UNBOUNDED)
    console.width = max(console.width, Measurement.get(console, unbounded, table).maximum)
    console.print(table)


def shortened(text: str, width: int) -> str:
    """`text` in at most `width` columns: its middle makes way for '...', its end stays."""
    if cell_len(text) <= width:
        return text
    tail = chop_cells(text[::-1], (width - 2) // 2)[0][::-1]
    return chop_cells(text, width - 3 - cell_len(tail))[0] + "..." + tail


def padded(text: str, width: int) -> str:
    """`text` with blanks up to `width` columns, in which a Korean letter takes two."""
    return text + " " * (width - cell_len(text))


def score(value: float | None) -> str:
    return "n/a" if value is None or not math.isfinite(value) else f"{value:.4f}"


def with_interval(scores: dict[str, Any], name: str) -> str:
    if scores[name] is None:
        return "n/a"
    low, high = scores["intervals"][name]
    return f"{scores[name]:.3f} [{low:.2f}, {high:.2f}]"


def duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
