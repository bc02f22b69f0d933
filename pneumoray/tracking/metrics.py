"""The numbers of a record as metrics of a run."""

from typing import Any

from mlflow.entities import Metric

from pneumoray.tracking.view import SCORE

Record = dict[str, Any]


def of(values: dict[str, Any], record: Record, step: int = 0) -> list[Metric]:
    """A metric for each number in `values`, at the record's time."""
    return [
        Metric(key, float(value), milliseconds(record), step)
        for key, value in values.items()
        if isinstance(value, int | float) and key != "epoch"
    ]


def best(record: Record) -> dict[str, Any]:
    """What runs are ranked by, and the accuracy of the same epoch."""
    return {SCORE: record.get("val_auroc"), "best_val_accuracy": record.get("val_accuracy")}


def milliseconds(record: Record) -> int:
    return round(record["time"] * 1000)
