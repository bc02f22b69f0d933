"""What an opened split says: one plain dict for `--json` and MLflow, a table, a page of Markdown."""

import html
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pneumoray.evaluation import tables
from pneumoray.evaluation.intervals import bootstrap
from pneumoray.evaluation.metrics import METRICS, PER_CLASS, evaluate, macro_average, per_class
from pneumoray.evaluation.titles import title as title_of

_COLUMNS = ("auroc", "accuracy", "sensitivity", "specificity", "precision", "f1", "brier")
_SHOWN = ("auroc", "accuracy", "sensitivity", "specificity")  # in few columns


def member_report(
    name: str,
    labels: np.ndarray,
    probs: np.ndarray,
    groups: np.ndarray,
    threshold: float | None,
    classes: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Scores of one model, or of the vote, with 95 % intervals over patients.

    Plain JSON: name, `positive` (the class that sensitivity, specificity, precision, F1 and the
    threshold are about; None with several classes), threshold, num_images, num_groups; every metric
    of METRICS at `threshold` and `intervals` {metric: [low, high]}; `per_class`, a list with name,
    num_images and PER_CLASS of each class against the rest, and `macro`, their mean over the
    classes that have images, both at `threshold`; `at_half` with threshold, metrics and intervals
    at 0.5. What is undefined is None.
    With several classes `threshold` is None, and the largest probability decides in all of them.
    Arrays are as in `intervals.bootstrap`; classes are numbered from 0 where `classes` is None.
    """
    at_half = 0.5 if probs.shape[1] == 2 else None
    table = per_class(labels, probs, threshold)
    names = [str(i) for i in range(len(table))] if classes is None else classes
    return {
        "name": name,
        "positive": names[1] if len(names) == 2 else None,
        "threshold": threshold,
        "num_images": len(labels),
        "num_groups": len(np.unique(groups)),
        **_scores(labels, probs, groups, threshold),
        "per_class": [
            {"name": name, "num_images": int(row["num_images"]), **_defined(row)}
            for name, row in zip(names, table.to_dict("records"), strict=True)
        ],
        "macro": _defined(macro_average(table)),
        "at_half": {"threshold": at_half, **_scores(labels, probs, groups, None)},
    }


def ensemble_report(
    vote: dict[str, Any], members: Sequence[dict[str, Any]], **facts: Any
) -> dict[str, Any]:
    """The object that `ensemble --json` prints: `vote`, `members`, then `facts` as given.

    `vote` and `members` come from `member_report`. Facts are whatever belongs to the record: the
    study, pack hash, temperature, how often the split was opened, whether leaks were allowed.
    """
    return {"vote": vote, "members": list(members), **facts}


class Report(dict[str, Any]):
    """An `ensemble_report` that shows itself as a table. The folder holds its page, files and model."""

    def __init__(self, values: Mapping[str, Any], folder: Path) -> None:
        super().__init__(values)
        self.folder = folder

    @property
    def title(self) -> str:
        vote = self["vote"]
        sizes = f"{vote['num_images']} images of {vote['num_groups']} patients"
        return f"Test split of study {self['study']}: {sizes}"

    @property
    def best(self) -> dict[str, Any]:
        """The member that is best on validation."""
        return max(self["members"], key=lambda member: member["val_auroc"])

    @property
    def positive(self) -> str | None:
        """The class that sensitivity and the thresholds are about; None of several classes."""
        names = [one["name"] for one in self["vote"]["per_class"]]
        return names[1] if len(names) == 2 else None

    def name_of(self, model: Mapping[str, Any]) -> str:
        """The backbone, where one member has it; else the trial. The vote is 'vote'."""
        alike = [one for one in self["members"] if one["backbone"] == model.get("backbone")]
        return model["backbone"] if len(alike) == 1 else model["name"]

    def table(self) -> pd.DataFrame:
        """One row a member, then the vote, each at its own threshold; columns as in `tables`."""
        models = [*self["members"], self["vote"]]
        scores = {name: [model[name] for model in models] for name in _SHOWN}
        first = {"model": map(self.name_of, models), "val_auroc": [m["val_auroc"] for m in models]}
        return pd.DataFrame(first | scores).rename(columns={"auroc": "test_auroc"})

    def __repr__(self) -> str:
        return f"{self.title}\n{tables.to_text(self.table(), self.positive)}"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self.title)}</p>{tables.to_html(self.table(), self.positive)}"


def to_markdown(report: dict[str, Any], title: str = "Ensemble on the test split") -> str:
    """`ensemble_report` as a page: the facts, then members and vote at both thresholds.

    With more than two classes there is one table of scores, and one of the vote's classes.
    """
    vote, members = report["vote"], report["members"]
    rows = [*members, vote]
    sizes = f"{vote['num_images']} images of {vote['num_groups']} patients."
    lines = [f"# {title}", "", f"{sizes} In brackets: 95 % intervals, bootstrap over patients.", ""]
    facts = {name: value for name, value in report.items() if name not in ("vote", "members")}
    lines += [f"- {name.replace('_', ' ')}: {_plain(value)}" for name, value in facts.items()]
    if vote["threshold"] is None:  # several classes: the largest probability decides
        lines += ["", "## By the largest probability", "", *_table(rows, rows)]
        lines += ["", "## The vote, class by class", "", "Lowest F1 first.", ""]
        lines += _class_table(vote)
    else:
        lines += ["", "## At the threshold chosen on validation", "", *_table(rows, rows)]
        lines += ["", "## At 0.5", "", *_table(rows, [row["at_half"] for row in rows])]
    return "\n".join(lines) + "\n"


def _scores(
    labels: np.ndarray, probs: np.ndarray, groups: np.ndarray, threshold: float | None
) -> dict[str, Any]:
    scores = evaluate(labels, probs, threshold)
    intervals = bootstrap(labels, probs, groups, threshold)
    return {
        **{name: _or_none(scores[name]) for name in METRICS},
        "intervals": {name: [_or_none(end) for end in intervals[name]] for name in METRICS},
    }


def _table(rows: Sequence[dict[str, Any]], scores: Sequence[dict[str, Any]]) -> list[str]:
    positive = rows[0]["positive"]
    titles = ["model", *(title_of(name, positive) for name in ("threshold", *_COLUMNS))]
    lines = [_line(titles), _line(["---", *["---:"] * (len(titles) - 1)])]
    for row, score in zip(rows, scores, strict=True):
        cells = [_number(score.get("threshold")), *(_cell(score, name) for name in _COLUMNS)]
        lines.append(_line([row["name"], *cells]))
    return lines


def _class_table(scores: dict[str, Any]) -> list[str]:
    titles = ["class", "images", *(title_of(name) for name in PER_CLASS)]
    lines = [_line(titles), _line(["---", *["---:"] * (len(titles) - 1)])]
    weakest_first = sorted(scores["per_class"], key=lambda row: (row["f1"] is None, row["f1"]))
    mean = {"name": "mean of classes", "num_images": scores["num_images"], **scores["macro"]}
    for row in [*weakest_first, mean]:
        cells = [_number(row[name]) for name in PER_CLASS]
        lines.append(_line([row["name"], str(row["num_images"]), *cells]))
    return lines


def _line(cells: Sequence[str]) -> str:
    escaped = [cell.replace("|", r"\|") for cell in cells]
    return f"| {' | '.join(escaped)} |"


def _cell(scores: dict[str, Any], name: str) -> str:
    low, high = scores["intervals"][name]
    return f"{_number(scores[name])} ({_number(low)} to {_number(high)})"


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"


def _plain(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _defined(scores: Mapping[Any, float]) -> dict[str, float | None]:
    return {name: _or_none(scores[name]) for name in PER_CLASS}


def _or_none(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
