"""pneumoray leaderboard"""

import json

import click

from pneumoray.terminal.options import mlflow_option, study_option, workspace_option


@click.command()
@study_option
@workspace_option
@mlflow_option
@click.option("--wide", is_flag=True, help="Every column: trials, settings, parameters, speed.")
@click.option("--csv", "form", flag_value="csv", help="Print CSV, for programs.")
@click.option("--latex", "form", flag_value="latex", help="Print a LaTeX table (booktabs).")
@click.option("--json", "form", flag_value="json", help="Print JSON and nothing else.")
def leaderboard(study, workspace, mlflow, wide, form):
    """Every configuration of a study, best mean validation AUROC first."""
    from pneumoray.comparing import leaderboard as boards
    from pneumoray.stages.board import leaderboard as run
    from pneumoray.terminal import console
    from pneumoray.terminal.screens.leaderboard import show_leaderboard

    board = run(study, workspace=workspace, mlflow=mlflow)
    if form:
        for line in board.warnings:  # the table has no place for them
            console.note(line)
    match form:
        case "json":
            click.echo(json.dumps(boards.to_json(board.standings)))
        case "csv":
            click.echo(boards.to_csv(board.table()), nl=False)
        case "latex":
            click.echo(boards.to_latex(board.table()), nl=False)
        case _:
            show_leaderboard(board, wide)
