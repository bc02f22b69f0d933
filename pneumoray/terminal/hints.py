"""What to type next, and where things lie, as one can paste it."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from pneumoray.terminal.console import note

Given = Mapping[str, Path | str | None]  # option -> its value, None where it was not given


def command(words: str, given: Given) -> str:
    """'pneumoray ui --workspace "my ws"': a command with the options that this one was given."""
    options = [[f"--{name}", str(value)] for name, value in given.items() if value is not None]
    return " ".join(["pneumoray", words, *(shlex.quote(w) for pair in options for w in pair)])


def show_next(commands: Mapping[str, str]) -> None:
    """Say on stderr which commands come next: `commands` maps what each is for to itself."""
    width = max(map(len, commands))
    note("next:")
    for purpose, line in commands.items():
        note(f"  {purpose:{width}}  {line}")


def place(path: Path) -> str:
    """A path from the current folder, or whole where that is shorter."""
    return min(os.path.relpath(path), str(path), key=len)
