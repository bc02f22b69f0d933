"""A question before something is lost."""

import sys
from typing import TYPE_CHECKING

import click

from pneumoray.errors import WorkspaceError
from pneumoray.terminal import console

if TYPE_CHECKING:
    from pneumoray.discarding import Contents
    from pneumoray.study_folder import StudyFolder


def has_terminal() -> bool:
    """Whether somebody can answer."""
    return sys.stdin.isatty()


def confirm_loss(folder: "StudyFolder", what: str, question: str, yes: bool) -> None:
    """Say what `what` would remove of a study and what stays, and ask unless `yes`.

    A no ends the command with exit 1. Raises WorkspaceError where nobody can be asked.
    """
    from pneumoray.discarding import contents, kept_reports

    holds = contents(folder.path)
    loss = f"{what} removes {_told(holds)} of study {folder.name}"
    if not yes and not has_terminal():
        raise WorkspaceError(f"{loss}, and there is no terminal to ask at: say --yes")
    console.note(loss)
    console.note(
        "what stays: packs, MLflow's runs and registered models, the count of test openings"
    )
    if holds.num_votes:
        console.note(f"and the reports of opened tests, in {kept_reports(folder.path)}")
    if not yes and not click.confirm(question, err=True):
        console.note("nothing was removed")
        sys.exit(1)


def _told(holds: "Contents") -> str:
    """'12 trained trials, 3 models, 1 tested vote (1.2 GiB)', less what there is none of."""
    counts = {
        "trained trial": holds.num_trials,
        "model": holds.num_models,
        "tested vote": holds.num_votes,
    }
    named = [f"{count} {what}{'s' * (count > 1)}" for what, count in counts.items() if count]
    return f"{', '.join(named) or 'what was begun'} ({console.size(holds.num_bytes)})"
