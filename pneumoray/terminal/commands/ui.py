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
def ui(workspace, mlflow, port):
    """Serve MLflow on this machine: compare runs, look at curves, fetch models."""
    from pneumoray import tracking
    from pneumoray.workspace import open_workspace

    place = open_workspace(workspace)
    is_demo = bool(place.studies()) and place.find(None).name == "demo"
    tracking.serve(tracking.find_settings(mlflow, place.root, is_demo), "127.0.0.1", port)
