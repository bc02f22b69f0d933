"""leaderboard: the configurations of a study in order, and what gives reason to doubt them."""

from dataclasses import dataclass
from pathlib import Path

from pneumoray import tracking
from pneumoray.comparing.leaderboard import Standing, standings
from pneumoray.comparing.suspicion import explaining, suspicions
from pneumoray.stages import recording
from pneumoray.workspace import open_workspace


@dataclass(frozen=True)
class Board:
    """A study's standings, best first; where `doubts` are, `noticed` is what the audit says of them."""

    study: str
    standings: list[Standing]
    doubts: list[str]
    noticed: list[str]


def leaderboard(
    study: str | None = None,
    *,
    workspace: Path | str | None = None,
    mlflow: Path | str | None = None,
) -> Board:
    """The leaderboard of a study, by default of the workspace's only or last one.

    Raises StudyError when nothing is trained there.
    """
    place = open_workspace(workspace, to_write=False)
    folder = place.find(study)
    settings = tracking.find_settings(
        None if mlflow is None else Path(mlflow), place.root, folder.name == "demo"
    )
    rows = folder.rows(recording.run_ids(folder, settings))
    doubts = suspicions(rows)
    noticed = explaining(folder.findings()) if doubts else []
    return Board(folder.name, standings(rows), doubts, noticed)
