"""Commands. Each is a stage: parse, call, print. Heavy imports happen inside."""

import json
import sys

import click

from pneumoray.options import (
    FILE,
    FOLDER,
    OneLineGroup,
    json_option,
    mlflow_option,
    new_study_options,
    one_line_errors,
    ray_options,
    study_option,
    workspace_option,
    yes_option,
)


@click.group(
    cls=OneLineGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="pneumoray")
def main() -> None:
    """Train a zoo of image classifiers on Ray, compare them fairly, vote the best, test once."""


@main.command("train-all")
@new_study_options
@click.option("--workers", type=click.IntRange(1), help="Workers of each final (Ray Train).")
@workspace_option
@ray_options
@click.option("--fresh", is_flag=True, help="Forget what was trained under this study's name.")
@click.option(
    "--allow-leaks",
    is_flag=True,
    help="Train though test shares patients with train; marks every run.",
)
@click.option(
    "--no-patients",
    is_flag=True,
    help="Train though no patient is known: every image then counts as one of its own.",
)
@click.option("--dry-run", is_flag=True, help="Print trials, hours and disk; start nothing.")
@yes_option
@one_line_errors
def train_all(
    study,
    data,
    images,
    overrides,
    workers,
    workspace,
    mlflow,
    address,
    promote,
    verbose,
    fresh,
    allow_leaks,
    no_patients,
    dry_run,
    yes,
    small,
    **resources,
):
    """Train every backbone of a study over its grid, and track each run."""
    from pneumoray import console, study_file
    from pneumoray.progress import Progress

    more = [f"workers={workers}"] if workers else []
    chosen = study_file.read(study, [*overrides, *more], small)
    from pneumoray.distributed.resources import Resources

    wanted = Resources(**resources)
    if dry_run:
        from pneumoray.stages import plan

        with Progress() as progress:
            made = plan.dry_run(
                chosen, data, images, workspace, wanted, yes, no_patients, on_event=progress
            )
        console.plan(made)
        return
    from pneumoray.stages.board import leaderboard as leaderboard_of
    from pneumoray.stages.train import train_all as run

    with Progress() as progress:
        run(
            chosen,
            data,
            images=images,
            workspace=workspace,
            mlflow=mlflow,
            address=address,
            resources=wanted,
            fresh=fresh,
            allow_leaks=allow_leaks,
            no_patients=no_patients,
            promote=promote,
            yes=yes,
            verbose=verbose,
            on_event=progress,
        )
    console.leaderboard(leaderboard_of(chosen.name, workspace=workspace, mlflow=mlflow))
    console.note(
        "next: pneumoray ensemble --top 3   (vote the best, test once)   ·   "
        "pneumoray compare --by AXIS   ·   pneumoray ui"
    )


@main.command()
@study_option
@click.option(
    "--top", type=click.IntRange(1), default=3, show_default=True, help="Members of the vote."
)
@click.option("--families", help="Only these families, as vgg,resnet.")
@click.option("--any-family", is_flag=True, help="The best trials, though they share a family.")
@workspace_option
@ray_options
@json_option
@one_line_errors
def ensemble(
    study,
    top,
    families,
    any_family,
    workspace,
    mlflow,
    address,
    promote,
    verbose,
    as_json,
    **resources,
):
    """Vote the best models, choose on validation, and open the test split once."""
    from pneumoray import console
    from pneumoray.distributed.resources import Resources
    from pneumoray.progress import Progress
    from pneumoray.stages.vote import ensemble as run

    with Progress() as progress:
        report = run(
            study,
            top=top,
            families=[name.strip() for name in (families or "").split(",") if name.strip()],
            any_family=any_family,
            workspace=workspace,
            mlflow=mlflow,
            address=address,
            resources=Resources(**resources),
            promote=promote,
            verbose=verbose,
            on_event=progress,
        )
    if as_json:
        click.echo(json.dumps(report))
    else:
        console.ensemble(report)


@main.command()
@study_option
@workspace_option
@mlflow_option
@click.option("--csv", "form", flag_value="csv", help="Print CSV, for programs.")
@click.option("--latex", "form", flag_value="latex", help="Print a LaTeX table (booktabs).")
@click.option("--json", "form", flag_value="json", help="Print JSON and nothing else.")
@one_line_errors
def leaderboard(study, workspace, mlflow, form):
    """Every configuration of a study, best mean validation AUROC first."""
    from pneumoray import console
    from pneumoray.comparing import leaderboard as boards
    from pneumoray.stages.board import leaderboard as run

    board = run(study, workspace=workspace, mlflow=mlflow)
    if form:
        for doubt in board.doubts:  # the table has no place for them
            console.note(f"doubt: {doubt}")
        for message in board.noticed:
            console.note(f"the audit noticed: {message}")
    match form:
        case "json":
            click.echo(json.dumps(boards.to_json(board.standings)))
        case "csv":
            click.echo(boards.to_csv(boards.table(board.standings)), nl=False)
        case "latex":
            click.echo(boards.to_latex(boards.table(board.standings)), nl=False)
        case _:
            console.leaderboard(board)


