"""What people read where a score stands: the metric's name, and the class that it counts."""

_TITLES = {"auroc": "AUROC", "f1": "F1", "brier": "Brier", "log_loss": "log loss"}
_OF_A_CLASS = ("sensitivity", "specificity", "precision", "f1", "threshold")


def title(metric: str, positive: str | None = None) -> str:
    """'sensitivity (PNEUMONIA)', 'AUROC': what depends on the positive class names it.

    `metric` is one of METRICS, or threshold. `positive` is None with several classes, whose scores
    are averages over all of them.
    """
    name = _TITLES.get(metric, metric)
    return f"{name} ({positive})" if positive is not None and metric in _OF_A_CLASS else name
