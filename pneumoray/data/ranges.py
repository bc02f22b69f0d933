"""The ranges of a data set's depth classes, decided for all of its images, and what is told of it."""

import pandas as pd

from pneumoray.data.depth import COLOUR, SIXTEEN, Ranges, is_class, named, smallest, written
from pneumoray.data.manifest import Finding, is_blank
from pneumoray.data.said import Range

UNKNOWN = "unknown-range"  # the kind of finding that nothing can be packed with
_MANY_DARK = 0.05  # of a class: more are no exceptions but images of another depth


def decide(images: pd.DataFrame, pixel_range: Range | None) -> tuple[Ranges, list[Finding]]:
    """The range of each depth class that `images` (with their facts) have, and findings about it.

    It is `pixel_range` where that is given, else the least power of two that holds all values of
    all images of the class. A class whose range can't be known, or whose values lie outside, has a
    finding to fix and no range.
    """
    ranges: list[tuple[str, float, float]] = []
    found: list[Finding] = []
    for depth, own in images.groupby("depth", sort=True):
        if is_class(str(depth)):
            range_, finding = _of_class(str(depth), own, pixel_range)
            found.append(finding)
            ranges += [(str(depth), *range_)] if range_ is not None else []
    return tuple(ranges), [*found, *_dark(images)]


def is_dark(images: pd.DataFrame) -> pd.Series:
    """Which images of a depth class end three bits or more below the brightest of them."""
    brightest = images.groupby("depth")["high"].transform("max")
    far_below = 8 * (images["high"] + 1) <= brightest + 1
    return images["depth"].map(is_class) & (images["low"] >= 0) & far_below & ~is_blank(images)


def _of_class(
    depth: str, own: pd.DataFrame, pixel_range: Range | None
) -> tuple[Range | None, Finding]:
    low, high = own["low"].min(), own["high"].max()
    what = f"{_counted(own, depth)} with values from {written((low, high))}"
    least = smallest(depth, low, high)
    is_said = pixel_range is not None and not depth.endswith(" of 16")
    range_ = pixel_range if is_said else least
    if depth == COLOUR and range_ != SIXTEEN:
        return None, _fix(
            own,
            f"{what}, such as {own['id'].iloc[0]}: too dark to be read of colour; convert to "
            "8 bits a channel",
        )
    if range_ is None:
        return None, _fix(
            own,
            f"{what}, such as {own['id'].iloc[0]}: nothing says which are black and white; say it with "
            "pixel_range: [0, 1] in the study ('audit' and 'evaluate': --pixel-range 0 1), or convert to "
            "8 bits",
        )
    outside = own[(own["low"] < range_[0]) | (own["high"] > range_[1])]
    if len(outside):
        first = outside.iloc[0]
        return None, _fix(
            outside,
            f"{_counted(outside, depth)} with values outside of pixel_range {written(range_)}, such as "
            f"{first['id']} ({written(first[['low', 'high']])}): give the range that holds them all, or "
            "convert to 8 bits",
        )
    why = ", as pixel_range says" if is_said else "; say another with pixel_range: [LOW, HIGH]"
    message = (
        f"{what}: nothing says which are black and white, so {written(range_)} is used for all such "
        f"images, and when predicting{why}"
    )
    return range_, Finding("pixel-range", "handled", message)


def _counted(rows: pd.DataFrame, depth: str) -> str:
    return f"{len(rows)} {named(depth)} image{'s' if len(rows) > 1 else ''}"


def _fix(rows: pd.DataFrame, message: str) -> Finding:
    return Finding(UNKNOWN, "fix", message, tuple(rows["id"]))


def _dark(images: pd.DataFrame) -> list[Finding]:
    found = []
    dark = images[is_dark(images)]
    for depth, own in dark.groupby("depth", sort=True):
        of_class = images[images["depth"] == depth]
        message = (
            f"{len(own)} of {len(of_class)} {named(str(depth))} images have no value above "
            f"{own['high'].max():.0f}, such as {own['id'].iloc[0]}, and others reach "
            f"{of_class['high'].max():.0f}: all have one range, so these come out dark; if they have "
            "fewer bits, convert them to 8 bits"
        )
        severity = "fix" if len(own) > _MANY_DARK * len(of_class) else "note"
        found.append(Finding("mixed-depth", severity, message, tuple(own["id"])))  # type: ignore[arg-type]
    return found
