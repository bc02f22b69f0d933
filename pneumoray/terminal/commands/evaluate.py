"""pneumoray evaluate"""

import json

import click

from pneumoray.terminal.options import FOLDER, json_option


@click.command()
@click.argument("data", type=FOLDER)
@click.option(
    "--bundle",
    required=True,
    type=FOLDER,
    help="A model's folder: .../models/FAMILY, or .../bundle.",
)
@click.option("--images", type=FOLDER, help="What the paths in the table are relative to.")
@click.option("--patient-rule", help="Regular expression: the patient in a file name.")
@click.option(
    "--own-code", is_flag=True, help="Import the module of a backbone named module:function."
)
@click.option("--save", type=FOLDER, help="Write each image's probabilities to this CSV.")
@json_option
def evaluate(data, bundle, images, patient_rule, own_code, save, as_json):
    """Score a trained model on other labelled images, at its own threshold."""
    from pneumoray.data.folder import KERMANY_RULE
    from pneumoray.stages.evaluate import evaluate as run
    from pneumoray.terminal.progress import Progress
    from pneumoray.terminal.screens.scores import show_scores

    with Progress() as progress:
        report = run(
            bundle,
            data,
            images,
            patient_rule or KERMANY_RULE,
            save=save,
            own_code=own_code,
            on_event=progress,
        )
    if as_json:
        click.echo(json.dumps(report))
    else:
        show_scores(report)
