"""The root of a workspace: its identity, its format, and paths that are written relative to it.

    WORKSPACE/workspace.json   {"format": 1, "id": UUID}

A workspace may be moved, copied, or mounted elsewhere: no file in it says where it lies.
"""

import os
import re
import uuid
from pathlib import Path

from pneumoray import artifact
from pneumoray.errors import WorkspaceError

FORMAT = 1
FILE = "workspace.json"
# What a version that wrote absolute paths left: its tail is the same wherever the workspace lies.
_TAIL = re.compile(
    r".*/(studies/[^/]+/(?:(?:trials|models|ensembles|comparisons)/.+|leaderboard\.\w+)|packs/[^/]+)"
)


def check(root: Path) -> None:
    """Raise WorkspaceError where a newer version made the workspace; one without the file is older."""
    if (root / FILE).exists():
        found = artifact.read_json(root / FILE)
        if not isinstance(found, dict) or not isinstance(found.get("id"), str):
            raise WorkspaceError(
                f"{root / FILE} holds no id of a workspace: copy the file back from where the workspace "
                "was saved; without it, remove the file, and the workspace gets a new id"
            )
        check_format(found.get("format"), FORMAT, root / FILE)


def check_format(found: object, newest: int, path: Path) -> None:
    """Raise WorkspaceError unless `path` is of a format up to `newest`."""
    if not isinstance(found, int):
        raise WorkspaceError(f"{path} does not say its format: put back a copy of it")
    if found > newest:
        raise WorkspaceError(
            f"{path} has format {found}, and this version of pneumoray reads formats up to {newest}: "
            "update pneumoray"
        )


def identity(root: Path) -> str:
    """The id of the workspace, which it keeps wherever it goes. It gets one where it has none yet."""
    check(root)
    if not (root / FILE).exists():
        new = str(uuid.uuid4())
        draft = root / f".{FILE}.tmp-{new}"
        artifact.write_json(draft, {"format": FORMAT, "id": new})
        try:
            os.link(draft, root / FILE)  # of two that begin at once the first wins
        except FileExistsError:
            pass
        except OSError:  # a file system without hard links
            os.replace(draft, root / FILE)
        draft.unlink(missing_ok=True)
    return artifact.read_json(root / FILE)["id"]


def of(file: Path) -> Path:
    """The root that a journal lies in: studies/NAME/journal.jsonl, or a file of the root's own."""
    return of_study(file.parent) if file.match("studies/*/journal.jsonl") else file.parent


def of_study(folder: Path) -> Path:
    """The root that a study's folder lies in, as studies/NAME."""
    return folder.parents[1]


def written(path: Path, root: Path) -> str:
    """What is written of `path`: relative to `root` where it lies inside, with / on any system."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def placed(text: str, root: Path) -> Path:
    """The path that `written` wrote; also of an older, absolute one in a workspace moved since."""
    path = root / text
    tail = None if path.is_relative_to(root) else _TAIL.fullmatch(text)
    return root / tail[1] if tail else path
