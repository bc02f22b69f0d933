"""pneumoray list"""

import json

import click

from pneumoray.terminal.options import json_option, workspace_option


@click.command("list")
@workspace_option
@json_option
def list_studies(workspace, as_json):
    """The studies of a workspace: state, best score, disk, when they were trained."""
    from dataclasses import asdict

    from pneumoray.stages.overview import overview
    from pneumoray.terminal.screens.studies import show_overview

    found = overview(workspace)
    if as_json:
        click.echo(json.dumps([asdict(study) for study in found.studies]))
    else:
        show_overview(found)
