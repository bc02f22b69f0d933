"""What people see: progress, tables, and errors of one line. Progress goes to stderr, results to stdout."""

import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:  # torch and pandas stay out of a one-line error
    from pneumoray.data.manifest import Finding
    from pneumoray.workspace import TrialRow

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

_TABLE_WIDTH = 110  # of a table of numbers: room for the longest row
_PACK_LINE_SECONDS = 10.0  # between plain lines while packing
_SEVERITY_STYLES = {"fix": "bold red", "handled": "yellow", "note": "dim"}


class Progress:
    """Shows the events of a stage: a live table on a terminal, plain lines elsewhere."""

    def __init__(self) -> None:
        self.stage = ""
        self.slots = 1
        self.trials: dict[str, dict[str, Any]] = {}  # of this stage: backbone, epoch, until
        self.running: dict[str, dict[str, Any]] = {}  # trial -> its last record, or {}
        self.seconds: dict[str, list[float]] = {}  # backbone -> seconds of each epoch seen
        self.best: tuple[float, str] = (-math.inf, "")
        self.packing: tuple[int, int] | None = None
        self._last_line = time.monotonic()
        self._live = Live(
            console=err, transient=True, get_renderable=self._table, refresh_per_second=4
        )

    def __enter__(self) -> Self:
        if err.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def __call__(self, event: dict[str, Any]) -> None:
        getattr(self, f"_on_{event['type']}")(event)

    def _on_pack(self, event: dict[str, Any]) -> None:
        done, total = event["done"], event["total"]
        self.packing = (done, total) if done < total else None
        if done == total or time.monotonic() - self._last_line > _PACK_LINE_SECONDS:
            self._last_line = time.monotonic()
            if done == total or not err.is_terminal:
                self._say(f"read {done:,} of {total:,} images")

    def _on_note(self, event: dict[str, Any]) -> None:
        self._say(event["text"])

    def _on_finding(self, event: dict[str, Any]) -> None:
        if event["severity"] != "note":
            self._say(f"{event['severity']}: {event['message']}")

    def _on_unsent(self, event: dict[str, Any]) -> None:
        self._say(
            f"{event['records']} records wait in the journal for MLflow ({event['reason']}); the next "
            "command on this study sends them"
        )

    def _on_stage(self, event: dict[str, Any]) -> None:
        self.stage, self.slots = event["stage"], event["slots"]
        self.trials = {trial["trial"]: dict(trial) for trial in event["trials"]}
        self.running = {}
        until = sorted({trial["until"] for trial in event["trials"]})
        self._say(
            f"{self.stage}: {len(self.trials)} trials to epoch {'/'.join(map(str, until))}, "
            f"{self.slots} side by side"
        )

    def _on_start(self, event: dict[str, Any]) -> None:
        self.running[event["trial"]] = {}

    def _on_epoch(self, event: dict[str, Any]) -> None:
        trial, record = event["trial"], event["record"]
        known = self.trials[trial]
        known["epoch"] = record["epoch"]
        self.running[trial] = record
        self.seconds.setdefault(known["backbone"], []).append(record["seconds"])
        if record["val_auroc"] > self.best[0]:
            self.best = (record["val_auroc"], trial)
        if not err.is_terminal:
            self._say(
                f"{self.stage}  {trial}  epoch {record['epoch']}/{known['until']}  "
                f"val AUROC {_score(record['val_auroc'])}  loss {record['val_loss']:.3f}  "
                f"{record['images_per_second']:.0f} images/s  best {_score(self.best[0])} "
                f"({self.best[1]})  {self._time_left()}"
            )

    def _on_done(self, event: dict[str, Any]) -> None:
        self.running.pop(event["trial"], None)

    def _on_cut(self, event: dict[str, Any]) -> None:
        pass  # the leaderboard shows it

    def _on_failed(self, event: dict[str, Any]) -> None:
        self.running.pop(event["trial"], None)
        self.trials[event["trial"]]["epoch"] = self.trials[event["trial"]]["until"]
        self._say(f"{event['trial']} failed: {event['reason']}", style="red")

    def _say(self, text: str, style: str | None = None) -> None:
        err.print(Text(text, style=style or ""))

    def _time_left(self) -> str:
        """For this stage: epochs still to train, at the seconds seen per backbone (or the mean)."""
        if not self.seconds:
            return "time left: measuring"
        mean = {name: sum(seen) / len(seen) for name, seen in self.seconds.items()}
        typical = sum(mean.values()) / len(mean)
        left = sum(
            (trial["until"] - trial["epoch"]) * mean.get(trial["backbone"], typical)
            for trial in self.trials.values()
        )
        return (
            f"{duration(left / max(1, min(self.slots, len(self.trials))))} left in the {self.stage}"
        )

    def _table(self) -> Group:
        if self.packing:
            return Group(Text(f"reading images: {self.packing[0]:,} of {self.packing[1]:,}"))
        if not self.trials:
            return Group(Text("preparing ..."))
        table = Table(box=None, pad_edge=False)
        for name in ("running", "epoch", "train loss", "val loss", "val AUROC", "images/s"):
            table.add_column(name, justify="left" if name == "running" else "right", no_wrap=True)
        for trial, record in self.running.items():
            known = self.trials[trial]
            cells = ["", "", "", ""]
            if record:
                cells = [
                    f"{record['train_loss']:.3f}",
                    f"{record['val_loss']:.3f}",
                    _score(record["val_auroc"]),
                    f"{record['images_per_second']:.0f}",
                ]
            table.add_row(trial, f"{known['epoch']}/{known['until']}", *cells)
        waiting = sum(
            trial["epoch"] < trial["until"] and name not in self.running
            for name, trial in self.trials.items()
        )
        best = (
            f"best val AUROC {_score(self.best[0])} ({self.best[1]})"
            if self.best[1]
            else "no epoch yet"
        )
        return Group(
            table, Text(f"{self.stage}: {waiting} waiting · {best} · {self._time_left()}", "dim")
        )


