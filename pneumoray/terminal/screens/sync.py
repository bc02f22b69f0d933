"""What came of sending a study to MLflow: one line, and one for each thing that is missing."""

from typing import TYPE_CHECKING

from pneumoray.terminal.console import say

if TYPE_CHECKING:
    from pneumoray.stages.sync import Synced


def show_synced(synced: "Synced") -> bool:
    """Print what is whole or missing; whether nothing is missing."""
    head = f"{synced.study}: "
    if synced.is_in_use:
        say("in use by another process, which sends it itself", head=head)
    elif synced.missing or synced.num_waiting:
        for reason in synced.missing:
            say(reason, "red", head=f"{head}not in MLflow: ")
    elif not synced.num_records:
        say("nothing to send yet", head=head)
    else:
        say(
            f"all of it is in {synced.place} ({synced.num_runs} runs, {synced.num_records} records)",
            head=head,
        )
    return not (synced.missing or synced.num_waiting)
