"""Where people read: results on stdout, notes and one-line errors on stderr, and how numbers look."""

import math
import os
from typing import Any

from rich.cells import cell_len, chop_cells
from rich.console import Console
from rich.text import Text

from pneumoray.terminal.encoding import without_control

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

_WIDTH = 80  # characters, where no terminal says


def width() -> int:
    """Characters in a line of stdout: the terminal's; of a pipe or file always COLUMNS, or 80."""
    columns = os.environ.get("COLUMNS", "")
    return out.width if out.is_terminal else int(columns) if columns.isdigit() else _WIDTH


def say(text: str, style: str = "", head: str = "") -> None:
    """Print sentences beside `head`; a terminal breaks them between words."""
    if not out.is_terminal:
        out.print(Text(head + text))
        return
    indent = cell_len(head)
    for i, line in enumerate(Text(text, style).wrap(out, out.width - indent)):
        out.print(Text(head if i == 0 else " " * indent, style).append_text(line))


def say_whole(text: str) -> None:
    """Print a line that is never broken, so that the path in it can be copied."""
    out.print(Text(text))


def note(text: str) -> None:
    err.print(Text(text))


def error(message: str) -> None:
    """Print an error: one line, which a terminal breaks between words."""
    line = Text.assemble(("error: ", "bold red"), without_control(message))
    err.print(line, soft_wrap=not err.is_terminal)


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


def size(num_bytes: float) -> str:
    for unit in ("KiB", "MiB"):
        num_bytes /= 1024
        if num_bytes < 1000:
            return f"{num_bytes:.0f} {unit}"
    return f"{num_bytes / 1024:.1f} GiB"


def times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
