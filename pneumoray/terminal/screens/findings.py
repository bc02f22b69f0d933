"""How the audit understood the data, and what it found."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pneumoray.errors import counted
from pneumoray.terminal.console import say
from pneumoray.terminal.table import Table

if TYPE_CHECKING:
    import pandas as pd

    from pneumoray.data.manifest import Finding

_SEVERITY_STYLES = {"fix": "bold red", "handled": "yellow", "note": "dim"}
_MOST_CLASSES = 40  # that are shown one by one
_MOST_PAIRS = 20
_INDENT = max(map(len, _SEVERITY_STYLES)) + 2


def show_understood(counts: "pd.DataFrame") -> None:
    """Print the classes with their images by split and their patients; all of them in the last row.

    Of very many classes the first are printed.
    """
    table = Table("", *counts.columns, words=("class",))
    *rows, total = [tuple(map(str, row)) for row in counts.itertuples(index=False)]
    shown = rows if len(rows) <= _MOST_CLASSES else rows[: _MOST_CLASSES - 1]
    for row in shown:
        table.add_row(*row)
    if len(shown) < len(rows):
        table.add_row(f"{len(rows) - len(shown):,} more", *[""] * (len(total) - 1))
    table.add_row(*total, style="bold")
    table.show()


def show_findings(found: Sequence["Finding"]) -> None:
    """Print the audit's findings, what must be fixed first: severity, kind, images, and the words."""
    if not found:
        say("nothing found: the data can be used as it is")
    order = list(_SEVERITY_STYLES)
    for finding in sorted(found, key=lambda f: order.index(f.severity)):
        count = len(finding.image_ids)
        images = f", {count} image{'s' if count > 1 else ''}" if count else ""
        style = _SEVERITY_STYLES[finding.severity]
        say(f"{finding.kind}{images}: {finding.message}", style, f"{finding.severity:{_INDENT}}")
        for one, other in finding.pairs[:_MOST_PAIRS]:
            say(f"{one} and {other}", "", " " * _INDENT)
        if (more := len(finding.pairs) - _MOST_PAIRS) > 0:
            say(f"and {counted(more, 'more pair')}: --csv FILE writes all", "", " " * _INDENT)
