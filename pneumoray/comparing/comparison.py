"""Comparison: one or two axes of a study against the score, with all else equal where it can be."""

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from pneumoray.comparing.caveats import about_empty, about_pixels, about_trials
from pneumoray.comparing.contexts import (
    Arms,
    Cell,
    Point,
    cell_of,
    check_axes,
    held_equal,
    label_of,
)
from pneumoray.comparing.leaderboard import is_scored
from pneumoray.errors import StudyError, some_of
from pneumoray.evaluation.curves import mean_curves, overfit_epoch
from pneumoray.evaluation.tables import plain, shown

if TYPE_CHECKING:
    from pneumoray.epochs import EpochRecord
    from pneumoray.study_folder import TrialRow

_REASON_LENGTH = 80  # of a failure, in characters


@dataclass(frozen=True, eq=False)
class Value:
    """One value of the axis, or one cell of two: means over the trials compared.

    Every setting of the rest weighs alike, and in it every configuration; deviations are of the
    sample over all trials, None for one. Parameters are None where trials of different size are
    together.
    """

    cell: Cell
    label: str
    num_trials: int
    mean: float  # validation AUROC of the best epochs, as are the other scores
    sd: float | None
    best_epoch: float
    val_accuracy: float
    val_loss: float
    parameters_total: int | None
    parameters_trainable: int | None
    minutes: float
    minutes_sd: float | None
    images_per_second: float
    overfit_epoch: int | None
    curves: pd.DataFrame  # by epoch, to the end: means of what an EpochRecord holds, and num_trials


