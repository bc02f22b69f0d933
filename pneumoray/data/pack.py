"""All pixels of a Manifest at one size: decoded once, content-addressed, memory-mapped."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pneumoray import artifact, root
from pneumoray.data.audit import audit, in_order
from pneumoray.data.draft import Earlier, fill_draft, read_rows
from pneumoray.data.image import ImageSettings
from pneumoray.data.manifest import FACT_COLUMNS, Finding, Manifest
from pneumoray.data.near_copies import find_near_copies, thumbnails_of
from pneumoray.data.pseudonyms import hidden
from pneumoray.data.read import Event, MapShards, Read, map_threads, read_facts, read_images
from pneumoray.data.said import Range
from pneumoray.data.split import regroup
from pneumoray.errors import DataError, PneumorayError, WorkspaceError

__all__ = ["ImageSettings", "Pack", "make_pack", "open_pack", "read_facts"]

VERSION = 1  # of how pixels are made: another number, and every pack is made anew
PIXELS = "pixels.u8"
ABOUT = "pack.json"


@dataclass(frozen=True, eq=False)
class Pack:
    """Pixels (N, H, W, C) uint8, read-only; row i shows image i of the manifest.

    Paths of images that lie in the pack's own workspace are relative to that.
    """

    path: Path
    hash: str
    settings: ImageSettings
    manifest: Manifest
    pixels: np.ndarray

    def rows(self, split: str) -> np.ndarray:
        """Row numbers of one split, in order."""
        return np.flatnonzero(self.manifest.images["split"].to_numpy() == split)

    def train_statistics(self) -> tuple[list[float], list[float]]:
        """Mean and standard deviation of each channel over the train split; pixels in [0, 1]."""
        counts = np.zeros((self.settings.shape[2], 256), dtype=np.int64)
        for chunk in np.array_split(rows := self.rows("train"), len(rows) // 256 + 1):
            for channel in range(len(counts)):
                values = self.pixels[chunk, :, :, channel].ravel()
                counts[channel] += np.bincount(values, minlength=256)
        levels = np.arange(256) / 255
        weights = counts / counts.sum(axis=1, keepdims=True)
        mean = weights @ levels
        std = np.sqrt(np.maximum(weights @ levels**2 - mean**2, 0))
        return mean.tolist(), std.tolist()


def open_pack(path: Path) -> Pack:
    """The pack in folder `path`. Raises DataError when it is not complete."""
    try:
        about = artifact.read_json(path / ABOUT, "it was damaged")
        manifest = Manifest.load(path)
        settings = ImageSettings(**about["settings"])
        size = (path / PIXELS).stat().st_size
        if size != len(manifest.images) * settings.num_bytes:
            raise ValueError(f"{size} bytes of pixels for {len(manifest.images)} images")
        if about["hash"] != _hash(manifest, settings):
            raise ValueError("the manifest does not match the hash")
    except (PneumorayError, OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} is no complete pack ({error}); 'pneumoray train-all' makes it again from the images"
        ) from None
    shape = (len(manifest.images), *settings.shape)
    pixels = np.memmap(path / PIXELS, dtype=np.uint8, mode="r", shape=shape)
    return Pack(path, about["hash"], settings, manifest, pixels)


def make_pack(
    manifest: Manifest,
    findings: Sequence[Finding],
    settings: ImageSettings,
    packs: Path,
    *,
    resplit: Callable[[Manifest], Manifest],
    key: Any = None,
    map_shards: MapShards = map_threads,
    on_event: Event | None = None,
    pixel_range: Range | None = None,
) -> tuple[Pack, list[Finding]]:
    """Read every image once and make the pack in folder `packs`; return it with all findings.

    `resplit` gives every image its split, after `regroup`; `key` (any JSON) stands for what it
    depends on. The same request again opens the pack that it made. Images that an earlier pack of
    the same settings has, by path, size and time or else by content, are copied from it. What
    can't be read is left out and named. Interrupted, nothing is left that looks like a pack.
    The ranges of depth classes are `ranges.decide`'s, for which images may be read twice; they are
    part of the pack's settings. Raises DataError when no image can be read, a range can't be known
    or `resplit` refuses, WorkspaceError when `packs` can't be written.
    """
    answer = _answer(manifest, settings, packs, key, pixel_range)
    if found := _remembered(answer, packs):
        return found[0], in_order([*findings, *found[1]])
    resplit(manifest)  # what is sure to be refused is refused before the reading, not after
    with _writable(packs), artifact.lock(packs / ".lock"):
        if not (found := _remembered(answer, packs)):
            artifact.sweep_drafts(packs)
            reads = partial(read_images, map_shards=map_shards, on_event=on_event)
            found = _build(manifest, settings, packs, resplit, reads, pixel_range)
            noted = [asdict(finding) for finding in found[1]]
            artifact.write_json(answer, {"pack": found[0].path.name, "findings": noted})
    return found[0], in_order([*findings, *found[1]])


def is_made(
    manifest: Manifest,
    settings: ImageSettings,
    packs: Path,
    *,
    key: Any = None,
    pixel_range: Range | None = None,
) -> bool:
    """Whether `make_pack` was asked for the same before, so that it reads no image now."""
    return _remembered(_answer(manifest, settings, packs, key, pixel_range), packs) is not None


def _answer(
    manifest: Manifest, settings: ImageSettings, packs: Path, key: Any, pixel_range: Range | None
) -> Path:
    """Where it stands what a call of `make_pack` made, by what it asked for; no image is opened."""
    rows = hashlib.sha256(manifest.images.to_csv(index=False).encode()).hexdigest()
    asked = [VERSION, rows, list(manifest.classes), settings.as_json(), key]
    request = artifact.digest(asked if pixel_range is None else [*asked, pixel_range])
    return packs / "requests" / f"{request[:32]}.json"


def _remembered(answer: Path, packs: Path) -> tuple[Pack, list[Finding]] | None:
    """What an earlier, equal request made, if it is still there and whole."""
    try:
        if not answer.exists():
            return None
        stored = artifact.read_json(answer)
        pack = open_pack(packs / stored["pack"])
        if not _is_known(pack):
            return None
        made = [Finding.of(finding) for finding in stored["findings"]]
    except (PneumorayError, OSError, KeyError, TypeError):
        return None
    return pack, made


def _build(
    manifest: Manifest,
    settings: ImageSettings,
    packs: Path,
    resplit: Callable[[Manifest], Manifest],
    reads: Callable[..., Iterator[Read]],
    pixel_range: Range | None,
) -> tuple[Pack, list[Finding]]:
    needed, free = len(manifest.images) * settings.num_bytes, free_bytes(packs)
    if needed > free:
        raise WorkspaceError(
            f"{packs} has {free >> 20:,} MiB free and the pack takes {needed >> 20:,} MiB; "
            "free some space or name another workspace"
        )
    handle, name = tempfile.mkstemp(prefix=".pixels.tmp-", dir=packs)
    try:
        with os.fdopen(handle, "w+b") as draft:
            read, left_out, ranges = fill_draft(
                draft, manifest, settings, _earlier(packs, settings), reads, pixel_range
            )
        settings = replace(settings, ranges=ranges)
        thumbnails = thumbnails_of(read_rows(Path(name), settings.shape), len(read.images))
        near = find_near_copies(read, thumbnails)
        noticed = audit(read, left_out, settings.color, near=near)
        final = _portable(resplit(regroup(read)), packs.parent)
        pack_hash = _hash(final, settings)
        path = packs / pack_hash[:16]
        about = {"version": VERSION, "hash": pack_hash, "settings": settings.as_json()}
        try:
            open_pack(path)
            final.save(path)  # the same pixels and splits; paths and the user's columns may differ
        except DataError:
            with artifact.whole_folder(path, root=packs, holds=ABOUT) as folder:
                os.chmod(name, 0o644)
                os.replace(name, folder / PIXELS)
                final.save(folder)
                artifact.write_json(folder / ABOUT, about)
    finally:
        Path(name).unlink(missing_ok=True)
    return open_pack(path), noticed


def _earlier(packs: Path, settings: ImageSettings) -> Iterator[Earlier]:
    """The complete packs with these settings, whatever their ranges."""
    for about in sorted(packs.glob(f"*/{ABOUT}")):
        try:
            pack = open_pack(about.parent)
        except DataError:
            continue
        if replace(pack.settings, ranges=()) == settings and _is_known(pack):
            images = pack.manifest.images
            places = [str(root.placed(path, packs.parent)) for path in images["path"]]
            yield Earlier(images.assign(path=places), pack.pixels, pack.settings.ranges)


def _is_known(pack: Pack) -> bool:
    """Whether it holds every fact of its images: packs older than one of these are read again."""
    return set(FACT_COLUMNS) <= set(pack.manifest.images.columns)


def _portable(manifest: Manifest, base: Path) -> Manifest:
    """The manifest with the paths of images that lie in the workspace at `base`, as the demo's do,
    relative to it; of DICOM there is no path, nor of the folder that holds it.
    """
    images = hidden(manifest.images)
    folder = root.written(Path(manifest.root), base) if images is manifest.images else ""
    paths = [root.written(Path(path), base) for path in images["path"]]
    return replace(manifest, images=images.assign(path=paths), root=folder)


def _hash(manifest: Manifest, settings: ImageSettings) -> str:
    """What a pack is: its settings, classes, and each image's content, label, group and split.

    Where not all images have 8 bits also their depth, by which the first packs did not go.
    """
    images = manifest.images
    rows = images[["id", "label", "group", "split", "sha256"]].to_numpy().tolist()
    parts = [VERSION, settings.as_json(), list(manifest.classes), rows]
    if "depth" in images and (images["depth"] != "8").any():
        parts.append(images["depth"].tolist())
    return artifact.digest(parts)


def free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


@contextmanager
def _writable(packs: Path) -> Iterator[None]:
    try:
        packs.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise WorkspaceError(
            f"{packs} can't be written ({error.strerror or error}); "
            "name a folder that can with --workspace"
        ) from None
