"""The leaderboard: configurations, ranked by their mean over seeds."""

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from pneumoray.comparing.axes import setting, varying
from pneumoray.config import Config
from pneumoray.evaluation.tables import plain, to_csv, to_latex

if TYPE_CHECKING:
    from pneumoray.epochs import EpochRecord
    from pneumoray.study_folder import TrialRow

__all__ = [
    "Standing",
    "proposed_vote",
    "standings",
    "table",
    "to_csv",
    "to_json",
    "to_latex",
    "varying",
]

_VOTERS = 3  # of a vote that is proposed


@dataclass(frozen=True)
class Standing:
    """One configuration on the leaderboard, with its trials: one a seed, in the order of the seeds."""

    rows: tuple["TrialRow", ...]

    @property
    def config(self) -> Config:
        return self.rows[0].config

    @property
    def scored(self) -> tuple["TrialRow", ...]:
        """The trials that count: not failed, and with a defined score."""
        return tuple(row for row in self.rows if is_scored(row))

    @property
    def bests(self) -> tuple["EpochRecord", ...]:
        """The best epoch of each trial that counts; not the last."""
        return tuple(row.state.best for row in self.scored if row.state.best)

    @property
    def mean(self) -> float | None:
        """Of the best epochs' validation AUROC; None where no trial is scored."""
        return statistics.fmean(best.val_auroc for best in self.bests) if self.bests else None

    @property
    def spread(self) -> float | None:
        """Sample standard deviation over seeds; None for one seed."""
        scores = [best.val_auroc for best in self.bests]
        return statistics.stdev(scores) if len(scores) > 1 else None

    @property
    def val_loss(self) -> float:
        """Mean validation loss of the best epochs; inf where no trial is scored."""
        return statistics.fmean(best.val_loss for best in self.bests) if self.bests else math.inf

    @property
    def val_accuracy(self) -> float | None:
        """Mean validation accuracy of the best epochs; None where no trial is scored."""
        return statistics.fmean(best.val_accuracy for best in self.bests) if self.bests else None

    @property
    def seeds(self) -> str:
        """How many seeds count: '3', or '2 of 3' where one has no score; '1' of one."""
        num_scored, num_rows = len(self.scored), len(self.rows)
        return str(num_rows) if num_rows in (1, num_scored) else f"{num_scored} of {num_rows}"

    @property
    def parameters_total(self) -> int | None:
        """None before the first epoch."""
        return max(row.state.parameters_total for row in self.rows) or None

    @property
    def parameters_trainable(self) -> int | None:
        begun = self.parameters_total
        return max(row.state.parameters_trainable for row in self.rows) if begun else None

    @property
    def time_seconds(self) -> float:
        """Mean of a trial."""
        return statistics.fmean(row.time_seconds for row in self.scored or self.rows)

    @property
    def images_per_second(self) -> float | None:
        """Median over all epochs of all trials."""
        seen = [one.images_per_second for row in self.rows for one in row.state.records]
        return statistics.median(seen) if seen else None

    @property
    def outcome(self) -> str:
        """'trained', or '2 trained, 1 failed'; what has not ended is waiting or running."""
        counts = Counter(row.outcome or row.status.lower() for row in self.rows)
        if len(counts) == 1:
            return next(iter(counts))
        return ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))


def is_scored(row: "TrialRow") -> bool:
    score = row.val_auroc
    return row.outcome != "failed" and score is not None and not math.isnan(score)


def standings(rows: Iterable["TrialRow"]) -> list[Standing]:
    """The rows by configuration: best mean first, the lower mean loss breaks ties, no score last."""
    by_config: dict[str, list[TrialRow]] = defaultdict(list)
    for row in rows:
        by_config[row.config.config_id].append(row)
    found = [Standing(tuple(sorted(of, key=lambda r: r.config.seed))) for of in by_config.values()]
    return sorted(found, key=_rank)


def _rank(standing: Standing) -> tuple[bool, float, float, bool, str]:
    """A mean over fewer seeds may be luck: it stands behind those that are complete."""
    lacks_seeds = len(standing.scored) < len(standing.rows)
    mean = math.inf if standing.mean is None else -standing.mean
    failed = standing.outcome == "failed"
    return lacks_seeds, mean, standing.val_loss, failed, standing.config.config_id


