"""What is refused, or left out of a study, before anything trains."""

import shlex
from collections.abc import Iterable, Sequence

from pneumoray import checkpoint
from pneumoray.config import Config
from pneumoray.data import split
from pneumoray.data.leaks import leak_pairs
from pneumoray.data.manifest import Manifest
from pneumoray.data.patients import KNOWN, unknown_patients
from pneumoray.errors import DataError, StudyError, WorkspaceError, counted, some_of
from pneumoray.grid import configurations
from pneumoray.journal import latest
from pneumoray.models import own_code, weights
from pneumoray.stages.prepare import OnEvent
from pneumoray.study import Study, optional_backbones, without_backbones
from pneumoray.study_folder import StudyFolder

_NAMED = 3  # pairs in the message about a leak


def check_listed(
    manifest: Manifest, configs: Sequence[Config], no_patients: bool, allow_leaks: bool
) -> None:
    """Refuse what shows before an image is read; copies in two splits show afterwards."""
    check_patients(manifest, no_patients)
    check_leaks(manifest, allow_leaks)
    check_networks(configs, manifest.classes)


def check_patients(manifest: Manifest, no_patients: bool) -> None:
    """Refuse images of unknown patients: a split of them might put one patient on both sides.

    Raises DataError unless a patient is known of nine in ten images, or `no_patients` allows fewer.
    """
    if (unknown := unknown_patients(manifest)) and not no_patients:
        raise DataError(
            f"{unknown}: say --set patient_rule=RULE (a regular expression on the path below the data "
            f"folder, or {', '.join(KNOWN)}), give a table with a column patient, or say with "
            "--no-patients that each image of an unknown patient is a patient of its own"
        )


def check_networks(configs: Sequence[Config], classes: Sequence[str]) -> None:
    """Refuse own code that a model can't bring, and one logit where there are more than two classes."""
    own_code.find({config.backbone for config in configs})
    for config in configs:
        if config.output == "sigmoid" and len(classes) > 2:
            raise StudyError(
                f"{config.backbone} has output sigmoid, one logit for two classes, and the data has "
                f"{len(classes)} classes: use output: softmax"
            )


def check_unchanged(folder: StudyFolder, classes: Sequence[str], trials: Iterable[str]) -> None:
    """Refuse to go on with a study whose classes or own code are others than when it began."""
    check_order(folder, classes)
    check_code(folder, trials)


def check_order(folder: StudyFolder, classes: Sequence[str]) -> None:
    """Refuse to go on with a study whose positive class was the other one of the two."""
    before = latest(folder.journal, "study", "study").get(folder.name, {}).get("pack", {})
    if list(classes) == before.get("classes", [])[::-1] and len(classes) == 2:
        raise StudyError(
            f"study {folder.name} was trained with the positive class {classes[0]}, and now it is "
            f"{classes[1]}: go on with --positive {shlex.quote(classes[0])}, or start over with --fresh"
        )


def check_code(folder: StudyFolder, trials: Iterable[str]) -> None:
    """Refuse what is trained of a backbone in own code that has changed since its trial began.

    A trial without an epoch may begin again, as when its code is mended that broke.
    """
    begun = latest(folder.journal, "trial", "trial")
    for trial in trials:
        record = begun.get(trial, {})
        before = record.get("code")  # none of trials that began before it was written down
        if (
            before
            and _is_trained(folder, trial)
            and own_code.find([record["backbone"]]).digest != before
        ):
            raise StudyError(
                f"the code of backbone {record['backbone']}, or what it imports, has changed since "
                f"trial {trial} began: put it back, name the study anew (--set name=...), or start "
                "over with --fresh"
            )


def _is_trained(folder: StudyFolder, trial: str) -> bool:
    """Whether the trial has an epoch that can be read; one that can't fails alone, when it is run."""
    try:
        return checkpoint.read_state(folder.trial(trial)).epoch > 0
    except WorkspaceError:
        return False


def check_leaks(manifest: Manifest, allow_leaks: bool) -> bool:
    """Whether the given test split shares groups with the rest. Raises DataError unless allowed."""
    shared = split.leaks(manifest)
    if shared and not allow_leaks:
        pairs = [" and ".join(pair) for pair in leak_pairs(manifest.images)]
        raise DataError(
            f"patients or copies are in test and in train, {counted(len(shared), 'group')} in "
            f"{counted(len(pairs), 'pair')} of images: {some_of(pairs, _NAMED)}; 'pneumoray audit DATA "
            "--csv FILE' lists all: move one image of each to the other's split, or mark every run with "
            "--allow-leaks"
        )
    return bool(shared)


def leave_out_missing(study: Study, folder: StudyFolder | None, on_event: OnEvent) -> Study:
    """The study without optional backbones whose pretrained weights can't be had here.

    One that has ended an epoch in `folder` stays, as a checkpoint needs them no more. None: the study
    begins anew.
    """
    missing = [
        name
        for name, where in optional_backbones(study)
        if where != "none" and not weights.available(name, where)
    ]
    if missing and folder is not None:
        ours = [config for config in configurations(study) if config.backbone in missing]
        begun = {c.backbone for c in ours if checkpoint.is_begun(folder.trial(c.trial_id))}
        missing = [name for name in missing if name not in begun]
    if not missing:
        return study
    on_event(
        {
            "type": "note",
            "text": f"left out, because their weights are not here: {', '.join(missing)}",
        }
    )
    return without_backbones(study, missing)


def check_weights(configs: Sequence[Config], *, fetch: bool = True) -> None:
    """Raise WeightsError now rather than in the middle of a race.

    Without `fetch` they are not read, and nothing is downloaded.
    """
    wanted = dict.fromkeys((c.backbone, c.weights, c.in_chans) for c in configs)
    pretrained = [one for one in wanted if one[1] != "none"]
    for backbone, where, _ in pretrained:  # all of them, before the first is downloaded
        weights.check(backbone, where)
    for backbone, where, in_chans in pretrained if fetch else ():
        weights.find(backbone, where, in_chans)
