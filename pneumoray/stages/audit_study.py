"""audit_study: labels that a study's models contradict, and properties that tell its classes."""

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from pneumoray.data.manifest import Finding
from pneumoray.data.pack import Pack, open_pack
from pneumoray.data.properties import file_properties, outside_test, pixel_properties
from pneumoray.evaluation import label_errors, shortcuts
from pneumoray.evaluation.calibration import calibrate
from pneumoray.evaluation.metrics import auroc
from pneumoray.predictions import Predictions
from pneumoray.stages.champion import candidates
from pneumoray.stages.prepare import OnEvent
from pneumoray.study_folder import StudyFolder
from pneumoray.telling import tell
from pneumoray.voting import Candidate, champions, soft_vote
from pneumoray.workspace import Workspace, open_workspace


@dataclass(frozen=True)
class StudyAudit:
    """What a study's models and its Pack say of its labels.

    `suspects` are those of `label_errors.suspects`, `properties` those of
    `shortcuts.score_properties`, of `num_looked_at` images outside the test split.
    """

    study: str
    models: tuple[str, ...]  # the trials that judged
    val_auroc: float  # of their mean
    num_judged: int  # images of the validation split
    num_learned: int  # images of the train split, which the models learned from
    num_looked_at: int
    suspects: pd.DataFrame
    properties: pd.DataFrame
    findings: list[Finding]

    def images_table(self) -> pd.DataFrame:
        """The suspects beside the finding that names them, and their split."""
        about = pd.DataFrame({"finding": "label-error", "severity": "note"}, self.suspects.index)
        table = pd.concat([about, self.suspects], axis=1)
        table.insert(3, "split", "val")
        return table


def audit_study(
    study: str | None = None,
    workspace: Path | str | None = None,
    on_event: OnEvent = tell,
) -> StudyAudit:
    """Likely label errors in a study's validation split, and shortcuts in train and validation.

    The models are the champions' configurations with all their seeds; their probabilities are
    averaged, each calibrated first, so that a weak model says little. No weight has learned from a
    validation label, though epochs and champions were chosen by them. Nothing of the test split is
    looked at. Raises StudyError where no trial has ended, DataError where the Pack is gone.
    """
    place = open_workspace(workspace, to_write=False)
    folder = place.find(study)
    judges = _judges(folder, on_event)
    val = soft_vote([_calibrated(judge.val) for judge in judges])
    pack = _pack(place, folder)
    suspects = label_errors.suspects(val)
    score = auroc(val.labels, val.probs)
    doubted = label_errors.findings(suspects, len(val.labels), score)
    rows = outside_test(pack.manifest)
    images = pack.manifest.images.iloc[rows]
    properties = shortcuts.score_properties(
        pd.concat([file_properties(images), pixel_properties(pack, rows)], axis=1),
        images["label"].to_numpy(),
        images["group"].to_numpy(dtype=str),
        pack.manifest.classes,
    )
    return StudyAudit(
        study=folder.name,
        models=tuple(judge.trial for judge in judges),
        val_auroc=score,
        num_judged=len(val.labels),
        num_learned=len(pack.rows("train")),
        num_looked_at=len(rows),
        suspects=suspects,
        properties=properties,
        findings=[*doubted, *shortcuts.findings(properties)],
    )


def _judges(folder: StudyFolder, on_event: OnEvent) -> list[Candidate]:
    """Every seed of the champions' configurations."""
    found = candidates(folder, on_event)
    chosen = {champion.config_id for champion in champions(found, len(found))}
    return [one for one in found if one.config_id in chosen]


def _calibrated(val: Predictions) -> Predictions:
    return replace(val, probs=calibrate(val.labels, val.probs))


def _pack(place: Workspace, folder: StudyFolder) -> Pack:
    """The study's pack of the largest images: all have the same rows."""
    hashes = folder.identity()["packs"].values()
    packs = [open_pack(place.packs / pack_hash[:16]) for pack_hash in hashes]
    return max(packs, key=lambda pack: pack.settings.num_bytes)