def table(found: Sequence[Standing]) -> pd.DataFrame:
    """One row a configuration, in the order given; columns as in `evaluation.tables`.

    The first is `trial`, or `configuration` where one of them has several seeds. Best epochs that
    differ between seeds stand side by side, in the order of the seeds.
    """
    fields = varying(standing.config for standing in found)
    is_single = all(len(standing.rows) == 1 for standing in found)
    columns: dict[str, list[Any]] = {
        "trial" if is_single else "configuration": [
            standing.rows[0].trial if is_single else standing.config.config_id for standing in found
        ],
        **{field: [plain(setting(one.config, field)) for one in found] for field in fields},
        "val_auroc": [standing.mean for standing in found],
        "val_auroc_sd": [standing.spread for standing in found],
        "seeds": [standing.seeds for standing in found],
        "val_accuracy": [standing.val_accuracy for standing in found],
        "best_epoch": [_side_by_side([best.epoch for best in one.bests]) for one in found],
        "epochs_trained": [_side_by_side([row.epochs for row in one.rows]) for one in found],
        "parameters": [standing.parameters_total for standing in found],
        "trainable": [standing.parameters_trainable for standing in found],
        "minutes": [standing.time_seconds / 60 for standing in found],
        "images_per_second": [standing.images_per_second for standing in found],
        "outcome": [standing.outcome for standing in found],
    }
    floats = dict.fromkeys(
        ("val_auroc", "val_auroc_sd", "val_accuracy", "minutes", "images_per_second"), "float64"
    )
    return pd.DataFrame(columns).astype(
        floats | dict.fromkeys(("parameters", "trainable"), "Int64")
    )


def to_json(found: Sequence[Standing]) -> list[dict[str, Any]]:
    """Every trial as plain JSON, the best configuration's first, its seeds one after the other.

    `val_auroc` is the trial's own; `val_auroc_mean` and `val_auroc_sd` are its configuration's, over
    `seeds_scored` of its `seeds`. `varying` holds the settings that were compared.
    """
    fields = varying(standing.config for standing in found)
    return [_as_json(row, standing, fields) for standing in found for row in standing.rows]


def _as_json(row: "TrialRow", standing: Standing, fields: Sequence[str]) -> dict[str, Any]:
    best = row.state.best if is_scored(row) else None  # JSON knows no NaN
    speeds = [record.images_per_second for record in row.state.records]
    return {
        "trial": row.trial,
        "family": row.family,
        "backbone": row.backbone,
        "stage": row.stage,
        "status": row.status,
        "outcome": row.outcome,
        "val_auroc": best.val_auroc if best else None,
        "val_accuracy": best.val_accuracy if best else None,
        "val_loss": best.val_loss if best and math.isfinite(best.val_loss) else None,
        "best_epoch": best.epoch if best else None,
        "epochs": row.epochs,
        "time_seconds": round(row.time_seconds, 3),
        "images_per_second": round(statistics.median(speeds), 1) if speeds else None,
        "parameters_total": row.state.parameters_total if speeds else None,
        "parameters_trainable": row.state.parameters_trainable if speeds else None,
        "run_id": row.run_id,
        "optimizer": row.config.optimizer,
        "lr": row.config.lr,
        "seed": row.config.seed,
        "reason": row.reason,
        "config_id": standing.config.config_id,
        "val_auroc_mean": standing.mean,
        "val_auroc_sd": standing.spread,
        "seeds": len(standing.rows),
        "seeds_scored": len(standing.scored),
        "varying": {field: plain(setting(row.config, field)) for field in fields},
    }


def _side_by_side(values: Sequence[int]) -> str:
    """'7' where all are the same, else '7 5 9': no sign that a spreadsheet takes for a date."""
    same = len(set(values)) == 1
    return " ".join(str(value) for value in (values[:1] if same else values))


def proposed_vote(found: Sequence[Standing]) -> str:
    """Options of `pneumoray ensemble` that it does not refuse, families before trials; else ''."""
    ended = [row for standing in found for row in standing.rows if row.outcome == "trained"]
    num_families = len({row.family for row in ended})
    num_any = len({row.config.config_id for row in ended})
    if num_families > 1:
        return f"--top {min(_VOTERS, num_families)}"
    return f"--any-family --top {min(_VOTERS, num_any)}" if num_any > 1 else ""
