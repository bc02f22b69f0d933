"""pneumoray ui"""

import click

from pneumoray.terminal.options import mlflow_option, workspace_option


@click.command()
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
def ui(workspace, mlflow, port, verbose):
    """Serve MLflow on this machine: compare runs, look at curves, fetch models."""
    from pneumoray import tracking
    from pneumoray.workspace import open_workspace

    place = open_workspace(workspace, to_write=False)
    study = place.find(None).name
    settings = tracking.find_settings(mlflow, place.root, study == "demo")
    if text := tracking.bring_here(settings):
        click.echo(text)
    status = tracking.serve(settings, study, click.echo, port=port, verbose=verbose)
    click.get_current_context().exit(status)
