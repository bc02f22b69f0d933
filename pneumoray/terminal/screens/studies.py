"""The studies of a workspace, and what is left when one was removed."""

from datetime import datetime
from typing import TYPE_CHECKING

from pneumoray.terminal.console import out, say, score, size
from pneumoray.terminal.table import Table

if TYPE_CHECKING:
    from pneumoray.stages.overview import Overview, Summary
    from pneumoray.stages.remove import Removed

_STATE_STYLES = {"running": "green", "failed": "red", "damaged": "red"}


def show_overview(overview: "Overview") -> None:
    """Print a workspace's studies, the one trained last first, and the disk that all of it takes."""
    heads = ("study", "state", "AUROC", "best model", "vote", "disk", "trained")
    table = Table("", *heads, words=("study", "state", "best model"))
    for one in overview.studies:
        table.add_row(
            one.study,
            _state(one),
            "" if one.best_val_auroc is None else score(one.best_val_auroc),
            one.best_backbone or "",
            "" if one.vote is None else score(one.vote_val_auroc),
            size(one.num_bytes),
            "" if one.trained_at is None else _when(one.trained_at),
            style=_STATE_STYLES.get(one.state),
        )
    table.show()
    out.print("AUROC is of validation: of the best trial, and of the newest vote.", style="dim")
    for one in overview.studies:
        if one.reason:
            say(one.reason, "red", f"{one.study}: ")
    shared = [("packs", overview.num_pack_bytes), ("MLflow", overview.num_mlflow_bytes)]
    said = ", ".join(f"{name} {size(count)}" for name, count in shared if count)
    if said:
        say(f"shared by all studies: {said}")
    if overview.meant and len(overview.studies) > 1:
        say(f"commands without --study mean {overview.meant}")


def show_removed(removed: "Removed") -> None:
    """Print that a study is gone, where its reports are, and which Packs no study needs now."""
    say(f"removed study {removed.study}")
    if removed.reports:
        say(f"the reports of its opened tests: {removed.reports}")
    for pack in removed.idle_packs:
        say(f"no study uses {pack} any more; delete it to free its disk")


def _state(one: "Summary") -> str:
    """The state; where not all trials have ended, with how many have."""
    is_whole = one.num_ended == one.num_trials
    return one.state if is_whole else f"{one.state} {one.num_ended}/{one.num_trials}"


def _when(seconds: float) -> str:
    """Local time: the hour for today, the day for this year, else the month."""
    then, now = datetime.fromtimestamp(seconds), datetime.now()
    if then.date() == now.date():
        return then.strftime("%H:%M")
    return then.strftime("%-d %b" if then.year == now.year else "%b %Y")
