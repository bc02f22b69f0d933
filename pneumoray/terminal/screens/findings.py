"""What the audit found."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pneumoray.terminal.console import out

if TYPE_CHECKING:
    from pneumoray.data.manifest import Finding

_SEVERITY_STYLES = {"fix": "bold red", "handled": "yellow", "note": "dim"}


def show_findings(found: Sequence["Finding"]) -> None:
    """Print the audit's findings, what must be fixed first."""
    if not found:
        out.print("nothing found: the data can be used as it is")
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("severity")
    table.add_column("kind", no_wrap=True)
    table.add_column("images", justify="right")
    table.add_column("finding", overflow="fold")
    order = list(_SEVERITY_STYLES)
    for finding in sorted(found, key=lambda f: order.index(f.severity)):
        style = _SEVERITY_STYLES[finding.severity]
        images = str(len(finding.image_ids)) if finding.image_ids else ""
        table.add_row(Text(finding.severity, style), finding.kind, images, finding.message)
    Console(highlight=False).print(table)
