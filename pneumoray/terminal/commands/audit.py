"""pneumoray audit"""

import json
import sys

import click
from click.core import ParameterSource

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

_OF_A_STUDY = ("study", "workspace", "csv", "as_json")  # the parameters that go with --study


@click.command()
@click.argument("data", type=FOLDER, required=False, metavar="DATA")
@click.option("--images", type=FOLDER, help="What the paths in the table are relative to.")
@patient_rule_option
@understanding_options
@positive_option
@pixel_range_option
@join_near_copies_option
@click.option("--study", metavar="NAME", help="In place of DATA: a study that was trained.")
@workspace_option
@click.option(
    "--csv", type=FILE, metavar="FILE", help="Write all pairs and images that findings name."
)
@json_option
@click.pass_context
def audit(context, data, images, study, workspace, csv, as_json, **given):
    """Say how an image folder or table is understood; exit 1 if it needs mending.

    Of a trained study, --study NAME lists the validation images that may be labelled wrongly,
    and the plain properties, as size or brightness, that tell the class.
    """
    from dataclasses import asdict

    from pneumoray import artifact
    from pneumoray.data.audit import understood
    from pneumoray.data.leaks import pairs_table
    from pneumoray.stages import prepare
    from pneumoray.terminal.progress import Progress
    from pneumoray.terminal.screens.findings import show_findings, show_understood
    from pneumoray.workspace import open_workspace

    _check_one(context)
    if csv is not None:
        artifact.check_writable(csv)
    if study is not None:
        _audit_study(study, workspace, csv, as_json)
        return
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


def _audit_study(study, workspace, csv, as_json):
    """What it finds is for a person to judge, so it never ends with 1."""
    from pneumoray import artifact
    from pneumoray.stages.audit_study import audit_study
    from pneumoray.terminal.screens.study_audit import show_study_audit, to_json

    found = audit_study(study, workspace)
    if csv is not None:
        artifact.write_text(csv, found.images_table().to_csv(index=False))
    if as_json:
        click.echo(to_json(found))
    else:
        show_study_audit(found)


def _check_one(context: click.Context) -> None:
    """Raise UsageError unless either DATA is named or a study, and nothing about DATA with that."""
    if context.params["study"] is None:
        if context.params["data"] is None:
            raise click.UsageError("Missing argument 'DATA' or option '--study'.")
        return
    for param in context.command.params:
        is_given = context.get_parameter_source(param.name or "") is ParameterSource.COMMANDLINE
        if is_given and param.name not in _OF_A_STUDY:
            name = "DATA" if isinstance(param, click.Argument) else max(param.opts, key=len)
            raise click.UsageError(f"{name} and --study exclude each other")
