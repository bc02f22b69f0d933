"""pneumoray init"""

import shlex
from pathlib import Path

import click

from pneumoray.terminal.options import FILE


@click.command()
@click.argument("file", type=FILE, default=Path("study.yaml"))
def init(file):
    """Write a commented study to FILE [study.yaml], to change and to train."""
    from pneumoray import study_file
    from pneumoray.terminal.console import say_whole
    from pneumoray.terminal.hints import command, show_next

    study_file.write_template(file)
    say_whole(f"wrote {file}")
    train = f"train-all --study {shlex.quote(str(file))} --data DIR"
    show_next({"what it costs": command(f"{train} --dry-run", {}), "train it": command(train, {})})
