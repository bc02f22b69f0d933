"""prepare: a folder or table of images -> the Packs of a study."""

import os
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pneumoray import checkpoint, ray_job
from pneumoray.config import Config
from pneumoray.data import classes as ordering
from pneumoray.data import split
from pneumoray.data.audit import audit
from pneumoray.data.demo import make_demo
from pneumoray.data.folder import matched_patients, scan
from pneumoray.data.manifest import Finding, Manifest
from pneumoray.data.pack import ImageSettings, Pack, is_made, make_pack
from pneumoray.data.photographs import make_photographs
from pneumoray.data.read import map_threads, read_facts
from pneumoray.errors import DataError, StudyError, WorkspaceError
from pneumoray.journal import latest
from pneumoray.models import own_code, weights
from pneumoray.study import Study, optional_backbones, without_backbones
from pneumoray.study_folder import StudyFolder
from pneumoray.workspace import Workspace

OnEvent = Callable[[dict[str, Any]], None]
GENERATED: dict[
    str, tuple[str, Callable[[Path], Path]]
] = {  # what a study's `data` may name beside a place: where it is made, and by what
    "synthetic": ("demo-data", make_demo),
    "photographs": ("demo-photographs", make_photographs),
}
_NAMED = 3  # examples in a message


@dataclass(frozen=True)
class Prepared:
    """The Packs that a study's configurations look at, and what was noticed on the way."""

    packs: dict[ImageSettings, Pack]
    findings: list[Finding]

    def pack_of(self, config: Config) -> Pack:
        return self.packs[settings_of(config)]

    @property
    def first(self) -> Pack:
        return next(iter(self.packs.values()))

    @property
    def hashes(self) -> dict[str, str]:
        return {_label(settings): pack.hash for settings, pack in self.packs.items()}


def settings_of(config: Config) -> ImageSettings:
    return ImageSettings(config.image_size, config.image_fit, config.color, config.crop_fraction)


def _label(settings: ImageSettings) -> str:
    part = f" {settings.crop_fraction:g}" if settings.crop_fraction < 1 else ""
    return f"{settings.size}px {settings.fit}{part} {settings.color}"


def list_images(
    study: Study, data: Path | None, images: Path | None, workspace: Workspace
) -> tuple[Manifest, list[Finding]]:
    """The images that --data, the study or PNEUMORAY_DATA names, in this order; nothing is decoded.

    Raises DataError when none of them does.
    """
    from_study = data is None and study.data
    named = data or study.data or os.environ.get("PNEUMORAY_DATA")
    if not named:
        raise DataError(
            f"study {study.name} names no data: give --data DIR (or --data TABLE.csv --images DIR), "
            "set data: in the study, or set PNEUMORAY_DATA (as 'cluster/start-head.sh --data DIR' does "
            "for every job); '--study demo' brings its own"
        )
    for given in (named, images) if str(named) not in GENERATED else ():
        if given and (wrong := ray_job.misplaced(given)):
            raise DataError(f"data {wrong}")
    place, root = Path(named).expanduser(), images
    if str(named) in GENERATED:
        folder, make = GENERATED[str(named)]
        place = make(workspace.root / folder)
    elif from_study and study.images and images is None:
        root = Path(study.images).expanduser()
    manifest, findings = scan(place, root, study.patient_rule, study.positive)
    if study.max_images is not None:
        manifest = split.subset(manifest, study.max_images, study.split_seed)
    return manifest, findings


def pack_images(
    study: Study,
    configs: Iterable[Config],
    listed: tuple[Manifest, Sequence[Finding]],
    workspace: Workspace,
    *,
    map_shards: Any = map_threads,
    on_event: OnEvent,
) -> Prepared:
    """Pack the images once for each way that the configurations look at them."""
    manifest, findings = listed
    tell_positive(manifest, study.positive, on_event)
    fractions = _fractions(study)
    packs, noticed = {}, list(findings)
    for settings in dict.fromkeys(settings_of(config) for config in configs):
        packs[settings], noticed = make_pack(
            manifest,
            findings,
            settings,
            workspace.packs,
            resplit=partial(split.resplit, **fractions),
            key=fractions,
            map_shards=map_shards,
            on_event=on_event,
        )
    return Prepared(packs, noticed)


def is_packed(
    study: Study, manifest: Manifest, settings: ImageSettings, workspace: Workspace
) -> bool:
    """Whether `pack_images` has packed these images so already."""
    return is_made(manifest, settings, workspace.packs, key=_fractions(study))


def _fractions(study: Study) -> dict[str, Any]:
    return {
        "val_fraction": study.val_fraction,
        "test_fraction": study.test_fraction,
        "seed": study.split_seed,
    }


def check_patients(manifest: Manifest, no_patients: bool) -> None:
    """Refuse images of unknown patients: a split of them might put one patient on both sides.

    Raises DataError unless a patient is known of some image, or `no_patients` allows none.
    """
    if not matched_patients(manifest) and not no_patients:
        raise DataError(
            "no patient is known of any image (no table column, and patient_rule matches no file "
            f"name such as {Path(manifest.images['id'].iloc[0]).name}): --set patient_rule=REGEX, "
            "or say with --no-patients that every image is a patient of its own"
        )


def check_outputs(configs: Iterable[Config], classes: Sequence[str]) -> None:
    """Refuse one logit where there are more than two classes."""
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
        more = f" and {len(shared) - _NAMED} more" if len(shared) > _NAMED else ""
        raise DataError(
            f"{len(shared)} patients or copies are in test and in train: "
            f"{', '.join(shared[:_NAMED])}{more}; 'pneumoray audit --json' lists their images: "
            "move them to one split, or mark every run with --allow-leaks"
        )
    return bool(shared)


def leave_out_missing(study: Study, on_event: OnEvent) -> Study:
    """The study without optional backbones whose pretrained weights can't be had here."""
    missing = [
        name
        for name, where in optional_backbones(study)
        if where != "none" and not weights.available(name, where)
    ]
    if not missing:
        return study
    on_event({"type": "note", "text": f"left out, for want of their weights: {', '.join(missing)}"})
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


def tell_positive(manifest: Manifest, chosen: str | None, on_event: OnEvent) -> None:
    """Say in a note which of two classes is the positive one."""
    if manifest.positive is not None:
        on_event({"type": "note", "text": ordering.described(manifest.classes, chosen)})


def audit_images(
    data: Path, images: Path | None, patient_rule: str, positive: str | None, on_event: OnEvent
) -> tuple[Manifest, list[Finding]]:
    """The readable images of a folder or table, and every Finding; reads each once, keeps nothing."""
    manifest, findings = scan(data, images, patient_rule, positive)
    tell_positive(manifest, positive, on_event)
    read, unreadable = read_facts(manifest, on_event=on_event)
    return read, audit(read, [*findings, *unreadable])
