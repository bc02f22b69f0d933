"""A study's leaderboard, and what gives reason to doubt it."""

from typing import TYPE_CHECKING

from pneumoray.terminal.console import say
from pneumoray.terminal.table import Table

if TYPE_CHECKING:
    from pneumoray.comparing.board import Board

_OUTCOME_STYLES = {"failed": "red", "damaged": "red", "cut": "dim"}


def show_leaderboard(board: "Board", wide: bool = False) -> None:
    """Print a study's configurations, best first, and what gives reason to doubt them.

    What decides between them, or all that is known of them where it is `wide`.
    """
    from pneumoray.evaluation.tables import columns

    made = board.table() if wide else board.summary()
    if wide and (made["parameters"] == made["trainable"]).all():
        made = made.drop(columns="trainable")
    if wide:
        made = made.drop(columns="backbone", errors="ignore")  # the trials' names begin with it
    shown = columns(made)
    table = Table(
        board.title,
        *(column.heading for column in shown),
        words=[column.heading for column in shown if not column.is_number],
        wraps=None if wide else shown[0].heading,
    )
    for standing, *cells in zip(board.standings, *(one.cells for one in shown), strict=True):
        table.add_row(*cells, style=_OUTCOME_STYLES.get(standing.outcome))
    table.show()
    for standing in board.standings:
        for row in standing.rows:
            if row.outcome in ("failed", "damaged"):
                say(f"{row.trial} {row.outcome}: {row.reason}", style="red")
    for line in board.warnings:
        say(line, style="yellow")


def next_steps(board: "Board") -> dict[str, str]:
    """What is worth doing with this leaderboard -> the words of its command."""
    from pneumoray.comparing.axes import varying
    from pneumoray.comparing.leaderboard import proposed_vote

    steps = {}
    if options := proposed_vote(board.standings):
        steps["vote the best, test once"] = f"ensemble {options}"
    scored = [standing.config for standing in board.standings if standing.scored]
    if axes := varying(scored):
        steps["see what makes a difference"] = f"compare --by {axes[0]}"
    return steps | {"look at every run": "ui"}
