"""What each folder of a data set is: a class, a split, a part, or left out; decided before listing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pneumoray.data import folder_kinds as kinds
from pneumoray.data.folder_names import SPLITS, is_content, is_masks, nfc, split_of
from pneumoray.data.rules import Role
from pneumoray.data.tree import Folder
from pneumoray.errors import DataError, did_you_mean, some_of


@dataclass(frozen=True)
class Place:
    """A folder and what it is: a `class` whose images have `label` and `split` ('' is none given), a
    split, a `part` of the folder above it, or left out (`skip`), for the reason `why`.
    """

    path: Path
    role: Role
    split: str = ""
    label: str = ""
    why: str = ""
    without: frozenset[Path] = frozenset()  # folders in a class that are left out of it


@dataclass(frozen=True)
class Layout:
    """The folder that holds it all, the folders around it that were stepped through, and its places."""

    root: Path
    passed: tuple[Path, ...]
    places: tuple[Place, ...]

    def of(self, *roles: Role) -> list[Place]:
        return [place for place in self.places if place.role in roles]


def decide(data: Path, named: Mapping[str, Role]) -> Layout:
    """What each folder of `data` is, as far as names and places tell; `named` says it of others.

    A key of `named` is the name of a folder, or the end of its path, or a pattern (fold*) of these.
    Raises DataError, with both readings, where folders can be understood in two ways.
    """
    root, passed = Folder(data), []
    said = Said(named)
    while (lone := _lone(root)) and not said.role(lone, data):
        passed.append(root.path)
        root = lone
    said.root = root.path
    places = tuple(_level(root, "", said))
    said.check()
    return Layout(root.path, tuple(passed), places)


class Said:
    """What the user said of folders, and which of it was needed."""

    def __init__(self, named: Mapping[str, Role]) -> None:
        self.named = {nfc(pattern.strip("/")): role for pattern, role in named.items()}
        self.root = Path()
        self.used: set[str] = set()
        self.seen: dict[str, None] = {}

    def role(self, folder: Folder, root: Path | None = None) -> Role | None:
        below = nfc(folder.path.relative_to(root or self.root).as_posix())
        self.seen[below] = None
        for pattern, role in self.named.items():
            if PurePosixPath(below).match(pattern):
                self.used.add(pattern)
                return role
        return None

    def check(self) -> None:
        """Raises DataError where something is said of a folder that is not there."""
        for pattern in self.named:
            if pattern not in self.used:
                raise DataError(
                    f"folders says what {pattern!r} is, and {self.root} has no such folder but "
                    f"{some_of(self.seen, 8)}{did_you_mean(pattern, self.seen)}"
                )


def _lone(folder: Folder) -> Folder | None:
    """The one folder around everything, as archives unpack, that says nothing itself."""
    if len(folder.folders) != 1 or folder.has_images:
        return None
    (inner,) = folder.folders
    split = split_of(inner.name)
    return inner if inner.folders and not (split and split[1]) else None


def _level(parent: Folder, split: str, said: Said) -> Iterator[Place]:
    """The places in a folder whose own folders are splits, parts or classes."""
    roles = {folder.name: (said.role(folder), "as chosen") for folder in parent.folders}
    left = [folder for folder in parent.folders if roles[folder.name][0] is None]
    chosen = {role for role, _ in roles.values() if role in SPLITS}
    judged = kinds.judge(parent, left, is_top=not split, has_chosen_splits=bool(chosen))
    for folder in parent.folders:
        role, why = judged.get(folder.name) or roles[folder.name]
        if role == "skip":
            yield Place(folder.path, "skip", split, why=why)
        elif role in SPLITS or role == "part":
            inner_split = role if role in SPLITS else split
            yield Place(folder.path, role, inner_split, why=why)
            inner = kinds.undoubled(folder)
            if inner is not folder:
                yield Place(inner.path, "part", inner_split, why="all of it")
            yield from _level(inner, inner_split, said)
        else:
            yield from _class(folder, split, said)


def _class(folder: Folder, split: str, said: Said) -> Iterator[Place]:
    """A class folder: with splits of its own in it, or masks, which are left out."""
    inner = folder.folders
    roles = {one.path: said.role(one) for one in inner}
    splits = {one.path: split_of(one.name) for one in inner}
    has_splits = inner and not split and not folder.has_images
    has_splits = has_splits and all(found and found[1] for found in splits.values())
    out = [one.path for one in inner if roles[one.path] == "skip"]
    if folder.has_images or any(is_content(one.name) for one in inner):
        out += [one.path for one in inner if not roles[one.path] and is_masks(one.name)]
    if has_splits or any(role in SPLITS for role in roles.values()):
        for one in inner:
            own = roles[one.path] or (splits[one.path] or ("",))[0]
            if one.path not in out:
                yield Place(one.path, "class", own if own in SPLITS else split, folder.name)
    else:
        yield Place(folder.path, "class", split, folder.name, without=frozenset(out))
    for path in out:
        why = "as chosen" if roles[path] else "masks"
        yield Place(path, "skip", split, why=why)
