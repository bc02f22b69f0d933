"""What people see while a stage works, on stderr: a live table on a terminal, plain lines elsewhere."""

import math
import time
from collections.abc import Iterable, Iterator
from typing import Any, Self, TypeVar

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pneumoray.evaluation.tables import speed
from pneumoray.pasting import Given, command
from pneumoray.terminal.console import duration, err, score
from pneumoray.terminal.encoding import without_control
from pneumoray.terminal.tree import tree

Item = TypeVar("Item")

_COUNT_LINE_SECONDS = 10.0  # between plain lines while images are counted
_LEAST_SECONDS = 2.0  # what took less says nothing of its counting after the answer
_NUMBERS_WIDTH = 46  # characters of the live table's columns of numbers, with the gaps
_END_WIDTH = 9  # of a trial's name, which tells it apart


class Progress:
    """Shows the events of a stage: a live table on a terminal, plain lines elsewhere."""

    def __init__(self, given: Given | None = None) -> None:
        """`given`: the options of this command that another on the same study needs as well."""
        self.given = given or {}
        self.stage = ""
        self.slots = 1
        self.trials: dict[str, dict[str, Any]] = {}  # of this stage: name, backbone, epoch, until
        self.running: dict[str, dict[str, Any]] = {}  # trial -> its last record, or {}
        self.seconds: dict[str, list[float]] = {}  # backbone -> seconds of each epoch seen
        self.best: tuple[float, str] = (-math.inf, "")
        self.counting = ""  # what is done with how many images, while it is
        self._first: tuple[float, int] = (0.0, 0)  # when, and at which image, counting began
        self._last_line = self._begun = time.monotonic()
        self._live = Live(
            console=err, transient=True, get_renderable=self._table, refresh_per_second=4
        )

    def __enter__(self) -> Self:
        if self._is_live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    @property
    def _is_live(self) -> bool:
        return err.is_terminal and not err.is_dumb_terminal

    def __call__(self, event: dict[str, Any]) -> None:
        getattr(self, f"_on_{event['type']}")(event)

    def between(self, items: Iterable[Item]) -> Iterator[Item]:
        """`items`; while the caller prints one, nothing of ours is on the terminal."""
        try:
            for item in items:
                self._live.stop()
                yield item
                if self._is_live:
                    self._live.start()
        finally:
            self._live.stop()

    def _on_pack(self, event: dict[str, Any]) -> None:
        self._count("read", "reading images", event["done"], event["total"])

    def _on_predict(self, event: dict[str, Any]) -> None:
        done, total = event["done"], event["total"]
        if done < total or time.monotonic() - self._begun > _LEAST_SECONDS:
            self._count("predicted", "predicting", done, total)
        else:
            self.counting = ""

    def _on_send(self, event: dict[str, Any]) -> None:
        done, total = event["done"], event["total"]
        present = f"sending {event['study']} to MLflow"
        self._count("worked through", present, done, total, "records")

    def _count(
        self, past: str, present: str, done: int, total: int, things: str = "images"
    ) -> None:
        now = time.monotonic()
        if not self.counting:
            self._first = (now, done)
        start, num_first = self._first
        per_image = (now - start) / (done - num_first) if done > num_first else 0
        left = (
            f"{duration(per_image * (total - done))} left" if per_image else "time left: measuring"
        )
        self.counting = f"{present}: {done:,} of {total:,} · {left}"
        if done == total:
            self.counting = ""
            self._say(f"{past} {done:,} of {total:,} {things}")
        elif now - self._last_line > _COUNT_LINE_SECONDS and not self._is_live:
            self._last_line = now
            self._say(f"{past} {done:,} of {total:,} {things}, {left}")

    def _on_note(self, event: dict[str, Any]) -> None:
        self._say(event["text"])

    def _on_understood(self, event: dict[str, Any]) -> None:
        for line in tree(event["lines"], err.width if err.is_terminal else None):
            self._say(line)

    def _on_finding(self, event: dict[str, Any]) -> None:
        if event["severity"] != "note":
            self._say(f"{event['severity']}: {event['message']}")

    def _on_unsent(self, event: dict[str, Any]) -> None:
        self._say(
            f"{event['records']} records wait in the journal for MLflow ({event['reason']}); mend that, "
            f"then send them: {command('sync', {'study': event['study']} | dict(self.given))}"
        )

    def _on_stage(self, event: dict[str, Any]) -> None:
        self.stage, self.slots = event["stage"], event["slots"]
        self.trials = {trial["trial"]: dict(trial) for trial in event["trials"]}
        self.running = {}
        until = sorted({trial["until"] for trial in event["trials"]})
        count = len(self.trials)
        self._say(
            f"{self.stage}: {count} trial{'s' * (count != 1)} to epoch {'/'.join(map(str, until))}, "
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
            self.best = (record["val_auroc"], known["name"])
        if not self._is_live:
            self._say(
                f"{self.stage}  {known['name']}  epoch {record['epoch']}/{known['until']}  "
                f"val AUROC {score(record['val_auroc'])}  loss {record['val_loss']:.3f}  "
                f"{speed(record['images_per_second'])} images/s  best {score(self.best[0])} "
                f"({self.best[1]})  {self._time_left()}"
            )

    def _on_done(self, event: dict[str, Any]) -> None:
        self.running.pop(event["trial"], None)

    def _on_cut(self, event: dict[str, Any]) -> None:
        pass  # the leaderboard shows it

    def _on_failed(self, event: dict[str, Any]) -> None:
        self.running.pop(event["trial"], None)
        name = event["trial"]
        if known := self.trials.get(name):  # none where it failed before any stage
            known["epoch"], name = known["until"], known["name"]
        self._say(f"{name} failed: {event['reason']}", style="red")

    def _say(self, text: str, style: str | None = None) -> None:
        err.print(Text(without_control(text), style=style or ""), soft_wrap=not err.is_terminal)

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
        if self.counting:
            return Group(Text(self.counting))
        if not self.trials:
            return Group(Text("preparing ..."))
        table = Table(box=None, pad_edge=False)
        for name in ("running", "epoch", "train\nloss", "val\nloss", "val\nAUROC", "images/s"):
            table.add_column(name, justify="left" if name == "running" else "right", no_wrap=True)
        for trial, record in self.running.items():
            known = self.trials[trial]
            cells = ["", "", "", ""]
            if record:
                cells = [
                    f"{record['train_loss']:.3f}",
                    f"{record['val_loss']:.3f}",
                    score(record["val_auroc"]),
                    speed(record["images_per_second"]),
                ]
            table.add_row(_short(known["name"]), f"{known['epoch']}/{known['until']}", *cells)
        waiting = sum(
            trial["epoch"] < trial["until"] and name not in self.running
            for name, trial in self.trials.items()
        )
        best = (
            f"best val AUROC {score(self.best[0])} ({_short(self.best[1])})"
            if self.best[1]
            else "no epoch yet"
        )
        state = f"{self.stage}: {waiting} waiting · {self._time_left()}"
        return Group(table, Text(best, "dim"), Text(state, "dim"))


def _short(trial: str) -> str:
    """A trial's name as long as the live table has room for it; its end stays."""
    room = max(err.width - _NUMBERS_WIDTH, 2 * _END_WIDTH)
    if len(trial) <= room:
        return trial
    return f"{trial[: room - _END_WIDTH - 2]}..{trial[-_END_WIDTH:]}"
