"""pneumoray train-all"""

import click

from pneumoray.terminal.options import (
    as_overrides,
    join_near_copies_option,
    new_study_options,
    ray_options,
    workspace_option,
    yes_option,
)
from pneumoray.terminal.stopping import GoesOn


@click.command("train-all", cls=GoesOn)
@new_study_options
@click.option("--workers", type=click.IntRange(1), help="Workers of each final (Ray Train).")
@workspace_option
@ray_options
@click.option(
    "--fresh",
    is_flag=True,
    help="Remove what was trained under this study's name, and begin anew; asks first.",
)
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
@join_near_copies_option
@click.option("--dry-run", is_flag=True, help="Print trials, hours and disk; start nothing.")
@yes_option("Don't ask: --fresh may remove, and a study of more than 500 trials may begin.")
def train_all(
    study,
    data,
    images,
    folders,
    columns,
    labels,
    label_of,
    leave_out,
    positive,
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
    join_near_copies,
    dry_run,
    yes,
    small,
    **resources,
):
    """Train every backbone of a study over its grid, and track each run."""
    from pneumoray import study_file
    from pneumoray.distributed.resources import Resources
    from pneumoray.pasting import command
    from pneumoray.stages import plan
    from pneumoray.stages.default_study import default_study
    from pneumoray.stages.train import train_all as run
    from pneumoray.terminal.hints import show_next
    from pneumoray.terminal.progress import Progress
    from pneumoray.terminal.screens.leaderboard import next_steps, show_leaderboard
    from pneumoray.terminal.screens.plan import show_plan

    more = as_overrides(
        workers=workers,
        folders=folders,
        columns=columns,
        labels=labels,
        label_of=label_of,
        leave_out=leave_out,
        positive=positive,
        join_near_copies=join_near_copies,
    )
    wanted = Resources(**resources)
    with Progress() as progress:
        name = study or default_study(wanted.device, address, progress)
    chosen = study_file.read(name, [*overrides, *more], small)
    common = {
        "images": images,
        "workspace": workspace,
        "address": address,
        "resources": wanted,
        "fresh": fresh,
        "allow_leaks": allow_leaks,
        "no_patients": no_patients,
        "yes": yes,
    }
    if dry_run:
        with Progress() as progress:
            made = plan.dry_run(chosen, data, **common, on_event=progress)
        show_plan(made)
        return
    if fresh:
        _confirm_fresh(chosen.name, workspace, yes)
    given = {"workspace": workspace, "mlflow": mlflow}
    with Progress(given) as progress:
        board = run(
            chosen,
            data,
            **common,
            mlflow=mlflow,
            promote=promote,
            verbose=verbose,
            on_event=progress,
        )
    show_leaderboard(board)
    show_next({purpose: command(words, given) for purpose, words in next_steps(board).items()})


def _confirm_fresh(study, workspace, yes):
    """Ask where something trained would be lost; a study in use is refused later, by training."""
    from pneumoray.discarding import contents
    from pneumoray.terminal.asking import confirm_loss
    from pneumoray.workspace import open_workspace

    folder = open_workspace(workspace, to_write=False).study(study)
    if contents(folder.path).is_trained and not folder.is_locked():
        confirm_loss(folder, "--fresh", "Begin anew?", yes)
