"""A study's leaderboard, and what gives reason to doubt it."""

from typing import TYPE_CHECKING

from rich.text import Text

from pneumoray.terminal.console import out, print_table, titled

if TYPE_CHECKING:
    from pneumoray.stages.board import Board

_OUTCOME_STYLES = {"failed": "red", "cut": "dim"}


def show_leaderboard(board: "Board") -> None:
    """Print a study's configurations, best first, and what gives reason to doubt them."""
    from pneumoray.comparing import leaderboard as boards
    from pneumoray.evaluation.tables import columns

    found = board.standings
    made = boards.table(found)
    if (made["parameters"] == made["trainable"]).all():
        made = made.drop(columns="trainable")
    made = made.drop(columns="backbone", errors="ignore")  # the names of the trials begin with it
    shown = columns(made)
    table = titled(
        f"Leaderboard of study {board.study}",
        *(column.heading for column in shown),
        words=[column.heading for column in shown if not column.is_number],
    )
    for standing, *cells in zip(found, *(column.cells for column in shown), strict=True):
        table.add_row(*cells, style=_OUTCOME_STYLES.get(standing.outcome))
    print_table(table)
    for standing in found:
        for row in standing.rows:
            if row.outcome == "failed":
                out.print(Text(f"{row.trial} failed: {row.reason}", style="red"))
    for doubt in board.doubts:
        out.print(Text(f"doubt: {doubt}", style="yellow"))
    if board.doubts:
        for message in board.noticed:
            out.print(Text(f"       the audit noticed: {message}", style="yellow"))
