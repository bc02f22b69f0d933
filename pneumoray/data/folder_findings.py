"""What is odd about a folder of images: what was left out, and classes without images."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from pneumoray.data.layout import Layout
from pneumoray.data.manifest import Finding
from pneumoray.errors import counted, some_of


def findings_of(
    layout: Layout,
    counts: Mapping[Path, int],
    num_hidden: int,
    other: Sequence[Path],
    loose: Sequence[Path],
) -> list[Finding]:
    """Findings of the listing: `counts` files of each place, and paths below the layout's root of
    files that are no images (`other`) and of images in no class folder (`loose`).
    """
    found = []
    if num_hidden:
        message = (
            f"skipped {counted(num_hidden, 'hidden file')} (names that start with a dot, __MACOSX, "
            "@eaDir and the like)"
        )
        found.append(Finding("hidden", "handled", message))
    for place in layout.of("skip"):
        name = place.path.relative_to(layout.root).as_posix()
        if place.why == "nested copy":
            kind, message = "nested-copy", f"skipped nested copy {name}/"
        elif place.why == "masks":
            continue
        else:
            kind, message = "extra-folder", f"skipped {name}/ ({place.why})"
        if counts[place.path]:
            message += f" with {counted(counts[place.path], 'file')}"
            found.append(Finding(kind, "handled", message))
    if masks := [place.path for place in layout.of("skip") if place.why == "masks"]:
        names = some_of(f"{path.relative_to(layout.root).as_posix()}/" for path in masks)
        num_files = counted(sum(counts[path] for path in masks), "file")
        message = f"left out the masks in {names}, with {num_files}"
        found.append(Finding("masks", "handled", message))
    found += _empty_classes(layout, counts, other)
    if other:
        message = (
            f"skipped {counted(len(other), 'file')} that {'is' if len(other) == 1 else 'are'} no "
            f"{'image' if len(other) == 1 else 'images'}, such as {other[0]}"
        )
        found.append(Finding("wrong-type", "handled", message, _ids(other)))
    if loose:
        message = (
            f"skipped {counted(len(loose), 'image')} outside any class folder, such as {loose[0]}"
        )
        found.append(Finding("no-class", "handled", message, _ids(loose)))
    return found


def _empty_classes(
    layout: Layout, counts: Mapping[Path, int], other: Sequence[Path]
) -> list[Finding]:
    """Class folders without an image: a problem of fewer classes than was meant."""
    below: dict[Path, list[Path]] = defaultdict(list)
    for path in other:
        for folder in path.parents:
            below[folder].append(path)
    found = []
    for place in layout.of("class"):
        if counts[place.path]:
            continue
        name = place.path.relative_to(layout.root)
        files = below[name]
        has = (
            f"{counted(len(files), 'file')}, such as {files[0].name}, and no image"
            if files
            else "no files"
        )
        message = (
            f"the class folder {name.as_posix()}/ has {has}: put its images there, or leave it out with "
            f"--folders {name.as_posix()}=skip"
        )
        found.append(Finding("empty-class", "fix", message, _ids(files)))
    return found


def _ids(paths: Sequence[Path]) -> tuple[str, ...]:
    return tuple(path.as_posix() for path in paths)
