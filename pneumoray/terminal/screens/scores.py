"""One model's scores on labelled images; and scores class by class."""

from typing import Any

from pneumoray.evaluation.titles import title
from pneumoray.terminal.console import say, score, times, with_interval
from pneumoray.terminal.table import Table


def show_scores(report: dict[str, Any]) -> None:
    """Print one model's scores: at its threshold and at 0.5, or class by class if there are several."""
    positive = report["positive"]
    which = f"; positive class: {positive}" if positive is not None else ""
    say(f"{report['num_images']} images of {report['num_groups']} patients{which}")
    has_threshold = len(report["per_class"]) == 2
    heads = ["at its threshold", "at 0.5"] if has_threshold else ["by the largest probability"]
    columns = [report, report["at_half"]][: len(heads)]
    table = Table("", "", *heads, words=("",))
    if has_threshold:
        table.add_row(title("threshold", positive), score(report["threshold"]), "0.5000")
    for name in ("auroc", "accuracy", "sensitivity", "specificity", "precision", "f1", "brier"):
        table.add_row(title(name, positive), *(with_interval(column, name) for column in columns))
    table.show()
    if not has_threshold:
        print_classes(report)
    if report["test_openings"]:
        opened = times(report["test_openings"])
        say(
            f"these are test images of the model's own study: they have been opened {opened} so far"
        )


def print_classes(report: dict[str, Any]) -> None:
    """Each class against the rest, the weakest first, and their mean."""
    names = ("sensitivity", "specificity", "precision", "f1", "auroc")
    heads = ("class", "images", *(title(name) for name in names))
    table = Table("", *heads, words=("class",))
    weakest_first = sorted(report["per_class"], key=lambda row: (row["f1"] is None, row["f1"]))
    for row in weakest_first:
        table.add_row(row["name"], str(row["num_images"]), *(score(row[name]) for name in names))
    mean = [score(report["macro"][name]) for name in names]
    table.add_row("mean of classes", str(report["num_images"]), *mean, style="bold")
    table.show()
