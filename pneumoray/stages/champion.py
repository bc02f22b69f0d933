"""The best trial of each family becomes a Bundle, and a registered model with the alias champion."""

from pathlib import Path

import numpy as np

from pneumoray import artifact, bundle, checkpoint
from pneumoray.evaluation import calibration
from pneumoray.journal import Journal, latest
from pneumoray.predictions import Predictions
from pneumoray.study import Study
from pneumoray.study_folder import StudyFolder
from pneumoray.training.trial import ended
from pneumoray.voting import Candidate, champions

_LACKING = ("failed", "damaged")  # outcomes that give no candidate


def register(study: Study, folder: StudyFolder, journal: Journal, promote: bool) -> None:
    """Bundle and register the best trial of each family that was trained to its full budget.

    A family whose best trial was bundled before is left as it is.
    """
    noted = latest(folder.journal, "model", "name")
    for candidate in champions_of(folder):
        state = checkpoint.read_state(folder.trial(candidate.trial))
        assert state.best is not None
        origin = {"trial": candidate.trial, "epoch": state.best.epoch, "study": study.name}
        target = folder.path / "models" / candidate.family
        name = f"pneumoray-{study.name}-{candidate.family}"
        if noted.get(name, {}).get("origin") == origin and not promote:
            continue
        save_single(folder, candidate, target, origin)
        journal.append(
            "model",
            name=name,
            origin=origin,
            family=candidate.family,
            trial=candidate.trial,
            bundle=str(target),
            val_auroc=candidate.rank[0],
            val_digest=val_digest(candidate.val),
            promote=promote,
        )


def champions_of(folder: StudyFolder) -> list[Candidate]:
    """The best fully trained trial of each family; empty where none is."""
    found = candidates(folder)
    return champions(found, top=len(found)) if found else []


def candidates(folder: StudyFolder) -> list[Candidate]:
    """Every trial of the study that was trained to its full budget."""
    rows = folder.rows()
    lacking = {row.config.config_id for row in rows if row.outcome in _LACKING}
    found = []
    for row in rows:
        best = row.state.best
        if (
            row.outcome in _LACKING
            or not ended(row.config, row.state, row.config.epochs)
            or not best
        ):
            continue
        found.append(
            Candidate(
                trial=row.trial,
                config_id=row.config.config_id,
                family=row.family,
                backbone=row.backbone,
                rank=best.rank,
                val=checkpoint.val_predictions(folder.trial(row.trial)),
                lacks_seeds=row.config.config_id in lacking,
            )
        )
    return found


def save_single(
    folder: StudyFolder, candidate: Candidate, target: Path, origin: dict[str, object]
) -> bundle.Bundle:
    """A bundle of one member that gives the very probabilities of validation.

    So its temperature stays 1, and the threshold is carried back to the scale of these.
    """
    val = candidate.val
    temperature, threshold = calibration.fit_operating_point(val.labels, val.probs, val.groups)
    if threshold is not None:
        scaled = np.array([[1 - threshold, threshold]])
        threshold = float(calibration.apply_temperature(scaled, 1 / temperature)[0, 1])
    described = bundle.Bundle(
        members=(member_of(folder, candidate),),
        classes=val.classes,
        threshold=threshold,
        info={"origin": origin, "val_auroc": candidate.rank[0]},
    )
    return bundle.save(described, [checkpoint.best_weights(folder.trial(candidate.trial))], target)


def member_of(folder: StudyFolder, candidate: Candidate) -> bundle.Member:
    state = checkpoint.read_state(folder.trial(candidate.trial))
    config = next(row.config for row in folder.rows() if row.trial == candidate.trial)
    return bundle.Member.of(config, candidate.trial, state.mean, state.std)


def val_digest(val: Predictions) -> str:
    """Equal for models that were validated on the same images with the same labels."""
    return artifact.digest([val.image_ids.tolist(), val.labels.tolist(), list(val.classes)])
