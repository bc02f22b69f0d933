"""A small tree of names, each with its meaning beside it, within the screen."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from pneumoray.terminal.console import padded, shortened

_INDENT = 2
_GAP = 2
_MOST_OF_NAMES = 0.4  # of the width


def tree(lines: Sequence[dict[str, Any]], width: int | None) -> Iterator[str]:
    """Lines of text for `lines` of depth, name and meaning; meanings wrap to `width`, if any."""
    names = [" " * (_INDENT * line["depth"]) + line["name"] for line in lines]
    beside = [name for name, line in zip(names, lines, strict=True) if line["depth"]]
    column = max(map(cell_len, beside), default=0)
    if width is not None:
        column = min(column, int(width * _MOST_OF_NAMES))
    for name, line in zip(names, lines, strict=True):
        if not line["meaning"] or not line["depth"]:
            yield f"{name}{' ' * _GAP}{line['meaning']}".rstrip()
            continue
        head = padded(shortened(name, column), column + _GAP)
        if width is None:
            yield head + line["meaning"]
            continue
        wrapped = Text(line["meaning"]).wrap(Console(width=width), width - column - _GAP)
        for i, part in enumerate(wrapped):
            yield (head if i == 0 else " " * (column + _GAP)) + part.plain.rstrip()
