"""The best trial of each family becomes a Bundle, and a registered model with the alias champion."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from pneumoray import artifact, bundle, checkpoint, tracking, words
from pneumoray.errors import StudyError, WorkspaceError
from pneumoray.evaluation import calibration
from pneumoray.journal import Journal, latest
from pneumoray.predictions import Predictions
from pneumoray.stages.checks import check_code
from pneumoray.stages.prepare import OnEvent
from pneumoray.study import Study
from pneumoray.study_folder import StudyFolder, TrialRow
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


def register(
    study: Study, folder: StudyFolder, journal: Journal, promote: bool, on_event: OnEvent
) -> None:
    """Bundle the best trial of each family that was trained to its full budget, and note it.

    A family whose best trial was bundled before is left as it is; one whose trial is damaged is left
    out, and told. What a registered model is called is decided where it is sent.
    """
    noted = latest(folder.journal, "model", "family")
    for candidate in champions_of(folder, on_event):
        state = checkpoint.read_state(folder.trial(candidate.trial))
        assert state.best is not None
        origin = {"trial": candidate.trial, "epoch": state.best.epoch, "study": study.name}
        target = folder.path / MODELS / candidate.family
        if noted.get(candidate.family, {}).get("origin") == origin and not promote:
            continue
        check_code(folder, [candidate.trial])
        try:
            save_single(folder, candidate, target, origin)
        except WorkspaceError as error:
            on_event({"type": "note", "text": f"not registered: {error}"})
            continue
        journal.append(
            "model",
            origin=origin,
            family=candidate.family,
            trial=candidate.trial,
            bundle=target,
            val_auroc=candidate.rank[0],
            val_digest=val_digest(candidate.val),
            promote=promote,
        )


def champions_of(folder: StudyFolder, on_event: OnEvent) -> list[Candidate]:
    """The best fully trained trial of each family; empty where none is."""
    found = candidates(folder, on_event)
    return champions(found, top=len(found)) if found else []


def candidates(folder: StudyFolder, on_event: OnEvent) -> list[Candidate]:
    """Every trial of the study that was trained to its full budget.

    One whose predictions are damaged is told, and is as one that failed.
    """
    rows = folder.rows()
    vals = _val_predictions(folder, rows, on_event)
    trained = [row for row in rows if row.trial in vals]
    lacking = {
        row.config.config_id
        for row in rows
        if row.outcome in _LACKING or (_is_trained(row) and row.trial not in vals)
    }
    found = []
    for row in trained:
        best = row.state.best
        assert best is not None
        found.append(
            Candidate(
                trial=row.trial,
                config_id=row.config.config_id,
                family=row.family,
                backbone=row.backbone,
                rank=best.rank,
                val=vals[row.trial],
                lacks_seeds=row.config.config_id in lacking,
            )
        )
    return found


def _val_predictions(
    folder: StudyFolder, rows: Iterable[TrialRow], on_event: OnEvent
) -> dict[str, Predictions]:
    """Of each trial that was trained to its full budget, but for damaged ones, which are told."""
    found = {}
    for row in filter(_is_trained, rows):
        try:
            found[row.trial] = checkpoint.val_predictions(folder.trial(row.trial))
        except WorkspaceError as error:
            on_event({"type": "note", "text": f"left out: {error}"})
    return found


def _is_trained(row: TrialRow) -> bool:
    is_whole = row.outcome not in _LACKING and row.state.best is not None
    return is_whole and ended(row.config, row.state, row.config.epochs)


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
