"""An axis compared, all else equal."""

from typing import TYPE_CHECKING

from pneumoray.pasting import place
from pneumoray.terminal.console import say, say_whole
from pneumoray.terminal.table import Table

if TYPE_CHECKING:
    from pneumoray.stages.compare import Made


def show_comparison(made: "Made") -> None:
    """Print a comparison: its table, what was held equal, and where the pictures are."""
    from pneumoray.evaluation.tables import columns

    shown = columns(made.table())
    table = Table(
        f"Study {made.title}",
        *(column.heading for column in shown),
        words=[column.heading for column in shown if not column.is_number],
        keys=len(made.comparison.by),
    )
    for cells in zip(*(column.cells for column in shown), strict=True):
        table.add_row(*cells)
    table.show()
    for text in made.comparison.notes:
        say(text, style="" if made.comparison.is_all_equal else "yellow")
    say_whole(f"pictures: {place(made.page)}")
