"""Tables of scores as people read them: as text, on a page, as CSV, Markdown or LaTeX.

A table is a DataFrame with one row a thing compared. Columns named in HEADINGS are scores and costs;
any other is a setting that was compared, shown as a study writes it. `val_auroc_sd` stands behind
`val_auroc` as "0.9512 ± 0.0031".
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pneumoray.evaluation.titles import title

Format = Callable[[Any], str]


@dataclass(frozen=True)
class Column:
    """One column, ready to print: every cell is text, numbers stand to the right."""

    heading: str
    is_number: bool
    cells: tuple[str, ...]


def speed(images_per_second: float) -> str:
    """Two digits at least, so that slow is not nothing."""
    return f"{images_per_second:.0f}" if images_per_second >= 10 else f"{images_per_second:.2g}"


HEADINGS: dict[str, tuple[str, Format]] = {
    "model": ("model", str),
    "trial": ("trial", str),
    "configuration": ("configuration", str),
    "val_auroc": ("val AUROC", "{:.4f}".format),
    "test_auroc": ("test AUROC", "{:.4f}".format),
    "accuracy": ("accuracy", "{:.4f}".format),
    "sensitivity": ("sensitivity", "{:.4f}".format),
    "specificity": ("specificity", "{:.4f}".format),
    "trials": ("trials", str),
    "seeds": ("seeds", str),
    "best_epoch": ("best epoch", lambda value: value if isinstance(value, str) else f"{value:.3g}"),
    "epochs": ("epochs", str),
    "epochs_trained": ("epochs trained", str),
    "val_accuracy": ("val accuracy", "{:.4f}".format),
    "val_loss": ("val loss", "{:.4f}".format),
    "parameters": ("parameters", "{:,.0f}".format),
    "trainable": ("trainable", "{:,.0f}".format),
    "minutes": ("minutes", lambda value: f"{value:.1f}" if value >= 10 else f"{value:.2f}"),
    "images_per_second": ("images/s", speed),
    "overfits_from": ("overfits from epoch", "{:.0f}".format),
    "outcome": ("outcome", str),
}
_WORDS = ("model", "trial", "configuration", "outcome")
_UNLESS_ONE = ("trials", "seeds")  # says nothing where it is 1 in every row


def shown(value: Any) -> str:
    """A setting as a study's YAML writes it: 1e-05, true, null, [64, 128], adamw."""
    if isinstance(value, str):
        return value
    value = value.item() if hasattr(value, "item") else value  # of numpy
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return json.dumps(value)


def plain(value: Any) -> Any:
    """Numbers and words as they are; truth, null and lists as `shown`. For a column of a table."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number else shown(value)


def columns(table: pd.DataFrame, positive: str | None = None) -> list[Column]:
    """The columns of a table as they are printed; what is missing is an empty cell.

    `positive` is the class that sensitivity and specificity are about, which their headings name.
    """
    found = []
    for name in table.columns:
        values = table[name].tolist()
        if name == "val_auroc_sd":  # stands behind its mean
            continue
        if name in _UNLESS_ONE and all(str(value) == "1" for value in values):
            continue
        heading, write = HEADINGS.get(name, (name, shown))
        heading = title(heading, positive)
        cells = ["" if _is_missing(value) else write(value) for value in values]
        if name == "val_auroc" and "val_auroc_sd" in table:
            spreads = table["val_auroc_sd"].tolist()
            cells = [
                cell if _is_missing(spread) or not cell else f"{cell} ± {spread:.4f}"
                for cell, spread in zip(cells, spreads, strict=True)
            ]
        is_number = pd.api.types.is_numeric_dtype(table[name]) and not (
            pd.api.types.is_bool_dtype(table[name])
        )
        is_number = is_number or (name in HEADINGS and name not in _WORDS)
        found.append(Column(heading, is_number, tuple(cells)))
    return found


def to_csv(table: pd.DataFrame) -> str:
    """As CSV, for programs: the table's own column names, six digits, nothing for what is missing."""
    return table.to_csv(index=False, float_format="%.6g", lineterminator="\n")


def to_text(table: pd.DataFrame, positive: str | None = None) -> str:
    """As lines of text; a heading that is wider than its cells stands on several lines."""
    stacks = []
    for column in columns(table, positive):
        is_wide = len(column.heading) > max(map(len, column.cells), default=0)
        stacks.append((column, column.heading.split(" ") if is_wide else [column.heading]))
    height = max(len(heading) for _, heading in stacks)
    sides = []
    for column, heading in stacks:
        lines = [*[""] * (height - len(heading)), *heading, *column.cells]
        width = max(map(len, lines))
        sides.append([f"{line:{'>' if column.is_number else '<'}{width}}" for line in lines])
    return "\n".join("  ".join(line).rstrip() for line in zip(*sides, strict=True))


def to_html(table: pd.DataFrame, positive: str | None = None) -> str:
    """As a table of HTML, for a notebook; every special character is escaped."""
    found = columns(table, positive)
    text = pd.DataFrame(_rows(found), columns=[column.heading for column in found])
    sides: Any = {
        one.heading: [
            {"selector": "", "props": f"text-align: {'right' if one.is_number else 'left'}"}
        ]
        for one in found
    }
    styler = text.style.hide(axis="index").format(escape="html")
    return styler.format_index(escape="html", axis="columns").set_table_styles(sides).to_html()


def to_markdown(table: pd.DataFrame) -> str:
    """As a table of Markdown."""
    found = columns(table)
    lines = [
        [_in_markdown(column.heading) for column in found],
        ["---:" if column.is_number else "---" for column in found],
        *([_in_markdown(cell) for cell in row] for row in _rows(found)),
    ]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def to_latex(table: pd.DataFrame) -> str:
    """As a tabular of LaTeX with the rules of booktabs; every special character is escaped."""
    found = columns(table)
    text = pd.DataFrame(_rows(found), columns=[column.heading for column in found])
    tabular = (
        text.style.hide(axis="index")
        .format(escape="latex")
        .format_index(escape="latex", axis="columns")
        .to_latex(hrules=True, column_format="".join("lr"[column.is_number] for column in found))
    )
    return "% needs \\usepackage{booktabs}\n" + tabular.replace("±", r"$\pm$")


def _rows(found: list[Column]) -> list[tuple[str, ...]]:
    return list(zip(*(column.cells for column in found), strict=True))


def _in_markdown(text: str) -> str:
    return text.replace("|", "\\|")


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))
