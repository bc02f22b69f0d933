"""How sure a score is: the bootstrap over patients."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from scipy.sparse import csr_array

from pneumoray.evaluation import metrics as m

_CHUNK_BYTES = 16 * 2**20  # of one (resamples, images) float64 array: memory stays flat


def bootstrap(
    labels: np.ndarray,
    probs: np.ndarray,
    groups: np.ndarray,
    threshold: float | None = None,
    *,
    metrics: Sequence[str] = m.METRICS,
    num_resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> dict[str, tuple[float, float]]:
    """(low, high) of each metric: the percentile bootstrap that redraws patients, not images.

    Images of one patient are alike, so `groups` ((N,), any dtype) are drawn with replacement and
    bring all their images along (Field & Welsh, JRSS B 69, 2007: the cluster bootstrap). The same
    seed and groups draw the same resamples, so the intervals of several models are paired.
    A resample in which a metric is undefined (it drew one class only) is ignored for that metric;
    (nan, nan) when none is left. Arrays and `threshold` are as in `metrics.evaluate`.
    Raises ValueError for an unknown metric.
    """
    if unknown := set(metrics) - set(m.METRICS):
        raise ValueError(f"unknown metrics {sorted(unknown)}; known are {', '.join(m.METRICS)}")
    draws: dict[str, list[np.ndarray]] = {name: [] for name in metrics}
    score = _scorer(labels, probs, threshold, metrics)
    for counts in group_resamples(groups, num_resamples, seed):
        for name, values in score(counts).items():
            draws[name].append(values)
    tail = (1 - confidence) / 2
    return {name: _percentiles(np.concatenate(draws[name]), tail) for name in metrics}


def group_resamples(groups: np.ndarray, num_resamples: int, seed: int) -> Iterator[np.ndarray]:
    """How often each image was drawn, (some resamples, N) float64, chunk by chunk."""
    names, index = np.unique(groups, return_inverse=True)
    generator = np.random.default_rng(seed)
    for start in range(0, num_resamples, chunk := max(1, _CHUNK_BYTES // (8 * len(index)))):
        rows = min(chunk, num_resamples - start)
        drawn = generator.integers(0, len(names), size=(rows, len(names)))
        flat = drawn + len(names) * np.arange(rows)[:, None]
        counts = np.bincount(flat.ravel(), minlength=rows * len(names)).reshape(rows, -1)
        yield counts[:, index].astype(np.float64)


def tally(
    scores: np.ndarray, positives: np.ndarray, counts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How many positives and negatives of each resample hold each distinct score.

    Returns the distinct `scores` in rising order, (U,), and two (resamples, U) arrays.
    """
    order = np.argsort(scores, kind="stable")
    distinct, starts = np.unique(scores[order], return_index=True)
    in_order = counts[:, order]
    num_all = np.add.reduceat(in_order, starts, axis=1)
    num_positive = np.add.reduceat(in_order * positives[order], starts, axis=1)
    return distinct, num_positive, num_all - num_positive


def _aurocs(scores: np.ndarray, positives: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """AUROC of each resample, (resamples,): the share of pairs in order, where a tie is half."""
    _, num_positive, num_negative = tally(scores, positives, counts)
    below = num_negative.cumsum(axis=1) - num_negative / 2
    num_pairs = num_positive.sum(axis=1) * num_negative.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return (num_positive * below).sum(axis=1) / num_pairs


def _scorer(
    labels: np.ndarray, probs: np.ndarray, threshold: float | None, metrics: Sequence[str]
) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """A function from counts (resamples, N) to {metric: (resamples,)}."""
    num_images, num_classes = probs.shape
    cells = labels * num_classes + m.predicted(probs, threshold)
    to_cells = csr_array(
        (np.ones(num_images), (cells, np.arange(num_images))), (num_classes**2, num_images)
    )
    means = {"brier": m.image_brier(labels, probs), "log_loss": m.image_log_loss(labels, probs)}
    columns = [1] if num_classes == 2 else np.unique(labels)

    def score(counts: np.ndarray) -> dict[str, np.ndarray]:
        matrices = (to_cells @ counts.T).T.reshape(-1, num_classes, num_classes)
        scores = m.scores_of_confusion(matrices)
        scores |= {name: counts @ values / counts.sum(axis=1) for name, values in means.items()}
        if "auroc" in metrics:
            each = np.stack([_aurocs(probs[:, c], labels == c, counts) for c in columns])
            defined = ~np.isnan(each)
            with np.errstate(invalid="ignore"):
                scores["auroc"] = np.where(defined, each, 0).sum(axis=0) / defined.sum(axis=0)
        return {name: scores[name] for name in metrics}

    return score


def _percentiles(values: np.ndarray, tail: float) -> tuple[float, float]:
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)
