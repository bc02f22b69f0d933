"""Which of the folders beside each other are splits, parts, copies or classes, or the question."""

import shlex
from collections.abc import Sequence

from pneumoray.data.classes import sounds_negative
from pneumoray.data.folder_names import (
    Split,
    are_parts,
    is_content,
    is_fold,
    is_masks,
    nfc,
    split_of,
)
from pneumoray.data.rules import Role
from pneumoray.data.tree import Folder
from pneumoray.errors import DataError, some_of

Judged = dict[str, tuple[Role, str]]  # name -> what it is, and why
_COPY: tuple[Role, str] = ("skip", "nested copy")
_CLASS: tuple[Role, str] = ("class", "")


def judge(
    parent: Folder, folders: Sequence[Folder], *, is_top: bool, has_chosen_splits: bool
) -> Judged:
    """The role of each of `folders`, all in `parent`, and why.

    `is_top`: no split is known yet. `has_chosen_splits`: of folders beside these the user said that
    they are splits. Raises DataError, with both readings, where two are plausible.
    """
    copies = dict.fromkeys(_copies(folders), _COPY)
    rest = [one for one in folders if one.name not in copies]
    if not rest:
        return copies
    if has_chosen_splits:
        return copies | {
            one.name: (_split(one) or "train", "") if one.folders else ("skip", "no split")
            for one in rest
        }
    if is_top and (splits := _splits(parent, rest)):
        return copies | splits
    unlabelled = _unlabelled(parent, rest) if is_top else {}
    rest = [one for one in rest if one.name not in unlabelled]
    if whats := _contents(parent, rest):
        return copies | unlabelled | whats
    if is_top:
        _check_inner(parent, rest)
    if are_parts([one.name for one in rest]):
        raise _no_classes(parent, rest)
    return copies | unlabelled | dict.fromkeys((one.name for one in rest), _CLASS)


def undoubled(folder: Folder) -> Folder:
    """What a folder holds that holds one folder of its own name, or a folder `images`, and no more."""
    while len(folder.folders) == 1 and not folder.has_images:
        (inner,) = folder.folders
        same = nfc(inner.name).casefold() == nfc(folder.name).casefold()
        if not (same or is_content(inner.name) or (_split(inner) or "") == _split(folder)):
            break
        folder = inner
    return folder


def _split(folder: Folder) -> Split | None:
    found = split_of(folder.name)
    return found[0] if found else None


def _splits(parent: Folder, folders: Sequence[Folder]) -> Judged:
    """The roles in a folder of splits; none where it is no such folder."""
    named = [one for one in folders if split_of(one.name)]
    deep = [one for one in named if undoubled(one).folders]
    others = [one for one in folders if one not in named]
    if not deep:
        if named and not others:
            raise _no_classes(parent, named)
        return {}
    plain = [one for one in deep if _is_plain(one)]
    is_several = len({_split(one) for one in deep}) > 1
    is_sure = not others or len({_split(one) for one in plain}) > 1
    if not is_sure and is_several:
        is_sure = bool(_shared([undoubled(one) for one in deep]))
    if not is_sure and plain:  # more of the same classes, of no split
        is_sure = all(_names(one) & _names(plain[0]) for one in others)
    if not is_sure:
        if not plain and any(one.folders for one in others):
            return {}
        first, rest = deep[0], [one.name for one in others]
        raise _question(
            f"{parent.path} holds {first.name}/ beside {some_of(rest)}",
            (
                f"{first.name}/ is the {_split(first)} split",
                {first.name: str(_split(first))} | dict.fromkeys(rest, "skip"),
            ),
            (f"{first.name} is a class", {first.name: "class"}),
        )
    roles: Judged = {}
    for one in folders:
        if one in deep and (split := _split(one)):
            roles[one.name] = (split, "")
        else:
            roles[one.name] = ("skip", "no split" if one in others else "no class folders")
    return roles


def _unlabelled(parent: Folder, folders: Sequence[Folder]) -> Judged:
    """Images in a folder `test` beside class folders: nobody says what they show."""
    flat = [one for one in folders if split_of(one.name) and not undoubled(one).folders]
    others = [one for one in folders if one not in flat]
    roles: Judged = {}
    for one in flat:
        if not (_is_plain(one) and _split(one) == "test" and len(others) > 1):
            raise _question(
                f"{parent.path} holds {one.name}/ beside {some_of(other.name for other in others)}",
                (f"{one.name} is a class", {one.name: "class"}),
                (f"{one.name}/ are images of no class, to leave out", {one.name: "skip"}),
            )
        roles[one.name] = ("skip", f"no class, unless you say {_option({one.name: 'class'})}")
    return roles


