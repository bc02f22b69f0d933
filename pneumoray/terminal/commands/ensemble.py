"""pneumoray ensemble"""

import json

import click

from pneumoray.terminal.options import json_option, ray_options, study_option, workspace_option
from pneumoray.terminal.stopping import GoesOn


@click.command(cls=GoesOn)
@study_option
@click.option(
    "--top",
    type=click.IntRange(1),
    help="Members of the vote, at least two. [default: 3, or one of each of --families]",
)
@click.option("--families", help="Only these families, as vgg,resnet.")
@click.option("--any-family", is_flag=True, help="The best trials, though they share a family.")
@workspace_option
@ray_options
@json_option
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
    from pneumoray.distributed.resources import Resources
    from pneumoray.pasting import command
    from pneumoray.stages.vote import ensemble as run
    from pneumoray.terminal.hints import show_next
    from pneumoray.terminal.progress import Progress
    from pneumoray.terminal.screens.ensemble import show_ensemble

    with Progress({"workspace": workspace, "mlflow": mlflow}) as progress:
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
        show_ensemble(report)
        place = {"workspace": workspace}
        show_next(
            {
                "ask about a film": command("predict FILM", {"model": study} | place),
                "look at every run": command("ui", {"study": study, **place, "mlflow": mlflow}),
            }
        )