@main.command()
@study_option
@click.option(
    "--by",
    "axes",
    required=True,
    metavar="AXIS[,AXIS]",
    help="One or two axes of the study, or arm.",
)
@click.option("--within", metavar="NAME", help="Of a study with several comparisons, this one.")
@click.option("--output", type=FILE, help="Write the page here as well.")
@workspace_option
@mlflow_option
@click.option("--csv", "form", flag_value="csv", help="Print CSV, for programs.")
@click.option("--markdown", "form", flag_value="markdown", help="Print a Markdown table.")
@one_line_errors
def compare(study, axes, within, output, workspace, mlflow, form):
    """Compare the values of an axis, all else equal: a table and pictures."""
    from pneumoray import console
    from pneumoray.evaluation import tables
    from pneumoray.progress import Progress
    from pneumoray.stages.compare import compare as run

    by = [axis.strip() for axis in axes.split(",") if axis.strip()]
    with Progress() as progress:
        made = run(
            study,
            by,
            within=within,
            output=output,
            workspace=workspace,
            mlflow=mlflow,
            on_event=progress,
        )
    match form:
        case "csv":
            click.echo(tables.to_csv(made.comparison.table()), nl=False)
        case "markdown":
            click.echo(tables.to_markdown(made.comparison.table()), nl=False)
        case _:
            console.comparison(made)


@main.command()
@click.argument("data", type=FOLDER)
@click.option("--images", type=FOLDER, help="What the paths in the table are relative to.")
@click.option(
    "--patient-rule", help="Regular expression: the patient in a file name. [default: Kermany's]"
)
@json_option
@one_line_errors
def audit(data, images, patient_rule, as_json):
    """Check an image folder or table; exit 1 where something must be fixed."""
    from dataclasses import asdict

    from pneumoray import console
    from pneumoray.data.folder import KERMANY_RULE
    from pneumoray.progress import Progress
    from pneumoray.stages import prepare

    with Progress() as progress:
        found = prepare.audit_images(data, images, patient_rule or KERMANY_RULE, progress)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in found]))
    else:
        console.findings(found)
    if any(finding.severity == "fix" for finding in found):
        sys.exit(1)


@main.command()
@new_study_options
@workspace_option
@yes_option
@one_line_errors
def pack(study, data, images, overrides, small, workspace, yes):
    """Decode every image once, into the memory maps that trials read."""
    from dataclasses import asdict

    from pneumoray import console, study_file
    from pneumoray.grid import check_size, configurations
    from pneumoray.progress import Progress
    from pneumoray.stages import prepare
    from pneumoray.workspace import open_workspace

    chosen, place = study_file.read(study, overrides, small), open_workspace(workspace)
    check_size(chosen, yes)
    with Progress() as progress:
        listed = prepare.list_images(chosen, data, images, place)
        configs = configurations(chosen)
        prepare.check_outputs(configs, listed[0].classes)
        made = prepare.pack_images(chosen, configs, listed, place, on_event=progress)
        for finding in made.findings:
            progress({"type": "finding", **asdict(finding)})
    for one in made.packs.values():
        console.say(f"{one.path}: {one.manifest.images['split'].value_counts().to_dict()}")


@main.command()
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
@one_line_errors
def evaluate(data, bundle, images, patient_rule, own_code, save, as_json):
    """Score a trained model on other labelled images, at its own threshold."""
    from pneumoray import console
    from pneumoray.data.folder import KERMANY_RULE
    from pneumoray.progress import Progress
    from pneumoray.stages.evaluate import evaluate as run

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
        console.scores(report)


@main.command()
@workspace_option
@mlflow_option
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=5000,
    show_default=True,
    help="Port on this machine.",
)
@one_line_errors
def ui(workspace, mlflow, port):
    """Serve MLflow on this machine: compare runs, look at curves, fetch models."""
    from pneumoray import tracking
    from pneumoray.workspace import open_workspace

    place = open_workspace(workspace)
    is_demo = bool(place.studies()) and place.find(None).name == "demo"
    tracking.serve(tracking.find_settings(mlflow, place.root, is_demo), "127.0.0.1", port)


@main.command()
@click.argument("string")
@click.option("--image-size", type=click.IntRange(8, 2048), default=224, show_default=True)
@click.option("--classes", type=click.IntRange(2), default=2, show_default=True)
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="A field, as filters=[32,64]."
)
@one_line_errors
def layers(string, image_size, classes, overrides):
    """Shapes and parameters of a layer STRING, as C64-C64-P-F-D128-D."""
    from pneumoray import console, study_file
    from pneumoray.errors import StudyError
    from pneumoray.models.layers import describe
    from pneumoray.models.names import is_layer_string

    if not is_layer_string(string):
        raise StudyError(f"{string!r} is no layer string: write C64-C64-P-F-D128-D, in capitals")
    config = study_file.config_of(string, [f"image_size={image_size}", *overrides])
    console.layers(describe(config.architecture, classes), config)


@main.group(invoke_without_command=True)
@click.pass_context
@one_line_errors
def studies(context):
    """List the studies that come with pneumoray; 'studies show NAME' prints one."""
    from pneumoray import console, study_file

    if context.invoked_subcommand is None:
        names = study_file.shipped()
        width = max(map(len, names))
        for name in names:
            console.say(f"{name:{width}}  {study_file.read(name).description}")


@studies.command()
@click.argument("name")
@one_line_errors
def show(name):
    """Print the YAML of a study: its source, command, results, settings."""
    from pneumoray import study_file

    click.echo(study_file.text_of(name), nl=False)
