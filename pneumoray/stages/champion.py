"""The best trial of each family becomes a Bundle, and a registered model with the alias champion."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from pneumoray import artifact, bundle, checkpoint, tracking, words
from pneumoray.errors import StudyError
from pneumoray.evaluation import calibration
from pneumoray.journal import Journal, latest
from pneumoray.predictions import Predictions
from pneumoray.stages.checks import check_code
from pneumoray.study import Study
from pneumoray.study_folder import StudyFolder
from pneumoray.training.trial import ended
from pneumoray.voting import Candidate, champions
from pneumoray.workspace import Workspace

MODELS = "models"  # of a study's folder: a bundle a family
_LACKING = ("failed", "damaged")  # outcomes that give no candidate


def check_names(
    place: Workspace, study: str, families: Iterable[str], settings: tracking.Settings
) -> None:
    """Raise StudyError where a folder or a model of `study` would be one with another study's.

    Family c of study a-b, and family b-c of study a, are both registered as pneumoray-a-b-c.
    """
    others = [name for name in place.studies() if name != study]
    for other in others:
        if words.twins([other, study]):
            raise StudyError(
                f"studies {other} and {study} would be one folder on some systems: take another name "
                "(--set name=...)"
            )
    ours = {settings.model_name(study, family): family for family in (*families, words.VOTE)}
    for other in others:
        bundles = (place.study(other).path / MODELS).glob("*/bundle.json")
        for family in (*(file.parent.name for file in bundles), words.VOTE):
            if (name := settings.model_name(other, family)) in ours:
                raise StudyError(
                    f"registered model {name} is family {family} of study {other}, and would be family "
                    f"{ours[name]} of study {study} too: rename the study (--set name=...) or the family"
                )


def register(study: Study, folder: StudyFolder, journal: Journal, promote: bool) -> None:
    """Bundle and register the best trial of each family that was trained to its full budget.

    A family whose best trial was bundled before is left as it is.
    """
    noted = latest(folder.journal, "model", "name")
    for candidate in champions_of(folder):
        state = checkpoint.read_state(folder.trial(candidate.trial))
        assert state.best is not None
        origin = {"trial": candidate.trial, "epoch": state.best.epoch, "study": study.name}
        target = folder.path / MODELS / candidate.family
        name = f"pneumoray-{study.name}-{candidate.family}"
        if noted.get(name, {}).get("origin") == origin and not promote:
            continue
        check_code(folder, [candidate.trial])
        save_single(folder, candidate, target, origin)
        journal.append(
            "model",
            name=name,
            origin=origin,
            family=candidate.family,
            trial=candidate.trial,
            bundle=target,
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
    weights = checkpoint.best_weights(folder.trial(candidate.trial))
    return bundle.save(described, [weights], target, root=folder.path / MODELS)


def member_of(folder: StudyFolder, candidate: Candidate) -> bundle.Member:
    state = checkpoint.read_state(folder.trial(candidate.trial))
    config = next(row.config for row in folder.rows() if row.trial == candidate.trial)
    return bundle.Member.of(config, candidate.trial, state.mean, state.std, state.ranges)


def val_digest(val: Predictions) -> str:
    """Equal for models that were validated on the same images with the same labels."""
    return artifact.digest([val.image_ids.tolist(), val.labels.tolist(), list(val.classes)])
