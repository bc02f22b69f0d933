"""What to type next."""

from collections.abc import Mapping

from pneumoray.terminal.console import note


def show_next(commands: Mapping[str, str]) -> None:
    """Say on stderr which commands come next: `commands` maps what each is for to itself."""
    width = max(map(len, commands))
    note("next:")
    for purpose, line in commands.items():
        note(f"  {purpose:{width}}  {line}")
