"""leaderboard: the configurations of a study in order, and what gives reason to doubt them."""

from pathlib import Path

from pneumoray import tracking
from pneumoray.comparing.board import Board, board_of
from pneumoray.stages import recording
from pneumoray.workspace import open_workspace


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
    return board_of(folder, recording.run_ids(folder, settings))
