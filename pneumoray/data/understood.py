"""How a layout was understood, as a small tree of lines."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path

from pneumoray.data.layout import Layout, Place
from pneumoray.data.manifest import Understood
from pneumoray.errors import counted

_MOST_CLASSES = 12  # folders of classes that have a line each
_MOST_NAMED = 4  # classes in the line of a split


def tree_of(layout: Layout, counts: Mapping[Path, int]) -> list[Understood]:
    """A line for each split, part, class and folder left out, with `counts` files of each place.

    Of many classes a few are shown.
    """
    holders = {place.path: place.path for place in layout.of("train", "val", "test", "part")}
    for place in layout.of("part"):
        if place.why:  # all that the folder around it holds
            holders[place.path] = holders[place.path.parent]
    held: dict[Path, Counter[str]] = defaultdict(Counter)
    alone: list[Place] = []
    for place in layout.of("class"):
        holder = next((holders[path] for path in place.path.parents if path in holders), None)
        if holder is None:
            alone.append(place)
        else:
            held[holder][place.label] += counts[place.path]
    shown = alone if len(alone) <= _MOST_CLASSES else alone[: _MOST_CLASSES - 2]
    shown_paths = {place.path for place in shown}
    lines = [Understood(0, f"{layout.root}/", "")]
    for place in layout.places:
        name = f"{place.path.relative_to(layout.root).as_posix()}/"
        if place.role == "skip":
            meaning = f"left out: {place.why}, {counted(counts[place.path], 'file')}"
        elif place.path in held:
            meaning = f"{place.role}: {_classes(held[place.path])}"
        elif place.path in shown_paths:
            split = f"{place.split}, " if place.split else ""
            meaning = f"{split}class {place.label}: {counted(counts[place.path], 'image')}"
        else:
            continue
        lines.append(Understood(1, name, meaning))
        if len(shown) < len(alone) and place is shown[-1]:
            hidden = alone[len(shown) :]
            num_images = sum(counts[one.path] for one in hidden)
            meaning = f"{len(hidden):,} more classes: {counted(num_images, 'image')}"
            lines.append(Understood(1, "...", meaning))
    return lines


def _classes(images: Counter[str]) -> str:
    if len(images) > _MOST_NAMED:
        return f"{counted(images.total(), 'image')} in {len(images):,} classes"
    return ", ".join(f"{count:,} {label}" for label, count in images.items())
