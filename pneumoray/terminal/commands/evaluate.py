"""pneumoray evaluate"""

import json

import click

from pneumoray.terminal.options import (
    FOLDER,
    json_option,
    model_options,
    pairs,
    patient_rule_option,
    pixel_range_option,
    rules_of,
    understanding_options,
)


@click.command()
@click.argument("data", type=FOLDER)
@model_options
@click.option("--images", type=FOLDER, help="What the paths in the table are relative to.")
@patient_rule_option
@pixel_range_option
@understanding_options
@click.option(
    "--classes",
    callback=pairs,
    metavar="DATA=MODEL,...",
    help="Which class of the data is which of the model's, where their names differ.",
)
@click.option("--save", type=FOLDER, help="Write each image's probabilities to this CSV.")
@json_option
def evaluate(
    data, model, images, classes, save, workspace, mlflow, device, own_code, as_json, **given
):
    """Score a trained model on other labelled images, at its own threshold.

    Without --model it is the last study's newest ensemble, else its best champion by validation.
    Names of classes may differ in case; --classes says of others which is which.
    """
    from pneumoray.stages.evaluate import evaluate as run
    from pneumoray.terminal.progress import Progress
    from pneumoray.terminal.screens.scores import show_scores

    with Progress() as progress:
        report = run(
            data,
            model,
            images=images,
            rules=rules_of(**given),
            classes=classes,
            workspace=workspace,
            mlflow=mlflow,
            device=device,
            own_code=own_code,
            save=save,
            on_event=progress,
        )
    if as_json:
        click.echo(json.dumps(report))
    else:
        show_scores(report)
