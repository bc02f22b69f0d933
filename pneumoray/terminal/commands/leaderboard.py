"""pneumoray leaderboard"""

import json

import click

from pneumoray.terminal.options import (
    csv_option,
    json_option,
    mlflow_option,
    one_form,
    study_option,
    workspace_option,
)


@click.command()
@study_option
@workspace_option
@mlflow_option
@click.option("--wide", is_flag=True, help="Every column: trials, settings, parameters, speed.")
@csv_option
@click.option("--latex", "as_latex", is_flag=True, help="Print a LaTeX table (booktabs).")
@json_option
def leaderboard(study, workspace, mlflow, wide, as_csv, as_latex, as_json):
    """Every configuration of a study, best mean validation AUROC first."""
    form = one_form(csv=as_csv, latex=as_latex, json=as_json)
    from pneumoray.comparing.leaderboard import to_json
    from pneumoray.evaluation import tables
    from pneumoray.stages.board import leaderboard as run
    from pneumoray.terminal import console
    from pneumoray.terminal.screens.leaderboard import show_leaderboard

    board = run(study, workspace=workspace, mlflow=mlflow)
    if form:
        for line in board.warnings:  # the table has no place for them
            console.note(line)
    match form:
        case "json":
            click.echo(json.dumps(to_json(board.standings)))
        case "csv":
            click.echo(tables.to_csv(board.table()), nl=False)
        case "latex":
            click.echo(tables.to_latex(board.table()), nl=False)
        case _:
            show_leaderboard(board, wide)
