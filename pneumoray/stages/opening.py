"""Openings of a test split: written down before it is read, and counted for good."""

from collections.abc import Iterable
from pathlib import Path

from pneumoray import artifact, root
from pneumoray.data.pack import open_pack
from pneumoray.journal import Journal, read
from pneumoray.study_folder import StudyFolder
from pneumoray.workspace import Workspace

FILE = "openings.jsonl"


def note_opening(workspace: Workspace, pack: Path, **about: object) -> int:
    """Write down that the test split of a Pack is opened; return how often that was done.

    The count is the workspace's and goes by the test images, so neither another study on the same
    images nor a fresh start of one hides an opening.
    """
    split = _test_split(pack)
    with artifact.lock(workspace.root / f".{FILE}.lock"):
        openings = Journal(workspace.root / FILE)
        openings.append("opening", test=split, **about)
        return _count(workspace, split)


def times_opened(study: StudyFolder) -> int | None:
    """How often the study's test images were opened in its workspace; None where its Packs are gone."""
    workspace = Workspace(root.of_study(study.path))
    for pack_hash in study.identity()["packs"].values():  # all have the same images
        pack = workspace.packs / pack_hash[:16]
        if pack.exists():
            return _count(workspace, _test_split(pack))
    return None


def _test_split(pack: Path) -> str:
    return artifact.digest(sorted(open_pack(pack).manifest.of_split("test")["sha256"]))


def _count(workspace: Workspace, split: str) -> int:
    return sum(opening["test"] == split for opening in read(workspace.root / FILE))


def note_if_test(study: StudyFolder, model: str, sha256s: Iterable[str]) -> int | None:
    """Note an opening where a model is scored on images of its own study's test split.

    Returns the count of openings, or None for none.
    """
    workspace = Workspace(root.of_study(study.path))
    scored = set(sha256s)
    for pack_hash in study.identity()["packs"].values():
        pack = workspace.packs / pack_hash[:16]
        if pack.exists() and scored & set(open_pack(pack).manifest.of_split("test")["sha256"]):
            return note_opening(workspace, pack, study=study.name, evaluated=model)
    return None
