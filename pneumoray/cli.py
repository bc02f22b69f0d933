"""Commands. Each is a stage: parse, call, print. Heavy imports happen inside."""

import errno
import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from pneumoray.errors import PneumorayError

_FOLDER = click.Path(path_type=Path)
_EXIT_INTERRUPTED = 130
_USERS_TO_MEND = (  # a disk or a path, not a fault of ours
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EEXIST,
)


def _one_line_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Turn what a user can fix into one line on stderr and exit code 1."""

    @functools.wraps(command)
    def wrapped(*args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
        except PneumorayError as error:
            _fail(str(error))
        except OSError as error:
            if error.errno not in _USERS_TO_MEND:
                raise
            place = f" {error.filename}" if error.filename else ""
            _fail(f"can't read or write{place}: {error.strerror}; mend that, or name another place")
        except KeyboardInterrupt:
            _fail("stopped; the same command goes on from here", _EXIT_INTERRUPTED)

    return wrapped


def _fail(message: str, code: int = 1) -> None:
    from pneumoray import console

    console.error(message)
    sys.exit(code)


def _options(*options: Callable) -> Callable:
    return lambda command: functools.reduce(lambda f, option: option(f), reversed(options), command)


workspace_option = click.option(
    "--workspace",
    type=_FOLDER,
    help="Where packs, studies and MLflow's database lie. "
    "[default: PNEUMORAY_WORKSPACE, else ./pneumoray-workspace]",
)
study_option = click.option("--study", help="A study of the workspace. [default: the last trained]")
data_options = _options(
    click.option("--data", type=_FOLDER, help="Image folder, or a CSV table of images."),
    click.option("--images", type=_FOLDER, help="What the paths in the table are relative to."),
)
new_study_options = _options(
    click.option(
        "--study", default="xray", show_default=True, help="A shipped study, or a YAML file."
    ),
    data_options,
    click.option(
        "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a study field."
    ),
)
ray_options = _options(
    click.option("--mlflow", type=_FOLDER, help="An mlflow.yaml. [default: ./ or the workspace's]"),
    click.option("--address", help="Ray cluster, or 'local'. [default: RAY_ADDRESS, else local]"),
    click.option(
        "--device",
        type=click.Choice(["auto", "cpu", "cuda"]),
        default="auto",
        show_default=True,
        help="Where models train; auto: on GPUs if the cluster has any now.",
    ),
    click.option(
        "--cpus-per-trial",
        type=click.IntRange(1),
        default=1,
        show_default=True,
        help="Cores and threads of a trial's worker.",
    ),
    click.option(
        "--gpus-per-trial",
        type=click.FloatRange(0, min_open=True),
        default=1.0,
        show_default=True,
        help="GPUs of a trial's worker; small networks may share one, as 0.5.",
    ),
    click.option(
        "--max-concurrent", type=click.IntRange(1), help="At most so many trials at once."
    ),
    click.option(
        "--promote",
        is_flag=True,
        help="Move the champion alias even to a model that is not better.",
    ),
    click.option("--verbose", is_flag=True, help="Show what Ray has to say."),
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")


class _OneLineGroup(click.Group):
    """A group whose usage errors are one line as well: click's own take three."""

    def main(self, *args: Any, **extra: Any) -> Any:
        try:
            return super().main(*args, **(extra | {"standalone_mode": False}))
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message())
            sys.exit(error.exit_code)
        except click.UsageError as error:
            command = error.ctx.command_path if error.ctx else "pneumoray"
            message = " ".join(error.format_message().split())
            _fail(f"{message} See '{command} --help'.", error.exit_code)
        except click.Abort:
            _fail("stopped", _EXIT_INTERRUPTED)


