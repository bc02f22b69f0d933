"""Layer strings: 'C64-C64-P-C128-P-F-D128-D' becomes a table of shapes.

    C64    convolution with 64 filters, then batch norm where asked for, then the activation
    P      2 x 2 max pooling
    F      flatten
    D128   dense layer of 128 units, then the activation and dropout
    D      the last one: the output layer, whose width is the number of logits

C and D without a number take theirs from the study. The table needs no torch.
"""

import math
import re
from dataclasses import dataclass
from typing import Literal

from pneumoray.errors import StudyError
from pneumoray.models.architecture import MOST_WIDE, Architecture

Kind = Literal["convolution", "pooling", "flatten", "dense"]
Shape = tuple[int, ...]  # of one image: (channels, height, width), and (features,) from F on

KINDS: dict[str, Kind] = {"C": "convolution", "P": "pooling", "F": "flatten", "D": "dense"}
_TOKEN = re.compile(r"([CD])(\d*)|([PF])")


@dataclass(frozen=True)
class Layer:
    """One row of the table. `shape` is what comes out; every parameter can be trained."""

    position: int  # from 1
    token: str
    kind: Kind
    words: str
    shape: Shape
    parameters: int


def describe(architecture: Architecture, num_classes: int) -> list[Layer]:
    """The layers of the string that is `architecture.backbone`, from the image to the logits.

    Raises StudyError for a string that can't be built, naming the position and the shape there.
    """
    num_logits = architecture.num_logits(num_classes)
    tokens = architecture.backbone.split("-")
    shape: Shape = (architecture.in_chans, architecture.image_size, architecture.image_size)
    found: list[Layer] = []
    position = 0

    def refused(reason: object) -> StudyError:
        return StudyError(
            f"layer string {architecture.backbone}: position {position} ({tokens[position - 1]}): "
            f"{reason}; the shape there is {shown(shape)}"
        )

    for position, token in enumerate(tokens, start=1):
        try:
            kind, number = _parsed(token)
            is_last = position == len(tokens)
            words, out, parameters = _layer(
                kind, number, shape, found, architecture, num_logits if is_last else None
            )
        except ValueError as error:
            raise refused(error) from None
        found.append(Layer(position, token, kind, words, out, parameters))
        shape = out
    if found[-1].kind != "dense":
        missing = "D" if found[-1].kind == "flatten" else "F and D"
        raise refused(f"the string ends here without {missing}; end it on F-D, the output layer")
    return found


def shown(shape: Shape) -> str:
    """'64 x 16 x 16', of channels, height and width; '1024' of a flat one."""
    return " x ".join(map(str, shape))


def _parsed(token: str) -> tuple[Kind, int | None]:
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise ValueError(f"there is no layer {token!r}, write C or C64, P, F, D or D128")
    number = int(match[2]) if match[2] else None
    if number == 0:
        raise ValueError(f"a layer of width 0 gives nothing, write {token[0]}1 or more")
    if number is not None and number > MOST_WIDE:
        raise ValueError(f"a layer is at most {MOST_WIDE} wide, write {token[0]}64 or the like")
    return KINDS[token[0]], number


def _layer(
    kind: Kind,
    number: int | None,
    shape: Shape,
    before: list[Layer],
    architecture: Architecture,
    num_logits: int | None,  # of the last layer
) -> tuple[str, Shape, int]:
    """(words, shape that comes out, parameters). Raises ValueError where it can't stand there."""
    is_flat = len(shape) == 1
    if is_flat and kind != "dense":
        raise ValueError("after F come dense layers only, move it before F")
    match kind:
        case "convolution":
            return _convolution(shape, number or _filters(before, architecture), architecture)
        case "pooling":
            channels, *sides = shape
            if min(sides) < 2:
                raise ValueError(
                    "2 x 2 max pooling needs 2 x 2, use fewer P or a larger image_size"
                )
            return "max pooling 2 x 2", (channels, *(side // 2 for side in sides)), 0
        case "flatten":
            return "flatten", (math.prod(shape),), 0
    if not is_flat:
        raise ValueError("a dense layer needs F before it")
    dropout = f"dropout {architecture.dropout:g}" if architecture.dropout else ""
    if num_logits is None:
        units = number or architecture.units
        words = ["dense", f"{units} units", architecture.activation, dropout]
    elif number is not None:
        raise ValueError("the last D is the output layer and takes no number, write D or add -D")
    else:
        units = num_logits
        first = before[-1].kind == "flatten"  # elsewhere dropout came with the dense layer before
        words = [dropout if first else "", "dense", f"{units} logit{'s' * (units > 1)}"]
    return ", ".join(filter(None, words)), (units,), (shape[0] + 1) * units


def _filters(before: list[Layer], architecture: Architecture) -> int:
    """One number for each block between pools, the last one repeated."""
    num_pools = sum(layer.kind == "pooling" for layer in before)
    return architecture.filters[min(num_pools, len(architecture.filters) - 1)]


def _convolution(shape: Shape, filters: int, architecture: Architecture) -> tuple[str, Shape, int]:
    channels, height, width = shape
    kernel = architecture.kernel_size
    if architecture.padding == "valid":
        height, width = height - kernel + 1, width - kernel + 1
        if min(height, width) < 1:
            raise ValueError(
                f"a valid convolution of {kernel} x {kernel} needs a map as large, "
                "use padding: same, fewer layers or a larger image_size"
            )
    # batch norm has a shift of its own, so that the convolution before it needs no bias
    parameters = channels * kernel**2 * filters + filters * (2 if architecture.batch_norm else 1)
    norm = "batch norm" if architecture.batch_norm else ""
    words = f"convolution {kernel} x {kernel}", f"{filters} filters", norm, architecture.activation
    return ", ".join(filter(None, words)), (filters, height, width), parameters
