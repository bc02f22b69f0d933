"""pneumoray predict"""

import click

from pneumoray.terminal.options import (
    FOLDER,
    PATH,
    json_option,
    model_options,
    one_form,
    pixel_range_option,
)


@click.command()
@click.argument("paths", type=PATH, nargs=-1, required=True, metavar="PATH...")
@model_options
@click.option("--images", type=FOLDER, help="What the paths in a table are relative to.")
@pixel_range_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV and nothing else.")
@json_option
def predict(
    paths, model, images, pixel_range, workspace, mlflow, device, own_code, as_csv, as_json
):
    """Ask a trained model about images.

    PATHs are image files, folders (all images below), quoted patterns ('films/*.png') and tables
    (.csv with a column path). Without --model the last study's newest ensemble predicts, else its
    best champion by validation.

    A row an image: the class, each class's probability, the threshold that decided and its class,
    and how far the members disagree: the largest less the smallest probability that a member gives
    the positive class, or of several classes the predicted one. Rows come as they are known; --json
    prints one list with a line an object. A file that can't be used has its reason in its row, the
    others go on, and the command ends with exit status 1.
    """
    form = one_form(csv=as_csv, json=as_json)
    from pneumoray.stages.predict import predict as run
    from pneumoray.terminal.progress import Progress
    from pneumoray.terminal.screens import predictions

    shows = {"csv": predictions.show_csv, "json": predictions.show_json}
    show = shows[form] if form else predictions.show_predictions
    with Progress() as progress:
        tables = run(
            paths,
            model,
            images=images,
            pixel_range=pixel_range,
            workspace=workspace,
            mlflow=mlflow,
            device=device,
            own_code=own_code,
            on_event=progress,
        )
        show(progress.between(tables))
