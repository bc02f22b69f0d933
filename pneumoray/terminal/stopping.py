"""What is said after Ctrl-C: whether the same command goes on from there."""

from typing import Any

import click


class StoppedMidway(click.Abort):
    """Ctrl-C, where what was done by then is kept."""


class GoesOn(click.Command):
    """A command that keeps what it has done: given again, it goes on. A dry run of it does not."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            if ctx.params.get("dry_run"):
                raise
            raise StoppedMidway from None
