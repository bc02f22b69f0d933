"""What a trial measured, epoch by epoch, and which epoch is its best."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from pneumoray.data.depth import Ranges


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch of a trial measured; the learning rate is that of the epoch's last step."""

    epoch: int
    train_loss: float
    train_accuracy: float
    train_auroc: float
    val_loss: float
    val_accuracy: float
    val_auroc: float
    lr: float
    images_per_second: float
    seconds: float

    def better_than(self, other: "EpochRecord | None") -> bool:
        """Higher validation AUROC; the lower log loss breaks ties."""
        return other is None or self.rank > other.rank

    @property
    def rank(self) -> tuple[float, float]:
        """Sorts records from worse to better. An undefined AUROC is worse than any other."""
        return (-math.inf if math.isnan(self.val_auroc) else self.val_auroc, -self.val_loss)


def mean_rank(ranks: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The rank of a configuration: the mean over the ranks of its seeds."""
    aurocs, losses = zip(*ranks, strict=True)
    return statistics.fmean(aurocs), statistics.fmean(losses)


@dataclass(frozen=True)
class State:
    """All that a trial knows about itself, apart from tensors."""

    records: tuple[EpochRecord, ...] = ()
    parameters_total: int = 0
    parameters_trainable: int = 0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    weights_source: str = "random"
    ranges: Ranges = ()  # of the pack's depth classes

    @property
    def epoch(self) -> int:
        return self.records[-1].epoch if self.records else 0

    @property
    def best(self) -> EpochRecord | None:
        best: EpochRecord | None = None
        for record in self.records:
            if record.better_than(best):
                best = record
        return best

    @property
    def seconds(self) -> float:
        return sum(record.seconds for record in self.records)
