"""Imaginary landmarks, as the parts that each is built of: a table, the longest module here."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

Body = Literal["flat", "block", "round"]

MATERIALS: dict[str, tuple[int, int, int]] = {
    "stone": (176, 168, 156),
    "marble": (224, 218, 206),
    "sand": (212, 184, 134),
    "brick": (166, 92, 70),
    "red": (188, 54, 44),
    "white": (236, 234, 228),
    "tiles": (84, 92, 104),
    "copper": (116, 160, 140),
    "timber": (124, 82, 54),
    "gold": (216, 176, 78),
    "dark": (46, 42, 44),
}


@dataclass(frozen=True)
class Part:
    """One piece of a landmark, a later one in front of an earlier one.

    `outline` is (N, 2): x to the right of the landmark's middle, y up from the ground; a landmark
    is about 1 high. A block shows a side when it is seen at an angle, a round body fades to its
    edges.
    """

    outline: np.ndarray
    material: str
    body: Body = "flat"


def _box(left: float, right: float, low: float, high: float) -> np.ndarray:
    return np.array([[left, low], [left, high], [right, high], [right, low]])


def _taper(bottom: float, top: float, low: float, high: float, x: float = 0) -> np.ndarray:
    """Half widths at the bottom and at the top."""
    return np.array([[x - bottom, low], [x - top, high], [x + top, high], [x + bottom, low]])


def _arch(x: float, half: float, low: float, high: float) -> np.ndarray:
    """An opening with a round top."""
    angles = np.linspace(0, np.pi, 13)
    top = np.stack([x + half * np.cos(angles), high - half + half * np.sin(angles)], axis=1)
    return np.concatenate([[[x + half, low]], top, [[x - half, low]]])


def _dome(x: float, half: float, low: float, height: float) -> np.ndarray:
    angles = np.linspace(0, np.pi, 25)
    return np.stack([x + half * np.cos(angles), low + height * np.sin(angles)], axis=1)


def _disc(x: float, y: float, radius: float) -> np.ndarray:
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    return np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles)], axis=1)


def _roof(half: float, ridge: float, low: float, high: float, upturn: float = 0.0) -> np.ndarray:
    """Hollow slopes from a ridge (half its length) down to eaves, whose tips may turn up."""
    down = np.linspace(0, 1, 9)
    right = ridge + (half - ridge) * down
    heights = low + (high - low) * (1 - down) ** 1.7 + upturn * down**6
    slope = np.stack([right, heights], axis=1)
    eaves = np.array([[0.8 * half, low - 0.012], [-0.8 * half, low - 0.012]])
    return np.concatenate([slope, eaves, (slope * [-1, 1])[::-1]])


def _line(start: tuple[float, float], end: tuple[float, float], width: float) -> np.ndarray:
    a, b = np.array(start), np.array(end)
    along = (b - a) / np.hypot(*(b - a))
    across = width / 2 * np.array([-along[1], along[0]])
    return np.array([a + across, b + across, b - across, a - across])


def _obelisk() -> list[Part]:
    return [
        Part(_box(-0.2, 0.2, 0, 0.1), "stone", "block"),
        Part(_taper(0.085, 0.055, 0.1, 0.9), "stone", "block"),
        Part(_taper(0.055, 0.001, 0.9, 1.0), "gold"),
    ]


def _pagoda() -> list[Part]:
    parts = [Part(_box(-0.36, 0.36, 0, 0.06), "stone", "block")]
    for i in range(5):
        low, half = 0.06 + 0.165 * i, 0.24 - 0.03 * i
        parts += [
            Part(_box(-half, half, low, low + 0.11), "red", "block"),
            Part(_box(-0.3 * half, 0.3 * half, low, low + 0.08), "dark"),
            Part(_roof(half + 0.13, half - 0.04, low + 0.1, low + 0.18, 0.03), "tiles"),
        ]
    return [*parts, Part(_taper(0.02, 0.004, 0.88, 1.06), "gold")]


def _cathedral() -> list[Part]:
    parts = [
        Part(_box(-0.5, 0.5, 0, 0.32), "marble", "block"),
        Part(_box(-0.27, 0.27, 0.32, 0.5), "marble", "round"),
        Part(_dome(0, 0.27, 0.5, 0.34), "copper", "round"),
        Part(_box(-0.05, 0.05, 0.83, 0.93), "marble", "round"),
        Part(_taper(0.05, 0.004, 0.93, 1.04), "copper"),
    ]
    parts += [Part(_arch(x, 0.035, 0.34, 0.47), "dark") for x in (-0.16, -0.055, 0.055, 0.16)]
    return parts + [Part(_arch(x, 0.06, 0, 0.22), "dark") for x in (-0.36, -0.12, 0.12, 0.36)]


def _triumphal_arch() -> list[Part]:
    return [
        Part(_box(-0.5, 0.5, 0, 0.82), "stone", "block"),
        Part(_box(-0.54, 0.54, 0.6, 0.65), "marble"),
        Part(_arch(0, 0.18, 0, 0.54), "dark"),
        Part(_arch(-0.36, 0.07, 0, 0.32), "dark"),
        Part(_arch(0.36, 0.07, 0, 0.32), "dark"),
    ]


def _bridge() -> list[Part]:
    parts = [Part(_box(-1.5, 1.5, 0.26, 0.32), "red", "block")]
    span = np.linspace(-0.62, 0.62, 13)
    cable = [(x, 0.38 + 0.6 * (x / 0.62) ** 2) for x in span]
    path = [(-1.5, 0.34), *cable, (1.5, 0.34)]
    parts += [Part(_line(a, b, 0.022), "red") for a, b in pairwise(path)]
    parts += [Part(_line((x, 0.3), (x, y), 0.008), "red") for x, y in cable[1:-1]]
    for x in (-0.62, 0.62):
        for side in (-0.055, 0.055):
            parts.append(Part(_box(x + side - 0.025, x + side + 0.025, 0, 1), "red", "block"))
        parts += [Part(_box(x - 0.08, x + 0.08, y, y + 0.04), "red") for y in (0.55, 0.76, 0.95)]
    return parts


def _lighthouse() -> list[Part]:
    parts = [Part(_box(0.1, 0.42, 0, 0.16), "white", "block")]
    parts.append(Part(_taper(0.13, 0.085, 0, 0.8), "white", "round"))
    for low in (0.12, 0.4, 0.66):
        widths = [0.13 - 0.045 * y / 0.8 for y in (low, low + 0.13)]
        parts.append(Part(_taper(widths[0], widths[1], low, low + 0.13), "red", "round"))
    return [
        *parts,
        Part(_box(-0.11, 0.11, 0.8, 0.83), "dark"),
        Part(_box(-0.06, 0.06, 0.83, 0.93), "gold"),
        Part(_dome(0, 0.07, 0.93, 0.08), "red"),
    ]


def _windmill() -> list[Part]:
    parts = [
        Part(_taper(0.21, 0.12, 0, 0.68), "white", "round"),
        Part(_dome(0, 0.135, 0.68, 0.12), "timber", "round"),
        Part(_arch(0, 0.045, 0, 0.16), "dark"),
    ]
    for angle in np.radians([25, 115, 205, 295]):
        tip = 0.46 * np.cos(angle), 0.66 + 0.46 * np.sin(angle)
        parts += [Part(_line((0, 0.66), tip, 0.024), "timber")]
        inner = 0.12 * np.cos(angle + 0.5), 0.66 + 0.12 * np.sin(angle + 0.5)
        outer = 0.46 * np.cos(angle + 0.13), 0.66 + 0.46 * np.sin(angle + 0.13)
        parts += [Part(_line(inner, outer, 0.07), "marble")]
    return [*parts, Part(_disc(0, 0.66, 0.03), "dark")]


def _pyramid() -> list[Part]:
    parts = [
        Part(np.array([[-0.85, 0], [0.15, 0.92], [0.4, 0]]), "sand"),
        Part(np.array([[0.4, 0], [0.15, 0.92], [0.9, 0.06]]), "timber"),
    ]
    for y in (0.15, 0.3, 0.45, 0.6, 0.75):
        left, right = -0.85 + y / 0.92, 0.4 - 0.25 * y / 0.92
        parts.append(Part(_line((left, y), (right, y), 0.012), "timber"))
    return parts


def _temple() -> list[Part]:
    parts = [
        Part(_box(-0.66, 0.66, 0, 0.05), "stone", "block"),
        Part(_box(-0.6, 0.6, 0.05, 0.1), "marble", "block"),
        Part(_box(-0.54, 0.54, 0.1, 0.5), "dark"),
    ]
    parts += [Part(_box(x - 0.04, x + 0.04, 0.1, 0.5), "marble", "round") for x in _places(7, 0.5)]
    return [
        *parts,
        Part(_box(-0.6, 0.6, 0.5, 0.58), "marble", "block"),
        Part(np.array([[-0.64, 0.58], [0, 0.78], [0.64, 0.58]]), "marble", "block"),
        Part(np.array([[-0.46, 0.605], [0, 0.74], [0.46, 0.605]]), "stone"),
    ]


def _clock_tower() -> list[Part]:
    return [
        Part(_box(-0.13, 0.13, 0, 0.76), "brick", "block"),
        Part(_box(-0.15, 0.15, 0.56, 0.6), "stone"),
        Part(_box(-0.15, 0.15, 0.76, 0.8), "stone", "block"),
        Part(_disc(0, 0.68, 0.075), "white"),
        Part(_line((0, 0.68), (0.02, 0.735), 0.014), "dark"),
        Part(_line((0, 0.68), (0.04, 0.67), 0.014), "dark"),
        Part(_taper(0.16, 0.005, 0.8, 1.05), "tiles"),
        *(Part(_arch(0, 0.035, y, y + 0.12), "dark") for y in (0.05, 0.22, 0.39)),
    ]


def _hall(num_bays: int, half: float, upturn: float, ridge: float) -> list[Part]:
    """A timber hall under a tiled roof, on a terrace."""
    parts = [
        Part(_box(-half - 0.1, half + 0.1, 0, 0.12), "stone", "block"),
        Part(_box(-half, half, 0.12, 0.38), "marble", "block"),
    ]
    edges = _places(num_bays + 1, half)
    for left, right in pairwise(edges):
        gap = 0.18 * (right - left)
        parts.append(Part(_box(left + gap, right - gap, 0.13, 0.33), "timber"))
    parts += [Part(_box(x - 0.018, x + 0.018, 0.12, 0.4), "red") for x in edges]
    return [
        *parts,
        Part(_roof(half + 0.16, ridge, 0.37, 0.64, upturn), "tiles"),
        Part(_box(-ridge - 0.02, ridge + 0.02, 0.63, 0.665), "dark"),
    ]


def _hyanggyo() -> list[Part]:
    return _hall(num_bays=3, half=0.5, upturn=0.0, ridge=0.46)


def _seowon() -> list[Part]:
    return _hall(num_bays=5, half=0.54, upturn=0.07, ridge=0.36)


def _gate() -> list[Part]:
    return [
        Part(_taper(0.055, 0.045, 0, 0.8, -0.36), "red", "round"),
        Part(_taper(0.055, 0.045, 0, 0.8, 0.36), "red", "round"),
        Part(_box(-0.48, 0.48, 0.58, 0.64), "red", "block"),
        Part(_box(-0.04, 0.04, 0.64, 0.78), "red"),
        Part(_roof(0.66, 0.6, 0.78, 0.86, 0.08), "red"),
        Part(_line((-0.6, 0.875), (0.6, 0.875), 0.03), "dark"),
    ]


def _castle() -> list[Part]:
    parts = [Part(_box(-0.62, 0.62, 0, 0.36), "stone", "block")]
    parts += [Part(_box(x - 0.035, x + 0.035, 0.36, 0.41), "stone") for x in _places(9, 0.56)]
    for x, high in ((-0.6, 0.56), (0.6, 0.62), (-0.18, 0.74)):
        parts += [
            Part(_box(x - 0.11, x + 0.11, 0, high), "stone", "round"),
            Part(_taper(0.14, 0.004, high, high + 0.26, x), "brick", "round"),
            Part(_arch(x, 0.02, high - 0.16, high - 0.06), "dark"),
        ]
    return [*parts, Part(_arch(0.2, 0.1, 0, 0.25), "dark")]


def _stupa() -> list[Part]:
    parts = [Part(_box(-h, h, y, y + 0.07), "white", "block") for h, y in ((0.6, 0), (0.48, 0.07))]
    parts += [
        Part(_dome(0, 0.38, 0.14, 0.42), "white", "round"),
        Part(_box(-0.1, 0.1, 0.54, 0.64), "gold"),
    ]
    rings = [(0.09 - 0.014 * i, 0.64 + 0.06 * i) for i in range(6)]
    return parts + [Part(_taper(half, half - 0.01, y, y + 0.05), "gold") for half, y in rings]


def _places(num: int, half: float) -> list[float]:
    """`num` places from -half to half."""
    return np.linspace(-half, half, num).tolist()


# A hyanggyo (a county's school) and a seowon (a private academy) look alike to a stranger: on
# purpose, the first data set of this kind had them confused.
LANDMARKS: dict[str, Callable[[], list[Part]]] = {
    "bridge": _bridge,
    "castle": _castle,
    "cathedral": _cathedral,
    "clock_tower": _clock_tower,
    "hyanggyo": _hyanggyo,
    "lighthouse": _lighthouse,
    "obelisk": _obelisk,
    "pagoda": _pagoda,
    "pyramid": _pyramid,
    "seowon": _seowon,
    "temple": _temple,
    "windmill": _windmill,
    "gate": _gate,
    "stupa": _stupa,
    "triumphal_arch": _triumphal_arch,
}
