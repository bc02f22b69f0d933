"""pneumoray init"""

from pathlib import Path

import click

from pneumoray.terminal.options import FILE


@click.command()
@click.argument("file", type=FILE, default=Path("study.yaml"))
def init(file):
    """Write a commented study to FILE [study.yaml], to change and to train."""
    from pneumoray import study_file
    from pneumoray.terminal import console

    study_file.write_template(file)
    console.say(f"wrote {file}")
    console.note(f"next: pneumoray train-all --study {file} --data DIR --dry-run")
