"""A folder on disk, looked into once: the folders in it, and whether it holds images itself."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path

from pneumoray.data import formats
from pneumoray.data.folder_names import is_hidden


class Folder:
    """A folder of the data. It is read when it is first asked for what it holds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name

    @cached_property
    def _seen(self) -> tuple[list["Folder"], bool]:
        names, has_images = [], False
        with os.scandir(self.path) as entries:
            for entry in entries:
                if is_hidden(entry.name):
                    continue
                if entry.is_dir():
                    names.append(entry.name)
                elif not has_images:
                    has_images = is_image(Path(entry.path))
        return [Folder(self.path / name) for name in sorted(names)], has_images

    @property
    def folders(self) -> list["Folder"]:
        """The visible folders in it, by name."""
        return self._seen[0]

    @property
    def has_images(self) -> bool:
        """Whether an image lies right inside it."""
        return self._seen[1]

    def files(self) -> list[Path]:
        """The visible files right inside it, by name."""
        found = (path for path in self.path.iterdir() if not is_hidden(path.name))
        return sorted(path for path in found if not path.is_dir())


def is_image(path: Path) -> bool:
    """Whether a file is an image: by a suffix that is known, else by its first bytes."""
    return path.suffix.lower() in formats.SUFFIXES or formats.is_image(path)


def walk(
    folder: Path,
    skipped: Counter[str],
    on_error: Callable[[OSError], object] | None = None,
    without: frozenset[Path] = frozenset(),
) -> Iterator[Path]:
    """All visible files under `folder`; follows links, but enters no folder twice, nor any `without`.

    What is hidden is counted in `skipped`.
    """
    entered: set[str] = set()
    for place, folders, files in os.walk(folder, onerror=on_error, followlinks=True):
        real = os.path.realpath(place)
        if real in entered:
            folders.clear()
            continue
        entered.add(real)
        skipped["hidden"] += count_hidden(Path(place))
        folders[:] = sorted(
            name for name in folders if not is_hidden(name) and Path(place, name) not in without
        )
        yield from (Path(place, name) for name in sorted(files) if not is_hidden(name))


def count_hidden(folder: Path) -> int:
    """Files in `folder` that are hidden, or lie in hidden folders right inside it."""
    hidden = [path for path in folder.iterdir() if is_hidden(path.name)]
    return sum(sum(len(files) for _, _, files in os.walk(p)) if p.is_dir() else 1 for p in hidden)
