"""A table within the screen: no number is cut, and no word broken, whatever the width."""

from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from pneumoray.terminal.console import width
from pneumoray.terminal.encoding import as_printed

_GAP = 2  # characters between columns


class Table:
    """Rows of text under headings, without lines. All columns but `words` are numbers.

    What is wider than the screen gets headings of several lines; then the column `wraps` wraps at
    its spaces; then the columns stand in blocks one below the other, each beginning with the first
    `keys` of them.
    """

    def __init__(
        self,
        title: str,
        *headings: str,
        words: Sequence[str] = (),
        keys: int = 1,
        wraps: str | None = None,
    ) -> None:
        self.headings = [as_printed(heading) for heading in headings]
        self.is_number = [heading not in words for heading in headings]
        self.title = title
        self.keys = keys
        self.wrapping = None if wraps is None else headings.index(wraps)
        self.rows: list[tuple[list[str], str | None]] = []  # cells, style

    def add_row(self, *cells: str, style: str | None = None) -> None:
        self.rows.append(([as_printed(cell) for cell in cells], style))

    def show(self) -> None:
        """Print it on stdout."""
        headings, widths = self.headings, self._widths(self.headings)
        if _total(widths) > width():
            headings = [heading.replace(" ", "\n") for heading in headings]
            widths = self._widths(headings)
        self._narrow(widths)
        for number, block in enumerate(self._blocks(widths)):
            title = self.title if number == 0 else None
            table = RichTable(title=title, title_justify="left", box=None, pad_edge=False)
            for i in block:
                table.add_column(
                    headings[i],
                    justify="right" if self.is_number[i] else "left",
                    width=widths[i],
                )
            for cells, style in self.rows:
                table.add_row(*(Text(cells[i]) for i in block), style=style)
            console = Console(highlight=False, width=max(width(), _total(widths[i] for i in block)))
            console.print(*[] if number == 0 else [""], table, sep="\n")

    def _widths(self, headings: Sequence[str]) -> list[int]:
        """Of each column, in characters as the terminal counts them."""
        columns = zip(headings, *(cells for cells, _ in self.rows), strict=True)
        return [
            max(cell_len(line) for cell in column for line in cell.split("\n"))
            for column in columns
        ]

    def _narrow(self, widths: list[int]) -> None:
        """Take what is too much from the column that wraps, but break no word of it.

        A first column that leaves no room for any other is folded.
        """
        if self.wrapping is not None:
            i = self.wrapping
            cells = [self.headings[i], *(cells[i] for cells, _ in self.rows)]
            longest_word = max(cell_len(word) for cell in cells for word in [*cell.split(), ""])
            widths[i] = max(longest_word, widths[i] - max(0, _total(widths) - width()))
        for i in range(self.keys):
            others = _total(
                [*widths[:i], *widths[i + 1 : self.keys], max(widths[self.keys :], default=0)]
            )
            widths[i] = min(widths[i], max(width() - others - _GAP, _GAP))

    def _blocks(self, widths: Sequence[int]) -> list[list[int]]:
        """The columns that stand beside each other, by their place."""
        keys = list(range(self.keys))
        blocks = [list(keys)]
        for i in range(self.keys, len(widths)):
            is_full = _total(widths[j] for j in [*blocks[-1], i]) > width()
            if is_full and blocks[-1] != keys:
                blocks.append(list(keys))
            blocks[-1].append(i)
        return blocks


def _total(widths: Iterable[int]) -> int:
    found = list(widths)
    return sum(found) + _GAP * (len(found) - 1)
