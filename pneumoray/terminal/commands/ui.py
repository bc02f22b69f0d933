"""pneumoray ui"""

import sys

import click

from pneumoray.terminal.options import mlflow_option, study_option, workspace_option


@click.command()
@study_option
@workspace_option
@mlflow_option
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=5000,
    show_default=True,
    help="Port on this machine.",
)
@click.option("--verbose", is_flag=True, help="Show what MLflow's server has to say.")
def ui(study, workspace, mlflow, port, verbose):
    """Serve MLflow on this machine: compare runs, look at curves, fetch models."""
    from pneumoray import tracking
    from pneumoray.workspace import open_workspace

    place = open_workspace(workspace, to_write=False)
    study = place.find(study).name
    settings = tracking.find_settings(mlflow, place.root, study == "demo")
    if text := tracking.bring_here(settings):
        click.echo(text)
    status = tracking.serve(settings, study, click.echo, port=port, verbose=verbose)
    sys.exit(status)
