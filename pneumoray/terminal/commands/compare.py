"""pneumoray compare"""

import click

from pneumoray.terminal.options import (
    FILE,
    csv_option,
    mlflow_option,
    one_form,
    study_option,
    workspace_option,
)


@click.command()
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
@csv_option
@click.option("--markdown", "as_markdown", is_flag=True, help="Print a Markdown table.")
def compare(study, axes, within, output, workspace, mlflow, as_csv, as_markdown):
    """Compare the values of an axis, all else equal: a table and pictures."""
    form = one_form(csv=as_csv, markdown=as_markdown)
    from pneumoray.evaluation import tables
    from pneumoray.stages.compare import compare as run
    from pneumoray.terminal.progress import Progress
    from pneumoray.terminal.screens.comparison import show_comparison

    by = [axis.strip() for axis in axes.split(",") if axis.strip()]
    with Progress({"workspace": workspace, "mlflow": mlflow}) as progress:
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
            show_comparison(made)
