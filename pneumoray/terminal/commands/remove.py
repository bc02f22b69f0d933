"""pneumoray remove"""

import click

from pneumoray.terminal.options import workspace_option, yes_option


@click.command()
@click.argument("study")
@workspace_option
@yes_option("Remove it without asking.")
def remove(study, workspace, yes):
    """Remove a STUDY of the workspace: its trials, models and pages; asks first."""
    from pneumoray.stages.remove import remove as run
    from pneumoray.terminal.asking import confirm_loss
    from pneumoray.terminal.screens.studies import show_removed

    def confirm(folder):
        confirm_loss(folder, "this", f"Remove study {study}?", yes)

    show_removed(run(study, workspace=workspace, confirm=confirm))
