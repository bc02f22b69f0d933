"""pneumoray audit"""

import json
import sys

import click

from pneumoray.terminal.options import (
    FOLDER,
    json_option,
    patient_rule_option,
    positive_option,
    rules_of,
    workspace_option,
)


@click.command()
@click.argument("data", type=FOLDER, required=False)
@click.option("--images", type=FOLDER, help="What the paths in the table are relative to.")
@patient_rule_option
@positive_option
@click.option("--study", metavar="NAME", help="Instead of DATA: a study that was trained.")
@workspace_option
@json_option
def audit(data, images, patient_rule, positive, study, workspace, as_json):
    """Say how an image folder or table is understood; exit 1 if it needs mending.

    With --study instead, list the images of a trained study that are likely labelled wrongly, and
    the plain properties, as size or brightness, that tell the class.
    """
    if (data is None) == (study is None):
        raise click.UsageError("name either the images (DATA) or a trained study (--study NAME)")
    if study is not None:
        given = {"--images": images, "--patient-rule": patient_rule, "--positive": positive}
        if of_data := [option for option, value in given.items() if value is not None]:
            raise click.UsageError(f"{of_data[0]} is about DATA, and a study has its own")
        found = _of_study(study, workspace, as_json)
    else:
        found = _of_data(data, images, patient_rule, positive, as_json)
    if any(finding.severity == "fix" for finding in found):
        sys.exit(1)


def _of_data(data, images, patient_rule, positive, as_json):
    from dataclasses import asdict

    from pneumoray.data.audit import understood
    from pneumoray.stages import prepare
    from pneumoray.terminal.progress import Progress
    from pneumoray.terminal.screens.findings import show_findings, show_understood

    with Progress() as progress:
        rules = rules_of(patient_rule=patient_rule, positive=positive)
        manifest, found = prepare.audit_images(data, images, rules, progress)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in found]))
    else:
        show_understood(understood(manifest))
        show_findings(found)
    return found


def _of_study(study, workspace, as_json):
    from pneumoray.stages.audit_study import audit_study
    from pneumoray.terminal.screens.study_audit import show_study_audit, to_json

    found = audit_study(study, workspace)
    if as_json:
        click.echo(to_json(found))
    else:
        show_study_audit(found)
    return found.findings
