"""Pictures of a comparison's scores, as PNG bytes: against time, and as a map of two axes.

Readable with up to twelve values. Colours are told apart by the colour-blind, and each value has a
marker of its own besides.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from sklearn.isotonic import isotonic_regression

from pneumoray.evaluation.fonts import readable
from pneumoray.evaluation.style import DPI, png, styles, wrapped

SCORE = "Validation AUROC at the best epoch"
_LINE_INCHES = 0.15  # of a name
_WIDE = 20  # largest of the times over the smallest, from which their axis is logarithmic


def score_against_time(points: pd.DataFrame, by: str, *, in_order: bool = False) -> bytes:
    """One point a value, named at the right: best to the upper left.

    `points` is indexed by label and holds minutes, val_auroc, and their deviations minutes_sd and
    val_auroc_sd (nan: no bar).
    """
    style_of = styles(list(points.index), in_order)
    height = max(4.6, 0.36 * len(points) + 1.6)
    figure = Figure(figsize=(9.5, height), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    for label, point in points.iterrows():
        bars = {
            f"{axis}err": point[f"{name}_sd"]
            for axis, name in (("x", "minutes"), ("y", "val_auroc"))
            if np.isfinite(point[f"{name}_sd"])
        }
        look: dict[str, Any] = {"linestyle": "none", "markersize": 9, "capsize": 3, "elinewidth": 1}
        axes.errorbar(point["minutes"], point["val_auroc"], **bars, **look, **style_of[str(label)])
    has_bars = bool(points[["minutes_sd", "val_auroc_sd"]].notna().to_numpy().any())
    axes.set(
        xlabel="Training time of one trial (minutes)",
        ylabel=SCORE,
        title=f"Score against time by {by}" + (" (bars: standard deviation)" if has_bars else ""),
    )
    axes.margins(x=0.08, y=0.12)
    _time_axis(axes, points)
    axes.grid(alpha=0.3)
    colours = {label: style["color"] for label, style in style_of.items()}
    _name_at_the_right(axes, points, colours, height - 1.1)
    return png(figure)


def heat_map(means: pd.DataFrame, deviations: pd.DataFrame) -> bytes:
    """Scores of two axes as a grid of numbered cells; what was not trained is hatched.

    Both frames have the first axis down and the second across, and are named by them. nan in
    `means` is an empty cell, in `deviations` a mean of one.
    """
    num_rows, num_columns = means.shape
    width = min(3.2 + max(1.15 * num_columns, 3.2) + 0.07 * max(map(len, means.index)), 15)
    height = min(1.9 + max(0.62 * num_rows, 2.2), 12)
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    axes.patch.set(hatch="///", edgecolor="#9ca3af", facecolor="white")
    values, spreads = means.to_numpy(dtype=float), deviations.to_numpy(dtype=float)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if high - low < 1e-6:  # one shade, and ticks that can be told apart
        low, high = low - 0.005, high + 0.005
    image = axes.imshow(
        np.ma.masked_invalid(values), cmap="cividis", aspect="auto", vmin=low, vmax=high
    )
    for row, column in np.argwhere(np.isfinite(values)):
        score, deviation = values[row, column], spreads[row, column]
        axes.text(
            column,
            row,
            f"{score:.3f}" + (f"\n± {deviation:.3f}" if np.isfinite(deviation) else ""),
            ha="center",
            va="center",
            fontsize=10 if num_columns <= 8 else 8,
            color="black" if (score - low) / (high - low) > 0.55 else "white",
        )
    longest = max(map(len, means.columns)) * num_columns
    axes.set_xticks(range(num_columns), [wrapped(readable(name), 24) for name in means.columns])
    if longest > 11 * width:
        axes.tick_params(axis="x", labelrotation=35)
        for tick in axes.get_xticklabels():
            tick.set(ha="right", rotation_mode="anchor")
    axes.set_yticks(range(num_rows), [wrapped(readable(name), 30) for name in means.index])
    across, down = means.columns.name, means.index.name
    axes.set(xlabel=across, ylabel=down, title=f"Score by {down} and {across}")
    bar = figure.colorbar(image, ax=axes)
    bar.set_label(SCORE)
    if np.isnan(values).any():
        empty = Rectangle((0, 0), 1, 1, hatch="///", edgecolor="#9ca3af", facecolor="white")
        figure.legend([empty], ["not trained"], loc="outside lower center", fontsize="small")
    return png(figure)


def _time_axis(axes: Axes, points: pd.DataFrame) -> None:
    minutes = points["minutes"]
    if minutes.min() > 0 and minutes.max() > _WIDE * minutes.min():
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_xlim(0, 1.08 * float((minutes + points["minutes_sd"].fillna(0)).max()))


def _name_at_the_right(
    axes: Axes, points: pd.DataFrame, colours: Mapping[str, Any], height_inches: float
) -> None:
    """Names in a column beside the panel, as high as their points but never on each other."""
    low, high = axes.get_ylim()
    order = points.sort_values("val_auroc", kind="stable")
    names = [wrapped(str(label), 34) for label in order.index]
    sizes = np.array([name.count("\n") + 1.4 for name in names]) * _LINE_INCHES / height_inches
    heights = _spread_out((order["val_auroc"].to_numpy() - low) / (high - low), sizes)
    for (label, point), name, height in zip(order.iterrows(), names, heights, strict=True):
        axes.annotate(
            name,
            xy=(point["minutes"], point["val_auroc"]),
            xytext=(1.03, height),
            textcoords="axes fraction",
            va="center",
            fontsize="small",
            arrowprops={
                "arrowstyle": "-",
                "color": colours[str(label)],
                "linewidth": 0.8,
                "alpha": 0.6,
                "shrinkB": 5,
                "relpos": (0, 0.5),
            },
            annotation_clip=False,
        )


def _spread_out(heights: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Rising heights in [0, 1], moved as little as it takes for boxes of these sizes not to touch.

    As little: by least squares, which is isotonic regression once the boxes below are subtracted.
    """
    below = np.concatenate([[0.0], np.cumsum((sizes[1:] + sizes[:-1]) / 2)])
    below *= min(1.0, 1 / below[-1]) if below[-1] else 1.0
    return isotonic_regression(heights - below, y_min=0.0, y_max=1 - below[-1]) + below
