"""What the accuracies of a study give reason to doubt: too good to be true, or learned by heart."""

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pneumoray.data.manifest import Finding
    from pneumoray.epochs import EpochRecord
    from pneumoray.study_folder import TrialRow

_TOO_GOOD = 0.995  # accuracy, in training and in validation
_WIDE_GAP = 0.10  # of accuracy, between training and validation
_MOST_LINES = 3
# Kinds of finding: what makes validation easier than it should be, or too small to tell.
_EXPLAINING = (
    "duplicate",
    "same-pixels",
    "near-copies",
    "conflicting-labels",
    "leak",
    "group-across-splits",
    "no-patients",
    "unknown-patient",
    "small-validation",
)


def suspicions(rows: Iterable["TrialRow"], names: Mapping[str, str]) -> list[str]:
    """What the accuracies give reason to doubt: at most a line a configuration, the worst three.

    `names` are what the trials are called: {trial id: name}.
    Training and validation accuracy both above 99.5 % at any epoch: suspect copies of an image on
    both sides. A gap of more than ten points at the best epoch or the last: overfitting; not of what
    the race cut, which had hardly begun.
    """
    worst: dict[str, tuple[float, str]] = {}
    for row in rows:
        doubt = _doubt(row, names[row.trial])
        if doubt and doubt > worst.get(row.config.config_id, (0.0, "")):
            worst[row.config.config_id] = doubt
    lines = [line for _, line in sorted(worst.values(), key=lambda doubt: (-doubt[0], doubt[1]))]
    num_more = len(lines) - _MOST_LINES
    more = [f"and {num_more} more like {'this' if num_more == 1 else 'these'}"]
    return lines[:_MOST_LINES] + (more if num_more > 0 else [])


def _doubt(row: "TrialRow", name: str) -> tuple[float, str] | None:
    """How bad, and the line; what is too good is worse than any gap."""
    best = row.state.best
    if best is None or row.outcome == "failed":
        return None
    last = row.state.records[-1]
    highest = max(row.state.records, key=_lower_accuracy)
    if _lower_accuracy(highest) > _TOO_GOOD:
        return 1 + highest.val_accuracy, (
            f"{name}: accuracy {highest.train_accuracy:.1%} in training and "
            f"{highest.val_accuracy:.1%} in validation at epoch {highest.epoch} is too good: suspect "
            "copies or leaks between the splits"
        )
    widest = max(best, last, key=_gap)
    if row.outcome == "cut" or not _gap(widest) > _WIDE_GAP:
        return None
    return _gap(widest), (
        f"{name}: accuracy {widest.train_accuracy:.1%} in training but {widest.val_accuracy:.1%} in "
        f"validation at epoch {widest.epoch}: {100 * _gap(widest):.1f} points apart, it overfits or "
        "validation is unlike training"
    )


def explaining(findings: Iterable["Finding"]) -> list[str]:
    """What the audit noticed that may explain a doubt."""
    found = [one.message for one in findings if one.kind in _EXPLAINING]
    return found or ["nothing that would explain it, as copies or a patient on both sides would"]


def _lower_accuracy(record: "EpochRecord") -> float:
    lower = min(record.train_accuracy, record.val_accuracy)
    return 0.0 if math.isnan(lower) else lower  # nan where no training image was counted


def _gap(record: "EpochRecord") -> float:
    return round(record.train_accuracy - record.val_accuracy, 9)  # 0.9 - 0.8 is not above 0.1
