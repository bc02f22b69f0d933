"""What MLflow's pages say in words of a run and of a model, from the journal's records."""

import math
from collections.abc import Mapping
from typing import Any

Record = dict[str, Any]

_ENDS = {"cut": " Cut by the race.", "interrupted": " Interrupted."}


def of_study(summary: Record) -> str:
    """What came out of a study in two sentences, and the command that comes next."""
    best, vote = summary["best"], summary["vote"]
    ends = f"{summary['num_trained']} trained, {summary['num_cut']} cut by the race, "
    ends += f"{summary['num_failed']} failed"
    told = f"No trial has a score ({ends})."
    if best["val_auroc"] is not None:
        seeds = best["num_seeds"]
        means = f" (means of {seeds} seeds)" if seeds > 1 else ""
        told = (
            f"Best on validation is {best['name']} with AUROC {_score(best['val_auroc'])} and accuracy "
            f"{_score(best['val_accuracy'])}{means}, of the study's trials ({ends})."
        )
    opened = "No vote has opened the test split yet."
    if vote is not None:
        times = "once" if vote["openings"] == 1 else f"{vote['openings']} times"
        opened = (
            f"The vote of {', '.join(vote['members'])} has {_tested(vote)} on the {vote['num_images']} "
            f"test images, opened {times}."
        )
    where = "with --workspace, where it is not ./pneumoray-workspace"
    return f"{told} {opened}\n\nNext ({where}): `{summary['next']}`"


def of_trial(end: Record) -> str | None:
    """A trial's best epoch and how it ended; None where it ended before its first epoch."""
    best = end.get("best")
    if end["outcome"] == "failed":
        return f"Failed: {end.get('reason')}"
    if not best:
        return None
    scores = f"AUROC {_score(best.get('val_auroc'))}, accuracy {_score(best.get('val_accuracy'))}"
    return f"Best on validation at epoch {best['epoch']}: {scores}.{_ENDS.get(end['outcome'], '')}"


def voters(vote: Record) -> str:
    """A vote's members by their backbones: 'vgg11_bn, resnet18'."""
    return ", ".join(one.get("backbone", one["name"]) for one in vote["report"]["members"])


def of_vote(vote: Record, study: str) -> str:
    """A vote's members and its scores."""
    return (
        f"Soft vote of {voters(vote)} of study {study}: {_tested(vote['report']['vote'])} "
        f"on test, AUROC {_score(vote['val_auroc'])} on validation."
    )


def of_champion(model: Record, study: str) -> str:
    """A version of a registered model that holds one trial."""
    family = f"Best {model['family']} of" if model.get("family") else "Of"
    auroc = _score(model["val_auroc"])
    return f"{family} study {study}: trial {model['trial']}, AUROC {auroc} on validation."


def of_model(name: str, alias: str) -> str:
    """A registered model as a whole: which version to take, and how."""
    return (
        f"The version to use has the alias `{alias}`. It takes images as bytes:\n\n"
        f'    model = mlflow.pyfunc.load_model("models:/{name}@{alias}")\n'
        '    model.predict([open("film.jpeg", "rb").read()])\n'
    )


def _tested(scores: Mapping[str, Any]) -> str:
    """'AUROC 0.981 [0.94, 1.00] and accuracy 0.875 [0.78, 0.95]'."""
    told = []
    for name, title in (("auroc", "AUROC"), ("accuracy", "accuracy")):
        low, high = scores.get("intervals", {}).get(name, (None, None))
        ends = "" if low is None or high is None else f" [{low:.2f}, {high:.2f}]"
        told.append(f"{title} {_score(scores[name])}{ends}")
    return " and ".join(told)


def _score(value: float | None) -> str:
    return "undefined" if value is None or math.isnan(value) else f"{value:.3f}"
