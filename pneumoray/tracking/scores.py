"""What a vote scored: a dozen numbers that runs are compared by, and a table of all."""

from typing import Any

import pandas as pd

_HEADLINE = ("auroc", "accuracy", "sensitivity", "specificity", "f1", "brier")
_WITH_INTERVAL = ("auroc", "accuracy")
_NO_SCORE = ("threshold", "temperature", "num_images", "num_groups", "val_auroc")


def headline(scores: dict[str, Any]) -> dict[str, float]:
    """{test_auroc, test_auroc_low, test_auroc_high, test_accuracy, ...} of one member's report."""
    found = {f"test_{name}": scores.get(name) for name in _HEADLINE}
    for name in _WITH_INTERVAL:
        low, high = scores.get("intervals", {}).get(name, (None, None))
        found |= {f"test_{name}_low": low, f"test_{name}_high": high}
    return {name: float(value) for name, value in found.items() if value is not None}


def table(report: dict[str, Any]) -> pd.DataFrame:
    """Every score of the vote and its members, one a row, with the ends of its interval.

    Columns: model, positive (the class that sensitivity, specificity, precision, F1 and the threshold
    are about), threshold, score, value, low, high. What is undefined is missing.
    """
    columns = ["model", "positive", "threshold", "score", "value", "low", "high"]
    rows = []
    for member in (report["vote"], *report["members"]):
        of = (member["name"], member.get("positive"))
        for part in (member, member.get("at_half", {})):
            intervals = part.get("intervals", {})
            for name, value in part.items():
                if isinstance(value, int | float) and name not in _NO_SCORE:
                    low, high = intervals.get(name, (None, None))
                    rows.append((*of, part.get("threshold"), name, value, low, high))
    return pd.DataFrame(rows, columns=columns)


def per_class(report: dict[str, Any]) -> pd.DataFrame:
    """The vote's scores of each class against the rest; empty where a report has none."""
    return pd.DataFrame(report["vote"].get("per_class", []))
