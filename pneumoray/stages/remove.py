"""remove: a study of the workspace goes; what other studies need, or what was tested, stays."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pneumoray import artifact
from pneumoray.discarding import discard
from pneumoray.errors import WorkspaceError
from pneumoray.study_folder import StudyFolder
from pneumoray.workspace import Workspace, open_workspace


@dataclass(frozen=True)
class Removed:
    """Where the reports of its opened tests are kept, if any; its Packs that no other study uses."""

    study: str
    reports: Path | None
    idle_packs: list[Path]


def remove(
    study: str,
    *,
    workspace: Path | str | None = None,
    confirm: Callable[[StudyFolder], None] = lambda folder: None,
) -> Removed:
    """Remove a study: its trials, models and pages. What `confirm` raises stops it.

    Packs, MLflow's runs, the count of test openings and the reports of opened tests stay. Raises
    StudyError for one that is not there, WorkspaceError for one in use.
    """
    place = open_workspace(workspace, to_write=False)
    artifact.sweep_drafts(place.root / "studies")  # what a removal that was stopped has left
    folder = place.find(study)
    with folder.locked():
        confirm(folder)
        idle = _idle_packs(place, folder)
        place.forget(study)
        return Removed(study, discard(folder.path), idle)


def _idle_packs(place: Workspace, going: StudyFolder) -> list[Path]:
    """The Packs that only this study uses; none where a damaged study leaves it open."""
    with contextlib.suppress(WorkspaceError):
        used = {
            name: set(place.study(name).identity()["packs"].values()) for name in place.studies()
        }
        idle = used.pop(going.name).difference(*used.values())
        packs = (place.packs / pack_hash[:16] for pack_hash in sorted(idle))
        return [pack for pack in packs if pack.exists()]
    return []
