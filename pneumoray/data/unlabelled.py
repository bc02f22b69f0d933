"""Images without labels: files, folders, globs and tables become one list of files."""

import glob
import os
import re
from collections.abc import Iterable
from pathlib import Path

from pneumoray.data.csv_file import read_csv
from pneumoray.data.dicom_join import joined
from pneumoray.data.folder import images_below
from pneumoray.data.places import find_places, image_id
from pneumoray.data.table import paths_of
from pneumoray.errors import DataError

TABLE_SUFFIXES = frozenset((".csv", ".tsv"))
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_MOST_CHARACTERS = 200  # of a name in a message


class Unusable(DataError):
    """A name that means no image, and why; among others it has a row that says so."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


def list_files(named: Iterable[Path | str], images: Path | None = None) -> list[Path | Unusable]:
    """The image files that these names mean, in their order, each once; nothing is opened.

    A folder means every image below it, a table (.csv, .tsv) its column path, relative to `images`
    or the table's folder, a pattern (*, ?, [...]; ** for any depth) what it matches. Any other name
    is a file, there or not: reading it tells. A folder, table or pattern without images is itself
    one of the list, as an Unusable. Raises DataError where no file of all is there.
    """
    files = list(
        dict.fromkeys(file for name in dict.fromkeys(named) for file in expanded(name, images))
    )
    if not files:
        raise DataError("no images are named; name image files, folders, patterns or a CSV table")
    if not any(isinstance(file, Path) and os.path.exists(file) for file in files):
        raise files[0] if isinstance(files[0], Unusable) else _absent(files[0])
    return files


def expanded(name: Path | str, images: Path | None = None) -> list[Path | Unusable]:
    """The files that one name means, or why it means none; see `list_files`."""
    try:
        return _expanded(str(name), images)
    except DataError as error:
        return [Unusable(str(name), str(error))]


def _expanded(name: str, images: Path | None) -> list[Path | Unusable]:
    path = Path(os.path.expanduser(name))
    if os.path.isdir(path):
        return _of_folder(path)
    if path.suffix.lower() in TABLE_SUFFIXES and os.path.isfile(path):
        return list(_of_table(path, images or path.parent))
    if os.path.exists(path):
        return [path]
    if _ADDRESS.match(name):
        raise DataError(
            f"{name:.{_MOST_CHARACTERS}} is an address, and addresses are not fetched: download the "
            "image, and name its file"
        )
    if not glob.has_magic(str(path)) or "\0" in name:
        return [path]
    matches = sorted(glob.glob(str(path), recursive=True))
    if not matches:
        raise DataError(
            f"no file matches {name:.{_MOST_CHARACTERS}}; check the pattern and the current folder"
        )
    return [file for match in matches for file in expanded(match, images)]


def _of_folder(folder: Path) -> list[Path | Unusable]:
    """Its images, then the folders in it that may not be read."""
    closed: list[Path | Unusable] = []

    def note(error: OSError) -> None:
        place = str(error.filename)
        closed.append(
            Unusable(place, f"{place} can't be read ({error.strerror}); check the folder")
        )

    if found := images_below(folder, note):
        return [*found, *closed]
    if closed:
        return closed
    raise DataError(f"{folder} holds no images: no file in it is one, by its name or its content")


def _absent(path: Path) -> DataError:
    next_step = "name image files, folders, patterns or a CSV table"
    shown = f"{path!s:.{_MOST_CHARACTERS}}"
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return DataError(f"{shown} does not exist; {next_step}")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        return DataError(f"{shown} can't be read ({reason}); {next_step}")
    return DataError(f"{shown} can't be read; {next_step}")


def _of_table(csv: Path, root: Path) -> list[Path]:
    paths = paths_of(joined(read_csv(csv, "column path"), csv, root)[0], csv)
    if "" in paths:
        row = paths.index("") + 2
        raise DataError(f"{csv} has no path in row {row}; fill it in or delete the row")
    names, _ = find_places([image_id(path, root) for path in paths], root, with_suffix=True)
    files = [root / name for name in names]
    if not any(os.path.exists(file) for file in files):
        raise DataError(
            f"none of the {len(files)} images in {csv.name} is found, such as {files[0]}; "
            "name the folder that its paths start from with --images"
        )
    return files
