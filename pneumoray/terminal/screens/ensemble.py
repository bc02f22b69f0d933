"""The vote beside its members on the test split."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pneumoray.evaluation.titles import title
from pneumoray.pasting import place
from pneumoray.terminal.console import say, say_whole, score, times, with_interval
from pneumoray.terminal.screens.scores import print_classes
from pneumoray.terminal.table import Table

if TYPE_CHECKING:
    from pneumoray.evaluation.report import Report


def show_ensemble(report: "Report") -> None:
    """Print the models one a line, then the vote beside the best of them, with intervals."""
    say(f"{report.title}, opened {times(report['test_openings'])}")
    if report["leaks_allowed"]:
        say("The test split shares patients with train: these numbers are too good.", "red")
    say("")
    _show_models(report)
    say("")
    _show_intervals(report)
    say("In brackets: 95 % intervals, bootstrap over patients.", "dim")
    if len(report["vote"]["per_class"]) > 2:
        say("The vote, class by class:")
        print_classes(report["vote"])
    say("")
    say("the report (report.md) and the model (bundle) are in")
    say_whole(place(report.folder))


def _show_models(report: "Report") -> None:
    from pneumoray.evaluation.tables import columns

    shown = columns(report.table(), report.positive)
    has_threshold = report["vote"]["threshold"] is not None
    decided = "its threshold" if has_threshold else "the largest probability"
    words = [one.heading for one in shown if not one.is_number]
    table = Table(f"Each model at {decided}", *(one.heading for one in shown), words=words)
    for cells in zip(*(one.cells for one in shown), strict=True):
        table.add_row(*cells, style="bold" if cells[0] == "vote" else None)
    table.show()


def _show_intervals(report: "Report") -> None:
    vote, best = report["vote"], report.best
    models = [vote, best]
    heads = ("vote", report.name_of(best))
    table = Table("The vote, and its best member by validation", "", *heads, words=("",))
    for name in ("auroc", "brier"):
        table.add_row(title(name), *(with_interval(model, name) for model in models))
    _add_calls(table, models, report.positive)
    if vote["threshold"] is not None:
        _add_calls(table, [model["at_half"] for model in models], report.positive)
    table.show()


def _add_calls(table: Table, scores: Sequence[dict[str, Any]], positive: str | None) -> None:
    """Rows of what depends on the threshold, which comes first."""
    if scores[0]["threshold"] is not None:
        cells = [score(one["threshold"]) for one in scores]
        table.add_row(title("threshold", positive), *cells, style="bold")
    for name in ("accuracy", "sensitivity", "specificity", "precision", "f1"):
        table.add_row(title(name, positive), *(with_interval(one, name) for one in scores))