def leaderboard(rows: Sequence["TrialRow"], study: str) -> None:
    """Print the trials of a study, best first."""
    words = ("trial", "family", "optimizer", "outcome")
    table = _titled(
        f"Leaderboard of study {study}",
        "trial",
        "family",
        "optimizer",
        "lr",
        "val AUROC",
        "epochs",
        "minutes",
        "outcome",
        words=words,
    )
    for row in rows:
        table.add_row(
            row.trial,
            row.family,
            row.config.optimizer,
            f"{row.config.lr:g}",
            _score(row.val_auroc),
            str(row.epochs),
            f"{row.time_seconds / 60:.1f}",
            row.outcome or row.status.lower(),
            style="red" if row.outcome == "failed" else "dim" if row.outcome == "cut" else None,
        )
    _print(table)
    for row in rows:
        if row.outcome == "failed":
            out.print(Text(f"{row.trial} failed: {row.reason}", style="red"))


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
    table = _titled("", "", *(model["name"].replace("-", "\n", 1) for model in models), words=("",))
    table.add_row("val AUROC", *(_score(model["val_auroc"]) for model in models))
    table.add_row(
        "test AUROC", *(_with_interval(model, "auroc") for model in models), end_section=True
    )
    table.add_row("Brier", *(_with_interval(model, "brier") for model in models), end_section=True)
    if vote["threshold"] is not None:
        _add_calls(table, "at threshold", [_score(m["threshold"]) for m in models], models)
    at_half = [model["at_half"] for model in models]
    title = "largest prob" if vote["threshold"] is None else "at threshold"
    _add_calls(table, title, ["" if vote["threshold"] is None else "0.5"] * len(models), at_half)
    _print(table)
    out.print("In brackets: 95 % intervals, bootstrap over patients.", style="dim")
    best = max(report["members"], key=lambda member: member["val_auroc"])
    out.print(
        f"vote: test AUROC {_score(vote['auroc'])}, accuracy {_score(vote['accuracy'])}; "
        f"best single model by validation ({best['name']}): AUROC {_score(best['auroc'])}, "
        f"accuracy {_score(best['accuracy'])}"
    )


def scores(report: dict[str, Any]) -> None:
    """Print one model's scores at its threshold and at 0.5."""
    say(f"{report['num_images']} images of {report['num_groups']} patients")
    table = _titled("", "", "at its threshold", "at 0.5", words=("",))
    table.add_row("threshold", _score(report["threshold"]), "0.5000")
    for name in ("auroc", "accuracy", "sensitivity", "specificity", "precision", "f1", "brier"):
        title = {"auroc": "AUROC", "f1": "F1", "brier": "Brier"}.get(name, name)
        table.add_row(title, _with_interval(report, name), _with_interval(report["at_half"], name))
    _print(table)
    if report["test_openings"]:
        times = _times(report["test_openings"])
        say(f"these are test images of the model's own study, which were opened {times} by now")


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
    _print(table, width=None)


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


def _print(table: Table, width: int | None = _TABLE_WIDTH) -> None:
    """Print a table; one of numbers is never cut short, whatever the terminal's width says."""
    console = Console(highlight=False)
    console.width = max(console.width, width or 0)
    console.print(table)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _score(value: float | None) -> str:
    return "n/a" if value is None or not math.isfinite(value) else f"{value:.4f}"


def _add_calls(table: Table, title: str, heads: Sequence[str], scores: Sequence[dict]) -> None:
    """Rows of what depends on the threshold: a head, then one row a metric."""
    table.add_row(title, *heads, style="bold")
    for name in ("accuracy", "sensitivity", "specificity", "precision", "f1"):
        cells = [_with_interval(score, name) for score in scores]
        table.add_row(name.replace("f1", "F1"), *cells, end_section=name == "f1")


def _with_interval(scores: dict[str, Any], name: str) -> str:
    if scores[name] is None:
        return "n/a"
    low, high = scores["intervals"][name]
    return f"{scores[name]:.3f} [{low:.2f}, {high:.2f}]"


def plan(made: Any) -> None:
    """Print what a study would train, and for how long."""
    words = ("trial", "optimizer", "weights", "backbone")
    title = f"Trials of study {made.study}"
    table = _titled(title, "trial", "optimizer", "lr", "px", "weights", words=words)
    for config in made.configs:
        size = str(config.image_size)
        table.add_row(config.trial_id, config.optimizer, f"{config.lr:g}", size, config.weights)
    _print(table)
    columns = ("backbone", "trials", "images/s", "epochs", "worker hours", "disk MiB")
    table = _titled("Estimate", *columns, words=words)
    for one in made.backbones:
        table.add_row(
            one.backbone,
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
