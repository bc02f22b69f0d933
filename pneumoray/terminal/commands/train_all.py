"""pneumoray train-all"""

import click

from pneumoray.terminal.options import (
    as_overrides,
    new_study_options,
    ray_options,
    workspace_option,
    yes_option,
)


@click.command("train-all")
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
def train_all(
    study,
    data,
    images,
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
    dry_run,
    yes,
    small,
    **resources,
):
    """Train every backbone of a study over its grid, and track each run."""
    from pneumoray import study_file
    from pneumoray.distributed.resources import Resources
    from pneumoray.stages import plan
    from pneumoray.stages.board import leaderboard as leaderboard_of
    from pneumoray.stages.default_study import default_study
    from pneumoray.stages.train import train_all as run
    from pneumoray.terminal import console
    from pneumoray.terminal.progress import Progress
    from pneumoray.terminal.screens.leaderboard import show_leaderboard
    from pneumoray.terminal.screens.plan import show_plan

    more, wanted = as_overrides(workers=workers, positive=positive), Resources(**resources)
    with Progress() as progress:
        name = study or default_study(wanted.device, address, progress)
        chosen = study_file.read(name, [*overrides, *more], small)
        if dry_run:
            made = plan.dry_run(
                chosen,
                data,
                images=images,
                workspace=workspace,
                address=address,
                resources=wanted,
                no_patients=no_patients,
                yes=yes,
                on_event=progress,
            )
        else:
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
    if dry_run:
        show_plan(made)
        return
    show_leaderboard(leaderboard_of(chosen.name, workspace=workspace, mlflow=mlflow))
    console.note(
        "next: pneumoray ensemble --top 3   (vote the best, test once)   ·   "
        "pneumoray compare --by AXIS   ·   pneumoray ui"
    )
