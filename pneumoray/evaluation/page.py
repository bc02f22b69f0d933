"""One self-contained HTML page: a comparison with its table, notes and pictures inside."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

import jinja2
import pandas as pd

from pneumoray.evaluation import tables
from pneumoray.evaluation.style import DPI

_TEMPLATE = "page.html"


@dataclass(frozen=True)
class Picture:
    """A PNG, the words under it, and the words in its place for who can't see it."""

    name: str  # of a file, without its ending
    png: bytes
    caption: str
    alt: str

    @property
    def width_px(self) -> int:
        """On the page, so that letters are of one size in all pictures; a PNG's width is in its head."""
        return int.from_bytes(self.png[16:20], "big") * 96 // DPI


def render(
    *,
    title: str,
    study: str,
    description: str = "",
    axis: str,
    table: pd.DataFrame,
    notes: Sequence[str] = (),
    suspicions: Sequence[str] = (),
    noticed: Sequence[str] = (),
    pictures: Sequence[Picture] = (),
    facts: Mapping[str, str],
) -> str:
    """The page as HTML: no script, no network, readable in light, in dark and on paper.

    `table` is one that `evaluation.tables` knows; its best mean is set in bold. `noticed`, what the
    audit says of the data, is shown where there are suspicions. `facts` (date, pack hash, versions,
    ...) are the footer.
    """
    text = (resources.files("pneumoray.evaluation") / _TEMPLATE).read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["base64"] = lambda data: base64.b64encode(data).decode("ascii")
    return environment.from_string(text).render(
        title=title,
        study=study,
        description=description,
        axis=axis,
        columns=tables.columns(table),
        num_rows=len(table),
        best_row=int(table["val_auroc"].to_numpy(dtype=float).argmax()),
        notes=notes,
        suspicions=suspicions,
        noticed=noticed,
        pictures=pictures,
        facts=facts,
    )
