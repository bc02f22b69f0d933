"""What goes when a study is removed or begun anew; the reports of its opened tests stay.

WORKSPACE/opened-tests/STUDY/1/study.json        the settings and data of what was tested
                               ENSEMBLE/report.md, report.json, predictions, pictures
"""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pneumoray import artifact, checkpoint, root
from pneumoray.errors import WorkspaceError

MARK = "study.json"  # a study's folder is one that holds it


@dataclass(frozen=True)
class Contents:
    """What a study's folder holds: trials that ended an epoch, models, tested votes, bytes."""

    num_trials: int
    num_models: int
    num_votes: int
    num_bytes: int

    @property
    def is_trained(self) -> bool:
        return self.num_trials + self.num_models + self.num_votes > 0


def contents(study: Path) -> Contents:
    """What the folder `study` holds. It may be damaged, or not be there: that is nothing."""
    return Contents(
        num_trials=sum(map(checkpoint.is_begun, study.glob("trials/*"))),
        num_models=sum(1 for _ in study.glob("models/*/bundle.json")),
        num_votes=len(_tested(study)),
        num_bytes=num_bytes(study),
    )


def num_bytes(path: Path) -> int:
    """Bytes of a file, or of all files in a folder; what vanishes meanwhile counts nothing."""
    total = 0
    for file in (path, *path.rglob("*")):
        try:
            total += 0 if file.is_dir() else file.lstat().st_size
        except FileNotFoundError:
            continue
    return total


def check_ours(study: Path) -> None:
    """Raise WorkspaceError for a folder that holds other things than a study."""
    visible = [path for path in study.iterdir() if not path.name.startswith(".")]  # less drafts
    if visible and not (study / MARK).is_file():
        raise WorkspaceError(
            f"{study} is no study's folder (it has no {MARK}): nothing is written or removed; move it "
            "away, or take another name (--set name=...)"
        )


def discard(study: Path) -> Path | None:
    """Remove a study's folder; return where the reports of its opened tests lie, if there are any.

    It goes out of the way in one step, after the reports are safe: a kill leaves no half. Hold the
    study's lock. Raises WorkspaceError for a link, and where files can't be deleted, and what
    `check_ours` raises.
    """
    if study.is_symlink():
        raise WorkspaceError(
            f"{study} is a link to {os.readlink(study)}: nothing is removed; delete that folder and "
            "the link by hand"
        )
    check_ours(study)
    artifact.sweep_drafts(study.parent)
    kept = _keep_reports(study)
    aside = Path(tempfile.mkdtemp(prefix=f".{study.name}.tmp-", dir=study.parent))
    os.replace(study, aside)
    shutil.rmtree(aside, ignore_errors=True)  # another process may sweep it as well
    if aside.exists():
        raise WorkspaceError(f"study {study.name} is removed, but not all of {aside}; delete that")
    return kept


def kept_reports(study: Path) -> Path:
    """Where the reports of a study's opened tests are kept when it goes."""
    return root.of_study(study) / "opened-tests" / study.name


def _keep_reports(study: Path) -> Path | None:
    """Copy every file of the tested votes, less the models: those are the folders beside them."""
    tested, kept = _tested(study), kept_reports(study)
    if not tested:
        return None
    numbers = [int(old.name) for old in kept.glob("[0-9]*")]
    target = kept / str(max(numbers, default=0) + 1)
    with artifact.whole_folder(target, root=kept, holds=MARK) as draft:
        for vote in tested:
            (draft / vote.name).mkdir()
            for file in vote.iterdir():
                if file.is_file():
                    shutil.copy2(file, draft / vote.name)
        shutil.copy2(study / MARK, draft)
    return target


def _tested(study: Path) -> list[Path]:
    return sorted(report.parent for report in study.glob("ensembles/*/report.md"))
