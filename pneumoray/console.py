"""What people see at the end: tables, notes, and errors of one line. Results go to stdout."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:  # torch and pandas stay out of a one-line error
    from pneumoray.config import Config
    from pneumoray.data.manifest import Finding
    from pneumoray.models.layers import Layer
    from pneumoray.stages.board import Board
    from pneumoray.stages.compare import Made
    from pneumoray.stages.plan import Plan

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

_UNBOUNDED = 10_000  # characters: wider than any table of numbers
_OUTCOME_STYLES = {"failed": "red", "cut": "dim"}
_SEVERITY_STYLES = {"fix": "bold red", "handled": "yellow", "note": "dim"}


def leaderboard(board: "Board") -> None:
    """Print a study's configurations, best first, and what gives reason to doubt them."""
    from pneumoray.comparing import leaderboard as boards
    from pneumoray.evaluation.tables import columns

    found = board.standings
    made = boards.table(found)
    if (made["parameters"] == made["trainable"]).all():
        made = made.drop(columns="trainable")
    made = made.drop(columns="backbone", errors="ignore")  # the names of the trials begin with it
    shown = columns(made)
    table = _titled(
        f"Leaderboard of study {board.study}",
        *(column.heading for column in shown),
        words=[column.heading for column in shown if not column.is_number],
    )
    for standing, *cells in zip(found, *(column.cells for column in shown), strict=True):
        table.add_row(*cells, style=_OUTCOME_STYLES.get(standing.outcome))
    _print(table)
    for standing in found:
        for row in standing.rows:
            if row.outcome == "failed":
                out.print(Text(f"{row.trial} failed: {row.reason}", style="red"))
    for doubt in board.doubts:
        out.print(Text(f"doubt: {doubt}", style="yellow"))
    if board.doubts:
        for message in board.noticed:
            out.print(Text(f"       the audit noticed: {message}", style="yellow"))


def comparison(made: "Made") -> None:
    """Print a comparison: its table, what was held equal, and where the pictures are."""
    from pneumoray.evaluation.tables import columns

    shown = columns(made.comparison.table())
    table = _titled(
        f"Study {made.title}",
        *(column.heading for column in shown),
        words=[column.heading for column in shown if not column.is_number],
    )
    for cells in zip(*(column.cells for column in shown), strict=True):
        table.add_row(*cells)
    _print(table)
    for text in made.comparison.notes:
        out.print(Text(text, style="" if made.comparison.is_all_equal else "yellow"))
    say(f"pictures: {made.page}")


def layers(found: Sequence["Layer"], config: "Config") -> None:
    """Print the shapes and parameters of a layer string."""
    size, channels = config.image_size, config.in_chans
    title = f"{config.backbone} on {channels} x {size} x {size}"
    table = _titled(title, "", "layer", "shape", "parameters", words=("layer",))
    for layer in found:
        shape = " x ".join(map(str, layer.shape))
        table.add_row(str(layer.position), layer.words, shape, f"{layer.parameters:,}")
    total = sum(layer.parameters for layer in found)
    table.add_section()
    table.add_row("", "total", "", f"{total:,}", style="bold")
    _print(table)


def ensemble(report: dict[str, Any]) -> None:
    """Print the vote beside its members, at the chosen threshold and at 0.5."""
    vote = report["vote"]
    out.print(
        f"Test split of study {report['study']}: {vote['num_images']} images of {vote['num_groups']} "
        f"patients, opened {_times(report['test_openings'])}"
    )
    if report["leaks_allowed"]:
        out.print(
            Text("The test split shares patients with train: these numbers are too good.", "red")
        )
    models = [*report["members"], vote]
    table = _titled(
        "", "", *("\n".join(model["name"].rsplit("-", 1)) for model in models), words=("",)
    )
    table.add_row("val AUROC", *(score(model["val_auroc"]) for model in models))
    table.add_row(
        "test AUROC", *(_with_interval(model, "auroc") for model in models), end_section=True
    )
    table.add_row("Brier", *(_with_interval(model, "brier") for model in models), end_section=True)
    if vote["threshold"] is not None:
        _add_calls(table, "at threshold", [score(m["threshold"]) for m in models], models)
    at_half = [model["at_half"] for model in models]
    title = "largest prob" if vote["threshold"] is None else "at threshold"
    _add_calls(table, title, ["" if vote["threshold"] is None else "0.5"] * len(models), at_half)
    _print(table)
    out.print("In brackets: 95 % intervals, bootstrap over patients.", style="dim")
    if len(vote["per_class"]) > 2:
        out.print("The vote, class by class:")
        _print_classes(vote)
    best = max(report["members"], key=lambda member: member["val_auroc"])
    out.print(
        f"vote: test AUROC {score(vote['auroc'])}, accuracy {score(vote['accuracy'])}; "
        f"best single model by validation ({best['name']}): AUROC {score(best['auroc'])}, "
        f"accuracy {score(best['accuracy'])}"
    )


