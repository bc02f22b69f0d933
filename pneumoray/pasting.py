"""Commands and paths as one can paste them into a shell."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

Given = Mapping[str, Path | str | None]  # option -> its value, None where it was not given


def command(words: str, given: Given) -> str:
    """'pneumoray ui --workspace "my ws"': a command with the options that this one was given."""
    options = [[f"--{name}", str(value)] for name, value in given.items() if value is not None]
    return " ".join(["pneumoray", words, *(shlex.quote(w) for pair in options for w in pair)])


def place(path: Path) -> str:
    """A path from the current folder, or whole where that is shorter."""
    return min(os.path.relpath(path), str(path), key=len)
