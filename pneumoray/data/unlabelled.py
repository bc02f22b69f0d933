"""Images without labels: files, folders, globs and tables become one list of files."""

import glob
from collections.abc import Iterable
from pathlib import Path

from pneumoray.data.folder import IMAGE_SUFFIXES, images_below
from pneumoray.data.table import image_id, read_cells
from pneumoray.errors import DataError

TABLE_SUFFIXES = frozenset((".csv", ".tsv"))


def list_files(named: Iterable[Path | str], images: Path | None = None) -> list[Path]:
    """The image files that these names mean, in their order, each once; nothing is opened.

    A folder means every image below it, a table (.csv, .tsv) its column path, relative to `images`
    or the table's folder, a pattern (*, ?, [...]; ** for any depth) what it matches. Any other name
    is a file, there or not: reading it tells. Raises DataError when a folder, table or pattern has
    no image, or no file of all is there.
    """
    files = list(dict.fromkeys(file for name in named for file in expanded(name, images)))
    if not any(file.exists() for file in files):
        first = f"{files[0]} does not exist" if files else "no images are named"
        raise DataError(f"{first}; name image files, folders, patterns or a CSV table")
    return files


def expanded(name: Path | str, images: Path | None = None) -> list[Path]:
    """The files that one name means; see `list_files`."""
    path = Path(name).expanduser()
    if path.is_dir():
        if found := images_below(path):
            return found
        types = ", ".join(sorted(IMAGE_SUFFIXES))
        raise DataError(f"{path} holds no images; expected files of type {types}")
    if path.suffix.lower() in TABLE_SUFFIXES and path.is_file():
        return _of_table(path, images or path.parent)
    if path.exists() or not glob.has_magic(str(path)):
        return [path]
    matches = [Path(match) for match in sorted(glob.glob(str(path), recursive=True))]
    if not matches:
        raise DataError(f"no file matches {name}; check the pattern and the current folder")
    return [file for match in matches for file in expanded(match, images)]


def _of_table(csv: Path, root: Path) -> list[Path]:
    cells = read_cells(csv, needed=("path",))["path"]
    if len(empty := cells.index[cells == ""]):
        raise DataError(f"{csv} has no path in row {empty[0] + 2}; fill it in or delete the row")
    files = [root / image_id(path, root) for path in cells]
    if not any(file.exists() for file in files):
        raise DataError(
            f"none of the {len(files)} images in {csv.name} is found, such as {files[0]}; "
            "name the folder that its paths start from with --images"
        )
    return files
