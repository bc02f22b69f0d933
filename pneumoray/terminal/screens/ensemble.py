"""The vote beside its members on the test split."""

from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from pneumoray.terminal.console import out, print_table, score, times, titled, with_interval
from pneumoray.terminal.screens.scores import print_classes


def show_ensemble(report: dict[str, Any]) -> None:
    """Print the vote beside its members, at the chosen threshold and at 0.5."""
    vote = report["vote"]
    out.print(
        f"Test split of study {report['study']}: {vote['num_images']} images of {vote['num_groups']} "
        f"patients, opened {times(report['test_openings'])}"
    )
    if report["leaks_allowed"]:
        out.print(
            Text("The test split shares patients with train: these numbers are too good.", "red")
        )
    models = [*report["members"], vote]
    table = titled(
        "", "", *("\n".join(model["name"].rsplit("-", 1)) for model in models), words=("",)
    )
    table.add_row("val AUROC", *(score(model["val_auroc"]) for model in models))
    table.add_row(
        "test AUROC", *(with_interval(model, "auroc") for model in models), end_section=True
    )
    table.add_row("Brier", *(with_interval(model, "brier") for model in models), end_section=True)
    if vote["threshold"] is not None:
        _add_calls(table, "at threshold", [score(m["threshold"]) for m in models], models)
    at_half = [model["at_half"] for model in models]
    title = "largest prob" if vote["threshold"] is None else "at threshold"
    _add_calls(table, title, ["" if vote["threshold"] is None else "0.5"] * len(models), at_half)
    print_table(table)
    out.print("In brackets: 95 % intervals, bootstrap over patients.", style="dim")
    if len(vote["per_class"]) > 2:
        out.print("The vote, class by class:")
        print_classes(vote)
    best = max(report["members"], key=lambda member: member["val_auroc"])
    out.print(
        f"vote: test AUROC {score(vote['auroc'])}, accuracy {score(vote['accuracy'])}; "
        f"best single model by validation ({best['name']}): AUROC {score(best['auroc'])}, "
        f"accuracy {score(best['accuracy'])}"
    )


def _add_calls(table: Table, title: str, heads: Sequence[str], scores: Sequence[dict]) -> None:
    """Rows of what depends on the threshold: a head, then one row a metric."""
    table.add_row(title, *heads, style="bold")
    for name in ("accuracy", "sensitivity", "specificity", "precision", "f1"):
        cells = [with_interval(one, name) for one in scores]
        table.add_row(name.replace("f1", "F1"), *cells, end_section=name == "f1")
