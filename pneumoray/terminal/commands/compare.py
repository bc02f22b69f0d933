"""pneumoray compare"""

import click

from pneumoray.terminal.options import FILE, mlflow_option, study_option, workspace_option


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
@click.option("--csv", "form", flag_value="csv", help="Print CSV, for programs.")
@click.option("--markdown", "form", flag_value="markdown", help="Print a Markdown table.")
def compare(study, axes, within, output, workspace, mlflow, form):
    """Compare the values of an axis, all else equal: a table and pictures."""
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
