"""What the images of a data set look like as files: blank ones, pages, depth, colour; Findings."""

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from pneumoray.data.depth import named
from pneumoray.data.image import Color
from pneumoray.data.manifest import Finding, is_blank
from pneumoray.data.ranges import is_dark

COLOURED = 5.0  # levels between channels: a grey film saved as a colour JPEG has one or two
_MIN_COLOURED = 0.05  # of the images: fewer are annotations
_MIN_GAIN = 0.1  # of AUROC: what colour must tell beyond brightness to be called a loss
_MIN_PHI = 0.4  # of two classes of equal size: AUROC 0.7
_MAX_P = 0.01


def appearance(
    images: pd.DataFrame, classes: tuple[str, ...], color: Color = "grey"
) -> list[Finding]:
    """Findings about images with their facts, which models will look at in `color`."""
    found = [*_blank(images), *_pages(images), *_shortcuts(images, classes)]
    if color == "grey":
        found += _colour_dropped(images, classes)
    return found


def _blank(images: pd.DataFrame) -> Iterator[Finding]:
    blank = images[is_blank(images)]
    if len(blank):
        are = "image has" if len(blank) == 1 else "images have"
        message = (
            f"{len(blank)} {are} one value everywhere, such as {blank['id'].iloc[0]}: nothing can be "
            "learned of it; blank images count as copies of none"
        )
        yield Finding("blank", "handled", message, tuple(blank["id"]))


def _pages(images: pd.DataFrame) -> Iterator[Finding]:
    several = images[images["num_frames"] > 1]
    if len(several):
        first = several.iloc[0]
        message = (
            f"{len(several)} file{'s have' if len(several) > 1 else ' has'} several pages or frames, "
            f"such as {first['id']} ({first['num_frames']}): the first of them is read, the others "
            "are not"
        )
        yield Finding("several-pages", "handled", message, tuple(several["id"]))


def _shortcuts(images: pd.DataFrame, classes: tuple[str, ...]) -> Iterator[Finding]:
    """Depth, and polarity, where they go with the class."""
    depths = "are " + images["depth"].map(named)
    depths = depths.where(~is_dark(images), depths + " and dark")
    for what, kinds in (("depth", depths), ("polarity", "say that " + images["polarity"])):
        if (found := _bound(kinds, images)) is None:
            continue
        kind, label, p = found
        has, inside = kinds == kind, images["label"] == label
        message = (
            f"the {what} of images goes with their class: {int((has & inside).sum())} of "
            f"{int(inside.sum())} images of {classes[label]} {kind}, and "
            f"{int((has & ~inside).sum())} of the {int((~inside).sum())} others (p {p:.1g}): a model "
            "may learn where images come from, and not what they show; take all classes from the same "
            "sources"
        )
        yield Finding("shortcut", "fix", message, tuple(images["id"][has]))


def _bound(kinds: pd.Series, images: pd.DataFrame) -> tuple[str, int, float] | None:
    """(kind, label, p) of the two that go together most, by Fisher's exact test and phi.

    Each patient counts once a kind and class; p is times the number of different pairs.
    """
    if kinds.nunique() < 2:
        return None
    from scipy import stats  # half a second: most data sets have one depth

    units = pd.DataFrame({"kind": kinds, "label": images["label"], "group": images["group"]})
    units = units.drop_duplicates()
    both = pd.crosstab(units["kind"], units["label"])
    counts = both.to_numpy(np.int64)
    of_kind, of_label = counts.sum(axis=1, keepdims=True), counts.sum(axis=0, keepdims=True)
    a, b, c = counts, of_kind - counts, of_label - counts
    d = len(units) - a - b - c
    phi = (a * d - b * c) / np.sqrt(np.maximum(1.0 * of_kind * (c + d) * of_label * (b + d), 1))
    num_pairs = math.prod(1 if n == 2 else n for n in counts.shape)
    found = []
    for place in zip(*np.nonzero(phi >= _MIN_PHI), strict=True):
        p = stats.fisher_exact([[a[place], b[place]], [c[place], d[place]]])[1] * num_pairs
        if p < _MAX_P:
            found.append((phi[place], both.index[place[0]], int(both.columns[place[1]]), p))
    return max(found)[1:] if found else None


def _colour_dropped(images: pd.DataFrame, classes: tuple[str, ...]) -> Iterator[Finding]:
    coloured = images[images["colour"] >= COLOURED]
    if len(coloured) < _MIN_COLOURED * len(images) or coloured.empty:
        return
    gain, label, by_colour, by_brightness = max(_gains(images))
    loses = (
        f"; {classes[label]} is told from the rest by its share of red or blue alone with an AUROC of "
        f"{by_colour:.2f}, by brightness with {by_brightness:.2f}"
        if gain >= _MIN_GAIN
        else ""
    )
    message = (
        f"{len(coloured)} of {len(images)} images are in colour, and color: grey looks at their "
        f"brightness only{loses}; set color: rgb to keep their colours"
    )
    yield Finding("colour-dropped", "handled", message)


def _gains(images: pd.DataFrame) -> Iterator[tuple[float, int, float, float]]:
    """(gain, label, AUROC of colour, of brightness) of each class against the others."""
    names = ("red_share", "blue_share", "brightness")
    red, blue, brightness = (_aurocs(images[name], images["label"]) for name in names)
    colour = np.maximum(red, blue)
    for label in brightness.index:
        yield colour[label] - brightness[label], int(label), colour[label], brightness[label]


def _aurocs(values: pd.Series, labels: pd.Series) -> pd.Series:
    """By label, how well `values` tell its images from all others, in either direction: 0.5 to 1."""
    ranks = values.rank().groupby(labels)
    num_in = ranks.size()
    num_out = (len(values) - num_in).clip(lower=1)
    aurocs = (ranks.mean() - (num_in + 1) / 2) / num_out
    return aurocs.where(aurocs >= 0.5, 1 - aurocs)