@dataclass(frozen=True, eq=False)
class Comparison:
    """An axis (or two) against the score. `notes` says what was held equal, and what was not."""

    by: tuple[str, ...]
    values: tuple[Value, ...]  # in the order of numbers; words best first where there is one axis
    notes: tuple[str, ...]
    is_all_equal: bool
    until: int | None  # the epoch up to which scores are compared; None: to every trial's end

    @property
    def best(self) -> Value:
        return max(self.values, key=lambda value: value.mean)

    @property
    def has_numbers(self) -> bool:
        """Whether the axis is one of numbers, so that its values have an order."""
        return len(self.by) == 1 and not any(isinstance(v.cell[0], str) for v in self.values)

    def table(self) -> pd.DataFrame:
        """One row a value; columns as in `evaluation.tables`, the axes first."""
        rows = [
            dict(zip(self.by, map(plain, value.cell), strict=True))
            | {
                "val_auroc": value.mean,
                "val_auroc_sd": value.sd,
                "trials": value.num_trials,
                "best_epoch": value.best_epoch,
                "val_accuracy": value.val_accuracy,
                "val_loss": value.val_loss,
                "parameters": value.parameters_total,
                "trainable": value.parameters_trainable,
                "minutes": value.minutes,
                "images_per_second": value.images_per_second,
                "overfits_from": value.overfit_epoch,
            }
            for value in self.values
        ]
        integers = dict.fromkeys(("parameters", "trainable", "overfits_from"), "Int64")
        return pd.DataFrame(rows).astype({"val_auroc_sd": "float64"} | integers)

    def known(self) -> pd.DataFrame:
        """The table less the columns in which nothing is known, as people are shown it."""
        return self.table().dropna(axis="columns", how="all")

    def grid(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Means and deviations of two axes, the first down, the second across; nan where empty."""
        means, deviations = (
            pd.DataFrame(
                float("nan"),
                index=pd.Index(self._values_of(0), name=self.by[0]),
                columns=pd.Index(self._values_of(1), name=self.by[1]),
            )
            for _ in range(2)
        )
        for value in self.values:
            place = shown(value.cell[0]), shown(value.cell[1])
            means.loc[place] = value.mean
            deviations.loc[place] = float("nan") if value.sd is None else value.sd
        return means, deviations

    def _values_of(self, axis: int) -> list[str]:
        found = {value.cell[axis] for value in self.values}
        return [shown(value) for value in sorted(found, key=_in_order)]


def compare(rows: Sequence["TrialRow"], by: Sequence[str], arms: Arms) -> Comparison:
    """Compare the trials by one axis or two: fields in which they differ, or `arm`.

    `arms` maps a configuration's id to its arm and the fields that the arm sets. Where the race cut
    a trial, the best epochs up to the last that all came to are compared, unless `epochs` is the
    axis; curves are whole. What failed or has not ended is left out and named. Raises StudyError for
    another axis, or where fewer than two values of it have a score.
    """
    check_axes(by, rows, arms)
    cells, left_out = _with_cells(rows, by, arms)
    if not cells:
        raise StudyError(
            "no trial to compare has a score yet: run 'pneumoray train-all' to its end, and "
            "'pneumoray leaderboard' says what failed"
        )
    for axis, values_of in zip(by, zip(*(cell for _, cell in cells), strict=True), strict=True):
        if len(set(values_of)) == 1:
            raise StudyError(
                f"--by: all trials with a score to compare have {axis} {shown(values_of[0])}: nothing "
                "to compare there; take another axis, or wait until more have ended"
            )
    points, notes, is_all_equal = held_equal(cells, by, arms)
    until, budget = _common_epoch(points, by)
    by_cell: dict[Cell, list[Point]] = defaultdict(list)
    for point in points:
        by_cell[point.cell].append(point)
    values = [_value(cell, label_of(cell, by), of, until) for cell, of in by_cell.items()]
    values.sort(key=lambda value: [_in_order(part) for part in value.cell])
    if len(by) == 1 and all(isinstance(value.cell[0], str) for value in values):
        values.sort(key=lambda value: -value.mean)
    if len(by) == 2:
        notes += about_empty(by, by_cell)
    counts = {value.label: value.num_trials for value in values}
    notes += [*budget, about_trials(counts, points), *about_pixels(points), *left_out]
    return Comparison(tuple(by), tuple(values), tuple(notes), is_all_equal, until)


def _with_cells(
    rows: Sequence["TrialRow"], by: Sequence[str], arms: Arms
) -> tuple[list[tuple["TrialRow", Cell]], list[str]]:
    """The trials that can be compared, each with its cell, and a note on each kind of the others."""
    kept: list[tuple[TrialRow, Cell]] = []
    failed, unended, undefined, apart = [], [], [], []
    for row in rows:
        cell = cell_of(row.config, by, arms)
        if cell is None:
            apart.append(row.trial)
        elif row.outcome == "failed":
            failed.append(f"{row.trial} ({row.reason[:_REASON_LENGTH]})")
        elif row.outcome not in ("trained", "cut"):
            unended.append(row.trial)
        elif not is_scored(row):
            undefined.append(row.trial)
        else:
            kept.append((row, cell))
    kinds = {
        "failed": failed,
        "has not ended": unended,
        "has no defined AUROC": undefined,
        f"has no {' and '.join(by)}": apart,
    }
    return kept, [f"left out, {why}: {some_of(names)}" for why, names in kinds.items() if names]


def _common_epoch(points: Sequence[Point], by: Sequence[str]) -> tuple[int | None, list[str]]:
    """The last epoch that all came to, if the race cut a trial, and what to say of it."""
    cut = [point.row for point in points if point.row.outcome == "cut"]
    if not cut:
        return None, []
    how_many = f"{len(cut)} of {len(points)} trials were cut by the race"
    if "epochs" in by:
        return None, [f"{how_many}: each counts as far as it came"]
    last = min(row.epochs for row in cut)
    what = "epoch 1" if last == 1 else f"the best of the first {last} epochs"
    return last, [f"{how_many}: {what} is compared"]


def _up_to(row: "TrialRow", epoch: int) -> "TrialRow":
    records = tuple(record for record in row.state.records if record.epoch <= epoch)
    return replace(row, state=replace(row.state, records=records))


def _value(cell: Cell, label: str, points: Sequence[Point], until: int | None) -> Value:
    by_context: dict[tuple[Any, ...], dict[str, list[TrialRow]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for point in points:
        row = _up_to(point.row, until) if until else point.row
        by_context[point.context][row.config.config_id].append(row)
    rows = [row for of in by_context.values() for seeds in of.values() for row in seeds]

    def mean(of: Callable[["TrialRow"], float]) -> float:
        return statistics.fmean(
            statistics.fmean(statistics.fmean(map(of, seeds)) for seeds in configurations.values())
            for configurations in by_context.values()
        )

    def deviation(of: Callable[["TrialRow"], float]) -> float | None:
        return statistics.stdev(map(of, rows)) if len(rows) > 1 else None

    whole = [[asdict(record) for record in point.row.state.records] for point in points]
    curves = mean_curves(whole)
    return Value(
        cell=cell,
        label=label,
        num_trials=len(rows),
        mean=mean(lambda row: _best(row).val_auroc),
        sd=deviation(lambda row: _best(row).val_auroc),
        best_epoch=mean(lambda row: _best(row).epoch),
        val_accuracy=mean(lambda row: _best(row).val_accuracy),
        val_loss=mean(lambda row: _best(row).val_loss),
        parameters_total=_same(row.state.parameters_total for row in rows),
        parameters_trainable=_same(row.state.parameters_trainable for row in rows),
        minutes=mean(_minutes),
        minutes_sd=deviation(_minutes),
        images_per_second=mean(_images_per_second),
        overfit_epoch=overfit_epoch(curves),
        curves=curves,
    )


def _best(row: "TrialRow") -> "EpochRecord":
    assert row.state.best is not None  # what is compared has a score
    return row.state.best


def _minutes(row: "TrialRow") -> float:
    return row.time_seconds / 60


def _images_per_second(row: "TrialRow") -> float:
    return statistics.median(record.images_per_second for record in row.state.records)


def _same(counts: Iterable[int]) -> int | None:
    found = set(counts)
    return found.pop() if len(found) == 1 else None


def _in_order(value: Any) -> tuple[int, Any]:
    """Sorts values of one axis: null, then numbers, lists, words."""
    if value is None:
        return 0, 0
    return (1 if isinstance(value, int | float) else 2 if isinstance(value, tuple) else 3), value
