"""How every picture looks: colours, lines and markers, where words break, and the PNG of a Figure."""

import io
from collections.abc import Sequence
from typing import Any, Final

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy import linspace

from pneumoray.evaluation.fonts import show_every_letter

DPI = 120
# Okabe and Ito's colours (jfly.uni-koeln.de/color), which the colour-blind tell apart, less the
# yellow, which is faint on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
VAL, TRAIN, THRESHOLD = COLOURS[:3]
FAINT = "#6b7280"  # of what is there for comparison
# Colour is never alone: training is dotted, and means over fewer trials than a line began with are
# dashed.
TRAIN_LINE: Final = ":"
FEWER_LINE: Final = (0, (4, 2.5))
LINES = ("-", (0, (5, 1.5)), (0, (6, 1.5, 1, 1.5)), (0, (1, 1)), (0, (3, 1, 1, 1, 1, 1)))
_MARKERS = "os^DvPX*<>hp"
_LETTERS_AN_INCH = 12  # of a title


def styles(labels: Sequence[str], in_order: bool) -> dict[str, dict[str, Any]]:
    """Colour and marker of each value, as matplotlib takes them. `in_order`: from dark to light."""
    shades = matplotlib.colormaps["viridis"](linspace(0, 0.82, len(labels)))
    found = {}
    for i, label in enumerate(labels):
        colour = tuple(shades[i]) if in_order else COLOURS[i % len(COLOURS)]
        is_again = not in_order and i >= len(COLOURS)  # of the colour: the marker is hollow
        found[label] = {
            "color": colour,
            "marker": _MARKERS[i % len(_MARKERS)],
            "markerfacecolor": "white" if is_again else colour,
        }
    return found


def wrapped(text: str, width: int) -> str:
    """`text` in lines of at most `width`, cut where a layer string or words may be."""
    lines = [""]
    for part in text.replace("-", "-\0").replace(" ", " \0").split("\0"):
        if lines[-1] and len(lines[-1] + part) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.rstrip() for line in lines)


def entitle(figure: Figure, what: str, of: str, how: str = "") -> None:
    """The picture's name, then what it is of, then how classes are called; each begins a line."""
    width = int(figure.get_figwidth() * _LETTERS_AN_INCH)
    lines = [wrapped(line, width) for line in (what, of, how) if line]
    figure.suptitle("\n".join(lines), fontsize="large")


def explain(axes: Axes, **legend: Any) -> None:
    """A faint grid, and the legend of what was drawn with a label."""
    axes.grid(alpha=0.3)
    axes.legend(frameon=True, fontsize="small", **legend)


def png(figure: Figure) -> bytes:
    """The figure as a PNG; the same figure gives the same bytes."""
    show_every_letter(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
