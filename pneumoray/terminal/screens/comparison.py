"""An axis compared, all else equal."""

from typing import TYPE_CHECKING

from rich.text import Text

from pneumoray.terminal.console import out, print_table, say, titled

if TYPE_CHECKING:
    from pneumoray.stages.compare import Made


def show_comparison(made: "Made") -> None:
    """Print a comparison: its table, what was held equal, and where the pictures are."""
    from pneumoray.evaluation.tables import columns

    shown = columns(made.comparison.table())
    table = titled(
        f"Study {made.title}",
        *(column.heading for column in shown),
        words=[column.heading for column in shown if not column.is_number],
    )
    for cells in zip(*(column.cells for column in shown), strict=True):
        table.add_row(*cells)
    print_table(table)
    for text in made.comparison.notes:
        out.print(Text(text, style="" if made.comparison.is_all_equal else "yellow"))
    say(f"pictures: {made.page}")
