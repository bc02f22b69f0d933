"""A data set that is drawn, not collected: made once, whole or absent, never over anything else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pneumoray import artifact
from pneumoray.errors import DataError


def make_once(folder: Path, what: str, about: dict[str, Any], draw: Callable[[Path], None]) -> Path:
    """Have `draw` fill `folder`, unless it holds the very same already, and return `folder`.

    `about` (JSON) is all that the images follow from; it is kept in the folder as `what`.json.
    Raises DataError when `folder` is another thing.
    """
    mark = f"{what}.json"
    if folder.exists():
        if (folder / mark).exists() and artifact.read_json(folder / mark) == about:
            return folder
        raise DataError(
            f"{folder} exists and is not this {what} data set; delete it or name another folder"
        )
    with artifact.whole_folder(folder, root=folder.parent, holds=mark) as draft:
        draw(draft)
        artifact.write_json(draft / mark, about)
    return folder
