"""Workspace: the folder that holds Packs, studies and, by default, MLflow's database."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from pneumoray import artifact, pasting, ray_job, words
from pneumoray import root as roots
from pneumoray.errors import StudyError, WorkspaceError, did_you_mean, some_of
from pneumoray.study_folder import StudyFolder

ENVIRONMENT_VARIABLE = "PNEUMORAY_WORKSPACE"
DEFAULT = "pneumoray-workspace"
_LAST = "last-study.json"


@dataclass(frozen=True)
class Workspace:
    """packs/, studies/NAME/, mlflow.db and mlartifacts/ under one folder."""

    root: Path

    @property
    def packs(self) -> Path:
        return self.root / "packs"

    def study(self, name: str) -> StudyFolder:
        return StudyFolder(self.root / "studies" / name)

    def studies(self) -> list[str]:
        """Names of the studies that were begun here."""
        found = (path.parent.name for path in self.root.glob("studies/*/study.json"))
        return sorted(name for name in found if not name.startswith("."))  # on its way out

    def trained_studies(self) -> list[str]:
        """Like `studies`. Raises StudyError where there are none."""
        if known := self.studies():
            return known
        raise StudyError(
            f"nothing is trained in workspace {self.root}: run 'pneumoray train-all' first, "
            f"or name another with --workspace or {ENVIRONMENT_VARIABLE}"
        )

    def command(self, words: str, given: pasting.Given = MappingProxyType({})) -> str:
        """'pneumoray ui --workspace ws': a command that means this workspace, as one can paste it."""
        is_default = self.root == _default().absolute()
        workspace = None if is_default else pasting.place(self.root)
        return pasting.command(words, {**given, "workspace": workspace})

    def remember(self, name: str) -> None:
        """Note the study trained last; later commands mean it when they name none."""
        artifact.write_json(self.root / _LAST, {"study": name})

    def forget(self, name: str) -> None:
        """Mean no longer this study where none is named."""
        if self._last() == name:
            (self.root / _LAST).unlink()

    def _last(self) -> str | None:
        """The study trained last; None where that is noted nowhere, or in no way that can be read."""
        try:
            noted = artifact.read_json(self.root / _LAST)
        except WorkspaceError:
            return None
        return noted.get("study") if isinstance(noted, dict) else None

    def find(self, name: str | None, option: str = "--study") -> StudyFolder:
        """The named study, else the only one, else the last trained.

        Raises StudyError if none is, and names the `option` to choose one with.
        """
        known = self.trained_studies()
        if name is None and len(known) > 1:
            name = self._last()
        name = name or known[0] if len(known) == 1 else name
        if name is None:
            raise StudyError(
                f"workspace {self.root} holds several studies: choose with {option} from "
                f"{some_of(known, 8)}"
            )
        if name not in known:
            raise StudyError(
                f"workspace {self.root} holds no study {name!r}: choose from {some_of(known, 8)}"
                + did_you_mean(name, known)
            )
        return self.study(name)


def open_workspace(path: Path | str | None = None, *, to_write: bool = True) -> Workspace:
    """The workspace at `path`, else at PNEUMORAY_WORKSPACE, else ./pneumoray-workspace.

    It is created where it is to be written to, and made absolute at once, because Ray's workers
    change their folder. Raises WorkspaceError when it can't be written, when a newer version made it,
    or when none is named by an absolute path inside a Ray job, whose current folder is none of the
    user's.
    """
    named = Path(path).expanduser() if path else _default()
    if ray_job.is_inside() and not named.is_absolute():
        raise WorkspaceError(
            "a Ray job needs a workspace by its absolute path: give --workspace DIR, or start the "
            f"cluster with 'cluster/start-head.sh --workspace DIR' (which sets {ENVIRONMENT_VARIABLE} "
            "for every job)"
        )
    root = named.absolute()
    if why := words.why_no_line(str(root), words.LONGEST_PATH):
        raise WorkspaceError(
            f"workspace {str(root)!r:.200}: {why}; name another with --workspace or {ENVIRONMENT_VARIABLE}"
        )
    roots.check(root)
    if not to_write:
        return Workspace(root)
    try:
        root.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=root).close()
    except OSError as error:
        raise WorkspaceError(
            f"workspace {root} can't be written ({error.strerror}); name another with --workspace"
        ) from None
    return Workspace(root)


def _default() -> Path:
    """Where a workspace is that no option names; relative to the current folder."""
    return Path(os.environ.get(ENVIRONMENT_VARIABLE) or DEFAULT).expanduser()
