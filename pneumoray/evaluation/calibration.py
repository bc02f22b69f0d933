"""Temperature and operating point, both fitted on validation predictions alone."""

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_softmax, logit
from sklearn.model_selection import StratifiedGroupKFold

from pneumoray.evaluation.intervals import group_resamples, tally
from pneumoray.predictions import SMALLEST_PROB, apply_temperature, log_probs

__all__ = ["apply_temperature", "calibrate", "fit_operating_point", "fit_temperature"]

TEMPERATURE_RANGE = (0.05, 20.0)
_NUM_RESAMPLES = 200


def fit_temperature(labels: np.ndarray, probs: np.ndarray) -> float:
    """The T that makes `softmax(log(probs) / T)` most likely (Guo et al., ICML 2017).

    `labels` (N,) int64, `probs` (N, C). The targets are Platt's: (n + 1) / (n + C) for the true
    class that has n images, the rest shared among the others. So separable predictions, where the
    likelihood alone would run to T = 0, keep a sober T; with many images nothing changes.
    """
    logs = log_probs(probs)
    targets = _targets(labels, probs.shape[1])

    def loss(log_temperature: float) -> float:
        scaled = log_softmax(logs / np.exp(log_temperature), axis=1)
        return -float((targets * scaled).sum(axis=1).mean())

    found = minimize_scalar(loss, bounds=np.log(TEMPERATURE_RANGE), method="bounded")
    return float(np.exp(found.x))


def calibrate(labels: np.ndarray, probs: np.ndarray) -> np.ndarray:
    """`softmax(log(probs) / T + intercepts)` that makes `labels` (N,) most likely, (N, C) float64.

    As `fit_temperature`, with an intercept a class: balanced class weights make a model answer as if
    all classes were as frequent, here they are as frequent as in `labels`. The images that are
    calibrated are those that it is fitted on.
    """
    logs = log_probs(probs)
    targets = _targets(labels, probs.shape[1])

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        scaled = log_softmax(values[0] * logs + values[1:], axis=1)
        excess = (np.exp(scaled) - targets) / len(labels)
        slope = np.append((excess * logs).sum(), excess.sum(axis=0))
        return -float((targets * scaled).sum(axis=1).mean()), slope

    coldest, hottest = TEMPERATURE_RANGE
    bounds = [(1 / hottest, 1 / coldest)] + [(None, None)] * probs.shape[1]
    start = np.append(1.0, np.zeros(probs.shape[1]))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return np.exp(log_softmax(found[0] * logs + found[1:], axis=1))


def _targets(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Platt's, (N, C): (n + 1) / (n + C) for the true class of n images, the others share the rest."""
    sizes = np.bincount(labels, minlength=num_classes)[labels, None]
    targets = np.full((len(labels), num_classes), 1.0) / (sizes + num_classes)
    targets[np.arange(len(labels)), labels] *= sizes[:, 0] + 1
    return targets


def fit_operating_point(
    labels: np.ndarray, probs: np.ndarray, groups: np.ndarray, folds: int = 5, seed: int = 0
) -> tuple[float, float | None]:
    """(temperature, threshold) for `apply_temperature(probs, temperature)[:, 1] >= threshold`.

    `groups` (N,) are the patients. The temperature is fitted on all predictions. The threshold is
    chosen on out-of-fold ones (grouped, stratified; fewer folds when a class has fewer groups),
    each scaled by a temperature that never saw its patient. None with more than two classes.
    Raises ValueError when only one of the two classes occurs.

    The threshold has to hold on another hospital's images, where prevalence differs and scores
    are shifted. Hence:
    - it maximises balanced accuracy (Youden's J), which does not depend on prevalence, while
      accuracy at 0.5 would build the share of pneumonia in this collection into every call;
    - a good model leaves a plateau of thresholds that do equally well within two standard errors,
      and its sharp maximum hangs on a few images. The middle of the plateau, in log-odds, keeps
      the same distance to both classes, so it tolerates the largest shift in either direction.
      Simulated with 171 normals, 531 pneumonias, three images a patient: the spread of the chosen
      threshold between validation sets falls from 0.47-0.92 to 0.37-0.60 in log-odds;
    - the median over bootstrap resamples of patients keeps one patient from deciding (in that
      simulation it changed little).
    Measured with logistic regression on PneumoniaMNIST: 0.67 against 0.5 has accuracy 0.944 against
    0.946 on its own test images, and 0.946 against 0.920 once they are made brighter and flatter.
    """
    temperature = fit_temperature(labels, probs)
    if probs.shape[1] != 2:
        return temperature, None
    if len(np.unique(labels)) < 2:
        raise ValueError(f"a threshold needs images of both classes, got only class {labels[0]}")
    scaled = _out_of_fold(labels, probs, groups, folds, seed)
    odds = logit(np.clip(scaled[:, 1], SMALLEST_PROB, 1 - SMALLEST_PROB))
    resamples = group_resamples(groups, _NUM_RESAMPLES, seed)
    middles = [_plateau_middles(odds, labels == 1, counts) for counts in resamples]
    return temperature, float(expit(np.median(np.concatenate(middles))))


def _out_of_fold(
    labels: np.ndarray, probs: np.ndarray, groups: np.ndarray, folds: int, seed: int
) -> np.ndarray:
    """`probs`, each scaled by the temperature of the folds that it is not in."""
    folds = min(folds, *(len(np.unique(groups[labels == c])) for c in np.unique(labels)))
    if folds < 2:
        return apply_temperature(probs, fit_temperature(labels, probs))
    scaled = np.empty(probs.shape)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for rest, held_out in splitter.split(probs, labels, groups):
        temperature = fit_temperature(labels[rest], probs[rest])
        scaled[held_out] = apply_temperature(probs[held_out], temperature)
    return scaled


def _plateau_middles(scores: np.ndarray, positives: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Middle of each resample's best plateau; a resample without both classes is left out."""
    distinct, num_positive, num_negative = tally(scores, positives, counts)
    both = num_positive.any(axis=1) & num_negative.any(axis=1)
    num_positive, num_negative = num_positive[both], num_negative[both]
    num_positives, num_negatives = num_positive.sum(1)[:, None], num_negative.sum(1)[:, None]
    # At threshold distinct[k], everything from column k on is called positive.
    sensitivity = 1 - (num_positive.cumsum(axis=1) - num_positive) / num_positives
    specificity = (num_negative.cumsum(axis=1) - num_negative) / num_negatives
    balanced = (sensitivity + specificity) / 2
    best = balanced.argmax(axis=1, keepdims=True)
    variances = _variance(sensitivity, num_positives)
    variances += _variance(specificity, num_negatives)
    two_errors = np.sqrt(variances)  # of a mean of two rates: twice the square root over two
    worse = balanced < np.take_along_axis(balanced - two_errors, best, axis=1)
    k = np.arange(len(distinct))
    left = np.where(worse & (k < best), k, 0).max(axis=1)
    right = np.where(worse & (k > best), k, len(distinct)).min(axis=1) - 1
    return (distinct[left] + distinct[right]) / 2


def _variance(rate: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Of an observed rate, with Laplace's one success and one failure added."""
    rate = (rate * number + 1) / (number + 2)
    return rate * (1 - rate) / number