@click.group(
    cls=_OneLineGroup,
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
@_one_line_errors
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
    **resources,
):
    """Train every backbone of a study over its grid, and track each run."""
    from pneumoray import console
    from pneumoray import study as studies

    chosen = studies.read(study, [*overrides, *([f"workers={workers}"] if workers else [])])
    from pneumoray.distributed.resources import Resources

    wanted = Resources(**resources)
    if dry_run:
        from pneumoray.stages import plan

        with console.Progress() as progress:
            made = plan.dry_run(chosen, data, images, workspace, wanted, on_event=progress)
        console.plan(made)
        return
    from pneumoray.stages.train import train_all as run

    with console.Progress() as progress:
        rows = run(
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
            verbose=verbose,
            on_event=progress,
        )
    console.leaderboard(rows, chosen.name)
    console.note("next: pneumoray ensemble --top 3   (vote the best, test once)   ·   pneumoray ui")


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
@_one_line_errors
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
    from pneumoray.stages.vote import ensemble as run

    with console.Progress() as progress:
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
@click.option("--mlflow", type=_FOLDER, help="An mlflow.yaml. [default: ./ or the workspace's]")
@json_option
@_one_line_errors
def leaderboard(study, workspace, mlflow, as_json):
    """Every trial of a study, best validation AUROC first."""
    from pneumoray import console, tracking
    from pneumoray.stages import recording
    from pneumoray.workspace import open_workspace

    place = open_workspace(workspace, to_write=False)
    folder = place.find(study)
    settings = tracking.find_settings(mlflow, place.root, folder.name == "demo")
    rows = folder.rows(recording.run_ids(folder, settings))
    if as_json:
        click.echo(json.dumps([row.as_json() for row in rows]))
    else:
        console.leaderboard(rows, folder.name)


@main.command()
@click.argument("data", type=_FOLDER)
@click.option("--images", type=_FOLDER, help="What the paths in the table are relative to.")
@click.option(
    "--patient-rule", help="Regular expression: the patient in a file name. [default: Kermany's]"
)
@json_option
@_one_line_errors
def audit(data, images, patient_rule, as_json):
    """Check an image folder or table; exit 1 where something must be fixed."""
    from dataclasses import asdict

    from pneumoray import console
    from pneumoray.data.folder import KERMANY_RULE
    from pneumoray.stages import prepare

    with console.Progress() as progress:
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
@_one_line_errors
def pack(study, data, images, overrides, workspace):
    """Decode every image once, into the memory maps that trials read."""
    from dataclasses import asdict

    from pneumoray import console
    from pneumoray import study as studies
    from pneumoray.stages import prepare
    from pneumoray.workspace import open_workspace

    chosen, place = studies.read(study, overrides), open_workspace(workspace)
    with console.Progress() as progress:
        listed = prepare.list_images(chosen, data, images, place)
        made = prepare.pack_images(
            chosen, studies.configurations(chosen), listed, place, on_event=progress
        )
        for finding in made.findings:
            progress({"type": "finding", **asdict(finding)})
    for one in made.packs.values():
        console.say(f"{one.path}: {one.manifest.images['split'].value_counts().to_dict()}")


@main.command()
@click.argument("data", type=_FOLDER)
@click.option(
    "--bundle",
    required=True,
    type=_FOLDER,
    help="A model's folder: .../models/FAMILY, or .../bundle.",
)
@click.option("--images", type=_FOLDER, help="What the paths in the table are relative to.")
@click.option("--patient-rule", help="Regular expression: the patient in a file name.")
@click.option(
    "--own-code", is_flag=True, help="Import the module of a backbone named module:function."
)
@click.option("--save", type=_FOLDER, help="Write each image's probabilities to this CSV.")
@json_option
@_one_line_errors
def evaluate(data, bundle, images, patient_rule, own_code, save, as_json):
    """Score a trained model on other labelled images, at its own threshold."""
    from pneumoray import console
    from pneumoray.data.folder import KERMANY_RULE
    from pneumoray.stages.evaluate import evaluate as run

    with console.Progress() as progress:
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
@click.option("--mlflow", type=_FOLDER, help="An mlflow.yaml. [default: ./ or the workspace's]")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=5000,
    show_default=True,
    help="Port on this machine.",
)
@_one_line_errors
def ui(workspace, mlflow, port):
    """Serve MLflow on this machine: compare runs, look at curves, fetch models."""
    from pneumoray import tracking
    from pneumoray.workspace import open_workspace

    place = open_workspace(workspace)
    is_demo = bool(place.studies()) and place.find(None).name == "demo"
    tracking.serve(tracking.find_settings(mlflow, place.root, is_demo), "127.0.0.1", port)


@main.command()
@_one_line_errors
def studies():
    """List the studies that come with pneumoray."""
    from pneumoray import console
    from pneumoray import study as studies_

    for name in studies_.shipped():
        console.say(f"{name:12} {studies_.read(name).description}")
