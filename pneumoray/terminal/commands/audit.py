"""pneumoray audit"""

import json
import sys

import click

from pneumoray.terminal.options import FOLDER, json_option, positive_option


@click.command()
@click.argument("data", type=FOLDER)
@click.option("--images", type=FOLDER, help="What the paths in the table are relative to.")
@click.option(
    "--patient-rule", help="Regular expression: the patient in a file name. [default: Kermany's]"
)
@positive_option
@json_option
def audit(data, images, patient_rule, positive, as_json):
    """Say how an image folder or table is understood; exit 1 if it needs mending."""
    from dataclasses import asdict

    from pneumoray.data.audit import understood
    from pneumoray.data.folder import KERMANY_RULE
    from pneumoray.stages import prepare
    from pneumoray.terminal.progress import Progress
    from pneumoray.terminal.screens.findings import show_findings, show_understood

    with Progress() as progress:
        rule = patient_rule or KERMANY_RULE
        manifest, found = prepare.audit_images(data, images, rule, positive, progress)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in found]))
    else:
        show_understood(understood(manifest))
        show_findings(found)
    if any(finding.severity == "fix" for finding in found):
        sys.exit(1)
