"""pneumoray evaluate"""

import json

import click

from pneumoray.terminal.options import (
    FOLDER,
    json_option,
    model_options,
    patient_rule_option,
    pixel_range_option,
    rules_of,
)


def _pairs(context: click.Context, parameter: click.Parameter, text: str | None) -> dict[str, str]:
    pairs = [part.partition("=") for part in (text or "").split(",") if part.strip()]
    if any(not (ours.strip() and theirs.strip()) for ours, _, theirs in pairs):
        raise click.BadParameter(f"{text!r} is not of the form normal=NORMAL,sick=PNEUMONIA")
    return {ours.strip(): theirs.strip() for ours, _, theirs in pairs}


@click.command()
@click.argument("data", type=FOLDER)
@model_options
@click.option("--images", type=FOLDER, help="What the paths in the table are relative to.")
@patient_rule_option
@pixel_range_option
@click.option(
    "--classes",
    callback=_pairs,
    metavar="DATA=MODEL,...",
    help="Which class of the data is which of the model's, where their names differ.",
)
@click.option("--save", type=FOLDER, help="Write each image's probabilities to this CSV.")
@json_option
def evaluate(
    data,
    model,
    images,
    patient_rule,
    pixel_range,
    classes,
    save,
    workspace,
    mlflow,
    device,
    own_code,
    as_json,
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
            rules=rules_of(patient_rule=patient_rule, pixel_range=pixel_range),
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
