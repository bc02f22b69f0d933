"""pneumoray audit"""

import json
import sys

import click

from pneumoray.terminal.options import (
    FILE,
    FOLDER,
    join_near_copies_option,
    json_option,
    patient_rule_option,
    pixel_range_option,
    positive_option,
    rules_of,
    understanding_options,
    workspace_option,
)


@click.command()
@click.argument("data", type=FOLDER)
@click.option("--images", type=FOLDER, help="What the paths in the table are relative to.")
@patient_rule_option
@understanding_options
@positive_option
@pixel_range_option
@join_near_copies_option
@workspace_option
@click.option(
    "--csv", type=FILE, metavar="FILE", help="Write all pairs and images that findings name."
)
@json_option
def audit(data, images, workspace, csv, as_json, **given):
    """Say how an image folder or table is understood; exit 1 if it needs mending."""
    from dataclasses import asdict

    from pneumoray import artifact
    from pneumoray.data.audit import understood
    from pneumoray.data.leaks import pairs_table
    from pneumoray.stages import prepare
    from pneumoray.terminal.progress import Progress
    from pneumoray.terminal.screens.findings import show_findings, show_understood
    from pneumoray.workspace import open_workspace

    if csv is not None:
        artifact.check_writable(csv)
    with Progress() as progress:
        place = open_workspace(workspace, to_write=False)
        manifest, found = prepare.audit_images(data, images, rules_of(**given), place, progress)
    if csv is not None:
        artifact.write_text(csv, pairs_table(manifest, found).to_csv(index=False))
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in found]))
    else:
        show_understood(understood(manifest))
        show_findings(found)
    if any(finding.severity == "fix" for finding in found):
        sys.exit(1)
