"""The leaderboard as a picture, as PNG bytes."""

import math

import pandas as pd
from matplotlib.figure import Figure

from pneumoray.evaluation.compare_plots import SCORE
from pneumoray.evaluation.fonts import readable
from pneumoray.evaluation.style import DPI, FAINT, VAL, png, wrapped

MOST_ROWS = 30
_ROW_INCHES = 0.3


def picture(rows: pd.DataFrame, study: str) -> bytes:
    """One line a configuration, the best on top; hollow: not trained to the end.

    `rows` is indexed by name, best first, and holds val_auroc, val_auroc_sd (nan: no bar) and
    outcome. The first 30 that have a score are shown. Raises ValueError when none has.
    """
    shown = rows[rows["val_auroc"].notna()].head(MOST_ROWS)
    if shown.empty:
        raise ValueError("no row of the leaderboard has a score")
    height = max(2.2, _ROW_INCHES * len(shown) + 1.3)
    figure = Figure(figsize=(9.5, height), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    for place, row in enumerate(shown.to_dict("records")):
        score, spread = row["val_auroc"], row["val_auroc_sd"]
        is_trained = row["outcome"] == "trained"
        colour = VAL if is_trained else FAINT
        axes.errorbar(
            score,
            place,
            xerr=None if math.isnan(spread) else spread,
            color=colour,
            marker="o",
            markersize=8,
            markerfacecolor=colour if is_trained else "white",
            capsize=3,
            linestyle="none",
        )
        axes.annotate(
            f"{score:.4f}",
            (score, place),
            xytext=(0, 6),
            textcoords="offset points",
            ha="center",
            fontsize="x-small",
        )
    axes.set_yticks(range(len(shown)), [wrapped(readable(str(name)), 44) for name in shown.index])
    axes.set_ylim(len(shown) - 0.5, -0.8)
    axes.margins(x=0.08)
    has_bars = bool(shown["val_auroc_sd"].notna().any())
    notes = ["hollow: not trained to the end"] * bool((shown["outcome"] != "trained").any())
    notes += ["bars: standard deviation over seeds"] * has_bars
    left_out = len(rows) - len(shown)
    notes += [f"{left_out} more are not shown"] * bool(left_out)
    note = f"\n{'; '.join(notes)}" if notes else ""
    axes.set(xlabel=SCORE + note, title=f"Leaderboard of study {study}")
    axes.grid(axis="x", alpha=0.3)
    return png(figure)
