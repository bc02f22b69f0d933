"""How a layout was understood, as a small tree of lines."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from pneumoray.data.folder_names import nfc
from pneumoray.data.layout import Layout, Place
from pneumoray.data.manifest import Understood
from pneumoray.errors import counted

_MOST_LINES = 10  # of classes, and of folders left out
_MOST_NAMED = 4  # classes in the line of a split


def tree_of(layout: Layout, counts: Mapping[Path, int]) -> list[Understood]:
    """A line for each split, part, class and folder left out, with `counts` files of each place.

    Of many classes, or folders left out, the first are shown.
    """
    held, alone = _held(layout, counts)
    skipped = layout.of("skip")
    shown = {place.path for places in (alone, skipped) for place in _first(places)}
    lines = [Understood(0, f"{layout.root}/", "")]
    for place in layout.places:
        if place.path in held:
            meaning = f"{place.role}: {_classes(held[place.path])}"
        elif place.path not in shown:
            continue
        elif place.role == "skip":
            meaning = f"left out: {place.why}, {counted(counts[place.path], 'file')}"
        else:
            split = f"{place.split}, " if place.split else ""
            meaning = f"{split}class {nfc(place.label)}: {counted(counts[place.path], 'image')}"
        lines.append(Understood(1, f"{place.path.relative_to(layout.root).as_posix()}/", meaning))
    for places, what, thing in ((alone, "class folders", "image"), (skipped, "left out", "file")):
        if more := places[len(_first(places)) :]:
            num_files = sum(counts[place.path] for place in more)
            meaning = f"{len(more):,} more {what}: {counted(num_files, thing)}"
            lines.append(Understood(1, "...", meaning))
    return lines


def _held(
    layout: Layout, counts: Mapping[Path, int]
) -> tuple[dict[Path, Counter[str]], list[Place]]:
    """The images by class of each split or part, and the classes in none of these."""
    holders = {place.path: place.path for place in layout.of("train", "val", "test", "part")}
    for place in layout.of("part"):
        if place.why == "all of it":  # so the line is that of the folder around it
            holders[place.path] = holders[place.path.parent]
    held: dict[Path, Counter[str]] = defaultdict(Counter)
    alone: list[Place] = []
    for place in layout.of("class"):
        holder = next((holders[path] for path in place.path.parents if path in holders), None)
        if holder is None:
            alone.append(place)
        else:
            held[holder][nfc(place.label)] += counts[place.path]
    return held, alone


def _first(places: Sequence[Place]) -> Sequence[Place]:
    return places if len(places) <= _MOST_LINES + 1 else places[:_MOST_LINES]


def _classes(images: Counter[str]) -> str:
    if len(images) > _MOST_NAMED:
        return f"{counted(images.total(), 'image')} in {len(images):,} classes"
    return ", ".join(f"{count:,} {label}" for label, count in images.items())
