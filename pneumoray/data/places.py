"""Where the images of a table are: as its paths say, in the other form of Unicode, or by their names."""

import os
import posixpath
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from pneumoray.data.dicom_signature import is_dicom_file
from pneumoray.data.folder_names import nfc
from pneumoray.data.manifest import Finding
from pneumoray.data.tree import walk
from pneumoray.errors import DataError, counted


def image_id(path: str, root: Path) -> str:
    """Where the image lies below `root`, in one spelling; images elsewhere keep their full path."""
    name = posixpath.normpath(path.replace("\\", "/"))
    for prefix in _prefixes(root):
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return name


def shown(name: str, root: Path) -> str:
    """An image in a message: by its path, but a DICOM film without it, as that may name a patient."""
    is_film = name.lower().endswith(".dcm") or is_dicom_file(root / name)
    return "a DICOM film" if is_film else name


@lru_cache
def _prefixes(root: Path) -> tuple[str, str]:
    return f"{root.as_posix()}/", f"{os.path.realpath(root)}/"


def find_places(
    names: Sequence[str], root: Path, *, with_suffix: bool
) -> tuple[list[str], list[Finding]]:
    """Each of `names` (paths below `root`) as it is on disk, and what was looked for elsewhere.

    A path that is not there is looked for in the other form of Unicode; a bare name, without a
    folder, also in all folders below `root`; its end may be missing unless `with_suffix`.
    Raises DataError for a bare name that stands in several folders.
    """
    lost = [name for name in dict.fromkeys(names) if not os.path.exists(root / name)]
    lost = [name for name in lost if not posixpath.isabs(name)]
    if not lost:
        return list(names), []
    by_path: dict[str, str] = {}
    by_name: dict[str, list[str]] = defaultdict(list)
    for path in walk(root, Counter()) if root.is_dir() else ():
        below = path.relative_to(root).as_posix()
        by_path[nfc(below)] = below
        by_name[nfc(path.name)].append(below)
        if not with_suffix:
            by_name[nfc(path.stem)].append(below)
    placed, elsewhere = {}, []
    for name in lost:
        there = by_path.get(nfc(name))
        if there is None and "/" not in name:
            found = by_name.get(nfc(name), [])
            if len(found) > 1:
                first, second = (shown(place, root) for place in found[:2])
                raise DataError(
                    f"{name} stands in several folders below {root} ({first}, {second}): write the path "
                    "below the images' folder into the table"
                )
            if found:
                there = found[0]
                elsewhere.append(there)
        if there is not None:
            placed[name] = there
    findings = []
    if elsewhere:
        message = (
            f"{counted(len(elsewhere), 'image')} of the table found by name in folders below {root}, "
            f"such as {elsewhere[0]}"
        )
        findings.append(Finding("found-by-name", "handled", message))
    return [placed.get(name, name) for name in names], findings


def missing_suffix(name: str, root: Path) -> str | None:
    """The file that `name` means but for its end, if it stands in the folder that it should."""
    folder, stem = root / posixpath.dirname(name), posixpath.basename(name)
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return next((file.relative_to(root).as_posix() for file in files if file.stem == stem), None)