def scores(report: dict[str, Any]) -> None:
    """Print one model's scores: at its threshold and at 0.5, or class by class if there are several."""
    say(f"{report['num_images']} images of {report['num_groups']} patients")
    has_threshold = len(report["per_class"]) == 2
    heads = ["at its threshold", "at 0.5"] if has_threshold else ["by the largest probability"]
    columns = [report, report["at_half"]][: len(heads)]
    table = _titled("", "", *heads, words=("",))
    if has_threshold:
        table.add_row("threshold", score(report["threshold"]), "0.5000")
    for name in ("auroc", "accuracy", "sensitivity", "specificity", "precision", "f1", "brier"):
        title = {"auroc": "AUROC", "f1": "F1", "brier": "Brier"}.get(name, name)
        table.add_row(title, *(_with_interval(column, name) for column in columns))
    _print(table)
    if not has_threshold:
        _print_classes(report)
    if report["test_openings"]:
        times = _times(report["test_openings"])
        say(f"these are test images of the model's own study, which were opened {times} by now")


def _print_classes(report: dict[str, Any]) -> None:
    """Each class against the rest, the weakest first, and their mean."""
    names = ("sensitivity", "specificity", "precision", "f1", "auroc")
    heads = ("sensitivity", "specificity", "precision", "F1", "AUROC")
    table = _titled("", "class", "images", *heads, words=("class",))
    weakest_first = sorted(report["per_class"], key=lambda row: (row["f1"] is None, row["f1"]))
    for row in weakest_first:
        table.add_row(row["name"], str(row["num_images"]), *(score(row[name]) for name in names))
    table.add_section()
    mean = [score(report["macro"][name]) for name in names]
    table.add_row("mean of classes", str(report["num_images"]), *mean, style="bold")
    _print(table)


def findings(found: Sequence["Finding"]) -> None:
    """Print the audit's findings, what must be fixed first."""
    if not found:
        out.print("nothing found: the data can be used as it is")
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("severity")
    table.add_column("kind", no_wrap=True)
    table.add_column("images", justify="right")
    table.add_column("finding", overflow="fold")
    order = list(_SEVERITY_STYLES)
    for finding in sorted(found, key=lambda f: order.index(f.severity)):
        style = _SEVERITY_STYLES[finding.severity]
        images = str(len(finding.image_ids)) if finding.image_ids else ""
        table.add_row(Text(finding.severity, style), finding.kind, images, finding.message)
    Console(highlight=False).print(table)


def duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def error(message: str) -> None:
    err.print(Text.assemble(("error: ", "bold red"), message))


def say(text: str) -> None:
    out.print(text, markup=False)


def note(text: str) -> None:
    err.print(Text(text))


def _titled(title: str, *columns: str, words: Sequence[str]) -> Table:
    """A table without lines; all columns but `words` are numbers."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in columns:
        table.add_column(name, justify="left" if name in words else "right", no_wrap=True)
    return table


def _print(table: Table) -> None:
    """Print a table, never cut short, whatever the terminal's width says."""
    console = Console(highlight=False)
    unbounded = console.options.update(max_width=_UNBOUNDED)
    console.width = max(console.width, Measurement.get(console, unbounded, table).maximum)
    console.print(table)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def score(value: float | None) -> str:
    return "n/a" if value is None or not math.isfinite(value) else f"{value:.4f}"


def _add_calls(table: Table, title: str, heads: Sequence[str], scores: Sequence[dict]) -> None:
    """Rows of what depends on the threshold: a head, then one row a metric."""
    table.add_row(title, *heads, style="bold")
    for name in ("accuracy", "sensitivity", "specificity", "precision", "f1"):
        cells = [_with_interval(one, name) for one in scores]
        table.add_row(name.replace("f1", "F1"), *cells, end_section=name == "f1")


def _with_interval(scores: dict[str, Any], name: str) -> str:
    if scores[name] is None:
        return "n/a"
    low, high = scores["intervals"][name]
    return f"{scores[name]:.3f} [{low:.2f}, {high:.2f}]"


def plan(made: "Plan") -> None:
    """Print what a study would train, and for how long."""
    from pneumoray.comparing.axes import setting, varying
    from pneumoray.evaluation.tables import shown

    fields = [field for field in varying(made.configs) if field != "backbone"]
    table = _titled(f"Trials of study {made.study}", "trial", *fields, words=("trial", *fields))
    for config in made.configs:
        table.add_row(config.trial_id, *(shown(setting(config, field)) for field in fields))
    _print(table)
    columns = ("backbone", "px", "trials", "images/s", "epochs", "worker hours", "disk MiB")
    table = _titled("Estimate", *columns, words=("backbone",))
    for one in made.backbones:
        table.add_row(
            one.backbone,
            str(one.image_size),
            str(one.num_trials),
            f"{one.images_per_second:.0f}",
            str(one.epochs),
            f"{one.hours:.2f}",
            f"{one.disk_mib:.0f}",
        )
    _print(table)
    say(
        f"{len(made.configs)} trials on {made.num_images} images, {made.slots} side by side on "
        f"{made.device}: about {duration(made.hours * 3600)} and {made.disk_mib / 1024:.1f} GiB; "
        "nothing started"
    )
