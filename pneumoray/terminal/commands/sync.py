"""pneumoray sync"""

import sys

import click

from pneumoray.terminal.options import mlflow_option, workspace_option


@click.command()
@click.option("--study", help="A study of the workspace. [default: all of them]")
@workspace_option
@mlflow_option
def sync(study, workspace, mlflow):
    """Send to MLflow what it has not got, and say what is missing there."""
    from pneumoray.stages.sync import sync as run
    from pneumoray.terminal.progress import Progress
    from pneumoray.terminal.screens.sync import show_synced

    with Progress() as progress:
        synced = run(study, workspace=workspace, mlflow=mlflow, on_event=progress)
        found = [show_synced(one) for one in progress.between(synced)]
    if not all(found):
        sys.exit(1)
