"""What stored values mean: the range of a depth class, and from it 8 bits.

A class is what a file says of its values where it doesn't say their range: "16", "signed 16", "32",
"signed 32", "float", "16 colour", and "12 of 16" of a PNG with 12 significant bits, which may or
may not be scaled to 16. All images of a data set that are of one class have one range: a range for
each would make a dark film as bright as any other.
"""

from collections.abc import Iterable

import numpy as np
from PIL import Image

from pneumoray.data.said import WHITE, Range
from pneumoray.data.stored import Stored
from pneumoray.errors import DataError

Ranges = tuple[tuple[str, float, float], ...]  # (depth class, black, white)

SIXTEEN: Range = (0, 2**16 - 1)
COLOUR = "16 colour"
# What images are read with before their range is decided: of most it is this.
WIDEST: Ranges = (("16", *SIXTEEN), (COLOUR, *SIXTEEN))
CLASSES = ("16", "signed 16", "32", "signed 32", "float", COLOUR)
_FULL: dict[str, Range] = {
    "16": SIXTEEN,
    COLOUR: SIXTEEN,
    "signed 16": (-(2**15), 2**15 - 1),
    "32": (0, 2**32 - 1),
    "signed 32": (-(2**31), 2**31 - 1),
}


def is_class(depth: str) -> bool:
    """Whether the range of its values is decided for the data set, not stated by the file."""
    return depth in CLASSES or depth.endswith(" of 16")


def smallest(depth: str, low: float, high: float) -> Range | None:
    """The least range of a class, by powers of two, that holds `low` to `high`; None of floats."""
    if depth == "float":
        return None
    if depth.endswith(" of 16"):
        stated = 2 ** int(depth.split(maxsplit=1)[0]) - 1
        return (0, stated) if high <= stated else SIXTEEN
    bits = max(8, int(high).bit_length())
    if low >= 0:
        return 0, 2**bits - 1
    bits = max(7, int(high).bit_length(), (-int(low) - 1).bit_length())
    return -(2**bits), 2**bits - 1


def certain(depth: str, low: float, high: float) -> Range | None:
    """The range of a class that values from `low` to `high` leave as the only one, if they do.

    Of 12 bits in 16 that end in 12 a film may be a dark one that was scaled to 16.
    """
    found = smallest(depth, low, high)
    full = SIXTEEN if depth.endswith(" of 16") else _FULL.get(depth)
    return found if found == full else None


def written(range_: Iterable[float]) -> str:
    """A range, or any low and high, for people: "0 to 4095"."""
    return " to ".join(f"{n:.0f}" if n == int(n) else f"{n:.4g}" for n in range_)


def named(depth: str) -> str:
    """A depth for people: "16-bit", "signed 16-bit", "floating-point"."""
    if depth == "float":
        return "floating-point"
    if depth == COLOUR:
        return "16-bit colour"
    if depth.startswith("0 to "):
        return depth
    return f"{depth.replace(' of ', '-of-')}-bit"


def extent(stored: Stored) -> Range:
    """The lowest and highest stored value; of 16-bit colour as far as its high bytes tell."""
    if isinstance(stored.pixels, np.ndarray):
        return stored.pixels.min().item(), stored.pixels.max().item()
    bands = stored.pixels.getextrema()
    pairs = bands if isinstance(bands[0], tuple) else (bands,)
    low, high = min(pair[0] for pair in pairs), max(pair[1] for pair in pairs)
    return (low * 256, high * 256 + 255) if stored.depth == COLOUR else (low, high)


def range_in(ranges: Ranges, depth: str) -> Range | None:
    """What `ranges` say of a depth class."""
    return next(((low, high) for name, low, high in ranges if name == depth), None)


def range_of(stored: Stored, ranges: Ranges) -> Range | None:
    """What the file says, else what `ranges` say of its class."""
    if stored.range is not None:
        return stored.range
    return range_in(ranges, stored.depth)


def alone(stored: Stored) -> Ranges:
    """What a data set of this one image would decide."""
    if stored.range is not None:
        return ()
    range_ = smallest(stored.depth, *extent(stored))
    return () if range_ is None else ((stored.depth, *range_),)


def shown(stored: Stored, ranges: Ranges = ()) -> Image.Image:
    """The film that a file shows, in mode L or RGB, 8 bit, by its range.

    Without one for its class, values that can be meant in one way only are used. Raises DataError
    for others, and for values outside of their range.
    """
    range_ = range_of(stored, ranges)
    if stored.range is not None and isinstance(stored.pixels, Image.Image):
        return stored.pixels
    low, high = extent(stored)
    range_ = range_ or certain(stored.depth, low, high)
    what = f"is a {named(stored.depth)} image with values from {written((low, high))}"
    if stored.depth == COLOUR and range_ != SIXTEEN:
        raise DataError(f"{what}, too few to be read of colour: convert it to 8 bits a channel")
    if range_ is None:
        example = written(smallest(stored.depth, low, high) or (0, 1)).replace(" to ", " ")
        raise DataError(
            f"{what}, and nothing says which are black and white: convert it to 8 bits, or say it, "
            f"such as --pixel-range {example}"
        )
    if not range_[0] <= low <= high <= range_[1]:
        raise DataError(
            f"{what}, outside of the range of such images here, {written(range_)}: convert it to 8 "
            "bits, or say another with --pixel-range LOW HIGH"
        )
    return to_eight_bits(stored, range_)


def to_eight_bits(stored: Stored, range_: Range) -> Image.Image:
    """Black becomes 0 and white 255, rounded; values outside of `range_` are cut off."""
    if isinstance(stored.pixels, Image.Image):
        return stored.pixels
    if stored.pixels.dtype == np.uint16:  # by a table: a film of 20 million pixels in 0.1 s
        table = _levels(np.arange(2**16), range_, stored.polarity)
        return Image.fromarray(table[stored.pixels])
    return Image.fromarray(_levels(stored.pixels, range_, stored.polarity))


def _levels(values: np.ndarray, range_: Range, polarity: str) -> np.ndarray:
    low, high = range_
    levels = (values.astype(np.float64) - low) * (255 / (high - low))
    if polarity == WHITE:
        levels = 255 - levels
    return np.floor(levels.clip(0, 255) + 0.5).astype(np.uint8)
