"""prepare: a folder or table of images -> the Packs of a study."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pneumoray import artifact, ray_job
from pneumoray.config import Config
from pneumoray.data import classes as ordering
from pneumoray.data import split
from pneumoray.data.audit import audit
from pneumoray.data.demo import make_demo
from pneumoray.data.folder import scan
from pneumoray.data.manifest import FILE_COLUMNS, Finding, Manifest
from pneumoray.data.near_copies import find_near_copies, read_thumbnails
from pneumoray.data.pack import ImageSettings, Pack, is_made, make_pack
from pneumoray.data.photographs import make_photographs
from pneumoray.data.properties import file_properties, outside_test
from pneumoray.data.pseudonyms import Pseudonyms
from pneumoray.data.ranges import decide
from pneumoray.data.read import MapShards, map_threads
from pneumoray.data.rules import Rules
from pneumoray.errors import DataError
from pneumoray.evaluation import shortcuts
from pneumoray.study import Study
from pneumoray.workspace import Workspace

OnEvent = Callable[[dict[str, Any]], None]
GENERATED: dict[
    str, tuple[str, Callable[[Path], Path]]
] = {  # what a study's `data` may name beside a place: where it is made, and by what
    "synthetic": ("demo-data", make_demo),
    "photographs": ("demo-photographs", make_photographs),
}


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
        if given and (wrong := ray_job.why_misplaced(given)):
            raise DataError(f"data {wrong}")
    place, root = Path(named).expanduser(), images
    if str(named) in GENERATED:
        folder, make = GENERATED[str(named)]
        place = make(workspace.root / folder)
    elif from_study and study.images and images is None:
        root = Path(study.images).expanduser()
    manifest, findings = scan(place, root, study, Pseudonyms(workspace.root))
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
    tell_understood(manifest, on_event)
    tell_positive(manifest, study.positive, on_event)
    tell_patients(findings, on_event)
    if study.join_near_copies:
        manifest = _near_joined(manifest, workspace, map_shards, on_event)
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
            pixel_range=study.pixel_range,
        )
    return Prepared(packs, noticed)


def _near_joined(
    manifest: Manifest, workspace: Workspace, map_shards: MapShards, on_event: OnEvent
) -> Manifest:
    """With near copies in one group, the same for every pack of the images.

    What they are is remembered, so that a study goes on without reading its images for it.
    """
    files = manifest.images[["id", *FILE_COLUMNS]].to_csv(index=False)
    answer = workspace.packs / "near-copies" / f"{artifact.digest(files)[:32]}.json"
    if not answer.exists():
        read, _, thumbnails = read_thumbnails(manifest, map_shards, on_event)
        artifact.write_json(answer, find_near_copies(read, thumbnails))
    return split.join_pairs(manifest, artifact.read_json(answer, "delete it"))


def is_packed(
    study: Study, manifest: Manifest, settings: ImageSettings, workspace: Workspace
) -> bool:
    """Whether `pack_images` has packed these images so already."""
    key = _fractions(study)
    return is_made(manifest, settings, workspace.packs, key=key, pixel_range=study.pixel_range)


def _fractions(study: Study) -> dict[str, Any]:
    return {
        "val_fraction": study.val_fraction,
        "test_fraction": study.test_fraction,
        "seed": study.split_seed,
    }


def tell_understood(manifest: Manifest, on_event: OnEvent) -> None:
    """Show what each folder, or column of a table, was taken for, before anything is read."""
    lines = [asdict(line) for line in manifest.understood]
    on_event({"type": "understood", "lines": lines})


def tell_positive(manifest: Manifest, chosen: str | None, on_event: OnEvent) -> None:
    """Say in a note which of two classes is the positive one."""
    if manifest.positive is not None:
        on_event({"type": "note", "text": ordering.described(manifest.classes, chosen)})


def tell_patients(findings: Iterable[Finding], on_event: OnEvent) -> None:
    """Say in a note by which known rule the patients are known, where the user named none."""
    for finding in findings:
        if finding.kind == "patient-rule":
            on_event({"type": "note", "text": finding.message})


def audit_images(
    data: Path, images: Path | None, rules: Rules, workspace: Workspace, on_event: OnEvent
) -> tuple[Manifest, list[Finding]]:
    """The readable images of a folder or table, and every Finding; reads each once.

    Nothing is kept but, of DICOM, what its ids stand for (`Pseudonyms`).
    """
    manifest, findings = scan(data, images, rules, Pseudonyms(workspace.root))
    tell_understood(manifest, on_event)
    tell_positive(manifest, rules.positive, on_event)
    read, unreadable, thumbnails = read_thumbnails(manifest, on_event=on_event)
    _, of_ranges = decide(read.images, rules.pixel_range)
    near = find_near_copies(read, thumbnails)
    if rules.join_near_copies:
        read = split.join_pairs(read, near)
    return read, audit(read, [*findings, *unreadable, *of_ranges, *_shortcuts(read)], near=near)


def _shortcuts(manifest: Manifest) -> list[Finding]:
    """What properties of the files tell of the class outside the test split; `audit` tells of depth
    and polarity itself.
    """
    images = manifest.images.iloc[outside_test(manifest)]
    properties = file_properties(images).drop(columns=["depth", "polarity"], errors="ignore")
    labels, groups = images["label"].to_numpy(), images["group"].to_numpy(dtype=str)
    scores = shortcuts.score_properties(properties, labels, groups, manifest.classes)
    return shortcuts.findings(scores)
