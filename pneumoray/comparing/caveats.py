"""What a reader must know of a comparison's figures: what they are over, and what they leave out."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from pneumoray.comparing.contexts import Cell, Point
from pneumoray.errors import some_of


def about_trials(counts: Mapping[str, int], points: Sequence[Point]) -> str:
    """What the deviations are over; `counts` are trials by value, equally many or not."""
    usual = Counter(counts.values()).most_common(1)[0][0]
    if set(counts.values()) == {1}:
        return "one trial each: the spread between seeds is not known"
    are_seeds = len({(p.cell, p.row.config.config_id) for p in points}) == len(counts)
    what = ("seed" if are_seeds else "trial") + "s" * (usual > 1)
    said = f"± is the standard deviation over {usual} {what} each"
    others = [f"{count} for {label}" for label, count in counts.items() if count != usual]
    if others:
        said += f", but {some_of(others)}"
    if not are_seeds:
        said += "; it holds the differences between their other settings"
    return said


def about_pixels(points: Sequence[Point]) -> list[str]:
    """A word where `normalize: auto` may give one value of the axis other pixels than another."""
    sources: dict[Cell, set[tuple[str, str] | None]] = defaultdict(set)
    for point in points:
        config = point.row.config
        if config.normalize == "auto":
            is_pretrained = config.weights != "none"
            sources[point.cell].add((config.weights, config.backbone) if is_pretrained else None)
    if len({frozenset(of) for of in sources.values()}) < 2:
        return []
    return [
        "normalize auto: pretrained networks see pixels as their weights were trained with, others by "
        "the training images"
    ]


def about_empty(by: Sequence[str], cells: Iterable[Cell]) -> list[str]:
    """How many of the cells of two axes are missing."""
    found = set(cells)
    num_all = len({cell[0] for cell in found}) * len({cell[1] for cell in found})
    if len(found) == num_all:
        return []
    return [
        f"combinations of {' and '.join(by)} without a score: {num_all - len(found)} of {num_all}"
    ]