def _contents(parent: Folder, folders: Sequence[Folder]) -> Judged:
    """The roles of `images` beside `masks`, which are no classes; none where there are no such."""
    masks = [one for one in folders if is_masks(one.name)]
    content = [one for one in folders if is_content(one.name)]
    others = [one for one in folders if one not in masks and one not in content]
    if not others and (masks or content):
        inside = [one for one in content if one.folders]
        if not inside:
            raise _no_classes(parent, folders)
        return {
            one.name: ("part", "")
            if one in inside
            else ("skip", "masks" if one in masks else "no class")
            for one in folders
        }
    if any("mask" in nfc(one.name).casefold() for one in others):
        return {}  # with_mask beside without_mask
    for one in [*masks, *content]:
        raise _question(
            f"{parent.path} holds {one.name}/ beside {some_of(other.name for other in others)}",
            (f"{one.name}/ is no class, to leave out", {one.name: "skip"}),
            (f"{one.name} is a class", {one.name: "class"}),
        )
    return {}


def _check_inner(parent: Folder, folders: Sequence[Folder]) -> None:
    """Refuse folders of which each holds the same folders: either may be the classes."""
    deep = [one for one in folders if one.folders and not one.has_images]
    names = [one.name for one in folders]
    if len(folders) < 2 or len(deep) < len(folders):
        return
    if all(_is_plain(inner) and inner.folders for one in folders for inner in one.folders):
        one_of_them = {names[0]: "part"} | dict.fromkeys(names[1:], "skip")
        raise _question(
            f"{parent.path} holds {some_of(names)}, each with splits that hold folders",
            (
                f"the splits are to be taken from {names[0]}, and its folders are the classes",
                one_of_them,
            ),
            (f"{some_of(names)} are the classes", dict.fromkeys(names, "class")),
        )
    inner = _shared(folders)
    inner = {name for name in inner if not (is_masks(name) or is_content(name) or split_of(name))}
    are_folds = all(is_fold(name) for name in names)
    alike = all(_names(one) == _names(folders[0]) for one in folders)
    if len(inner) < 2 or not (are_folds or alike):
        return
    if any(map(sounds_negative, names)) and not any(map(sounds_negative, inner)):
        return
    what = f"{parent.path} holds {some_of(names)}, each with the folders {some_of(sorted(inner))}"
    if are_folds:
        first = (
            f"{some_of(names)} are splits, and you choose which is test and which is val",
            {names[0]: "test", names[1]: "val"},
        )
    else:
        first = (f"{some_of(sorted(inner))} are the classes", dict.fromkeys(names, "part"))
    raise _question(
        what, first, (f"{some_of(names)} are the classes", dict.fromkeys(names, "class"))
    )


def _no_classes(parent: Folder, folders: Sequence[Folder]) -> DataError:
    names = [one.name for one in folders]
    tables = [path.name for path in parent.files() if path.suffix.lower() in (".csv", ".tsv")]
    table = shlex.quote(str(parent.path / tables[0])) if tables else "TABLE.csv"
    return DataError(
        f"{parent.path} holds {some_of(names)}, which do not look like classes: give a table that says "
        f"what each image shows (--data {table} --images {shlex.quote(str(parent.path))}), or, if "
        f"they are the classes, {_option(dict.fromkeys(names, 'class'))}"
    )


def _question(what: str, *readings: tuple[str, dict[str, str]]) -> DataError:
    said = "; or ".join(f"{text}: {_option(roles)}" for text, roles in readings)
    return DataError(f"{what}, which can be read in two ways. Either {said}")


def _option(roles: dict[str, str]) -> str:
    """'--folders fold1=test,fold2=val'; many folders in one role are said by the pattern *."""
    if len(roles) > 4 and len(set(roles.values())) == 1:
        roles = {"*": next(iter(roles.values()))}
    text = ",".join(f"{name}={role}" for name, role in roles.items())
    return f"--folders {shlex.quote(text)}"


def _copies(folders: Sequence[Folder]) -> set[str]:
    """Folders that hold the layout that they stand in once more, as Kaggle's archive does."""
    splits = {one.name.lower() for one in folders if _is_plain(one) and one.folders}
    siblings = {one.name.lower() for one in folders}
    copies = set()
    for one in folders:
        inner = {name.lower() for name in _names(one)}
        others = len(siblings) - 1
        if splits:
            is_copy = not _is_plain(one) and not splits.isdisjoint(inner)
        else:
            found = len(inner & siblings - {one.name.lower()}) if len(inner) >= others else 0
            is_copy = others >= 2 and found == others
        if is_copy:
            copies.add(one.name)
    return copies


def _is_plain(folder: Folder) -> bool:
    """Whether its name says a split and nothing else."""
    found = split_of(folder.name)
    return found is not None and found[1]


def _names(folder: Folder) -> set[str]:
    return {nfc(one.name) for one in folder.folders}


def _shared(folders: Sequence[Folder]) -> set[str]:
    return set.intersection(*map(_names, folders))
