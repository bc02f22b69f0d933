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
_MOST_PAIRS = 20
_INDENT = max(map(len, _SEVERITY_STYLES)) + 2


def show_understood(counts: "pd.DataFrame") -> None:
    """Print the classes with their images by split and their patients; all of them in the last row."""
    table = Table("", *counts.columns, words=("class",))
    for i, row in enumerate(counts.itertuples(index=False), 1):
        table.add_row(*map(str, row), style="bold" if i == len(counts) else None)
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
