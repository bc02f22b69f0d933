"""What a study's models and pixels say of its labels: suspects, properties, findings."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import pandas as pd
from rich.cells import cell_len

from pneumoray.terminal.console import say, score, shortened, width
from pneumoray.terminal.screens.findings import show_findings
from pneumoray.terminal.table import Table

if TYPE_CHECKING:
    from pneumoray.stages.audit_study import StudyAudit

_MOST_SUSPECTS = 20
_LEAST_OF_NAME = 24  # columns for an image's id


def to_json(found: "StudyAudit") -> str:
    """The audit as one object; tables are lists of rows."""
    plain = {
        name: value.to_dict("records") if isinstance(value, pd.DataFrame) else value
        for name, value in vars(found).items()
    }
    return json.dumps(plain | {"findings": [asdict(finding) for finding in found.findings]})


def show_study_audit(found: "StudyAudit") -> None:
    """Print the suspects, at most 20; then each property's AUROC; then the findings."""
    num = len(found.models)
    say(
        f"study {found.study}: {num} model{'s' if num > 1 else ''}, together AUROC "
        f"{score(found.val_auroc)} on {found.num_judged:,} validation images, from whose labels none "
        f"learned. The {found.num_learned:,} training images are not judged, the test images not looked at."
    )
    say("")
    if found.suspects.empty:
        say("no label of a validation image is contradicted")
    else:
        _show_suspects(found.suspects)
    say("")
    if found.properties.empty:
        say("too few patients, or images too much alike, to say what their properties tell")
    else:
        _show_properties(found)
    say("")
    show_findings(found.findings)


def _show_suspects(suspects: pd.DataFrame) -> None:
    words = ("image", "label", "looks like")
    table = Table("May be labelled wrongly, the likeliest first", *words, "prob", words=words)
    rows = suspects.head(_MOST_SUSPECTS)
    cells = [rows["class"], rows["looks_like"], rows["prob_looks_like"].map("{:.3f}".format)]
    taken = sum(
        2 + max(map(cell_len, [heading, *column]))
        for heading, column in zip(table.headings[1:], cells, strict=True)
    )
    for image, *others in zip(rows["image"], *cells, strict=True):
        table.add_row(shortened(image, max(_LEAST_OF_NAME, width() - taken)), *others)
    table.show()
    if (more := len(suspects) - _MOST_SUSPECTS) > 0:
        say(f"and {more} more: --json or --csv FILE has them all")


def _show_properties(found: "StudyAudit") -> None:
    words = ("property", "class", "")
    title = f"What plain properties of {found.num_looked_at:,} images tell of the class"
    table = Table(title, "property", "class", "AUROC", "95 % interval", "", words=words)
    for row in found.properties.to_dict("records"):
        interval = f"[{row['low']:.3f}, {row['high']:.3f}]"
        mark = "shortcut" if row["is_shortcut"] else ""
        table.add_row(row["property"], row["class"], f"{row['auroc']:.3f}", interval, mark)
    table.show()
