"""Board: a study's leaderboard, and what gives reason to doubt it; it shows itself as a table."""

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from pneumoray.comparing import leaderboard, naming
from pneumoray.comparing.suspicion import explaining, suspicions
from pneumoray.evaluation.tables import to_html, to_text

if TYPE_CHECKING:
    from pneumoray.study_folder import StudyFolder

_DECIDING = ["val_auroc", "val_auroc_sd", "seeds", "epochs", "minutes", "outcome"]


@dataclass(frozen=True, repr=False)
class Board:
    """A study's standings, best first; where `doubts` are, `noticed` is what the audit says of them."""

    study: str
    standings: list[leaderboard.Standing]
    doubts: list[str]
    noticed: list[str]

    @property
    def title(self) -> str:
        seeds = self._seeds
        return f"Leaderboard of study {self.study}" + (f", {seeds} seeds each" if seeds else "")

    @property
    def names(self) -> dict[str, str]:
        """What each trial is called: {trial id: name}."""
        return naming.told_apart(row.config for one in self.standings for row in one.rows)

    @property
    def remarks(self) -> list[tuple[str, str]]:
        """(head, sentence): each doubt, then what the audit noticed."""
        noticed = self.noticed if self.doubts else []
        return [
            *(("doubt: ", doubt) for doubt in self.doubts),
            *(("the audit noticed: ", message) for message in noticed),
        ]

    @property
    def warnings(self) -> list[str]:
        """The remarks as lines."""
        return [head + sentence for head, sentence in self.remarks]

    def table(self) -> pd.DataFrame:
        """One row a configuration, all that is known of it; columns as in `evaluation.tables`."""
        return leaderboard.table(self.standings)

    def summary(self) -> pd.DataFrame:
        """What decides: what the configurations are called, score, seeds, epochs, minutes, outcome."""
        whole = self.table().drop(columns="epochs", errors="ignore")  # an axis of that name is told
        whole = whole.rename(columns={"epochs_trained": "epochs"})  # by the configurations' names
        deciding = [name for name in _DECIDING if name != "seeds" or not self._seeds]
        names = naming.told_apart(standing.config for standing in self.standings)
        if names.keys() != set(names.values()):
            whole[whole.columns[0]] = [names[one.config.trial_id] for one in self.standings]
        return whole[[whole.columns[0], *deciding]]

    @property
    def _seeds(self) -> str:
        """How many each configuration has, where that is one number above 1; else ''."""
        counts = {standing.seeds for standing in self.standings}
        return counts.pop() if len(counts) == 1 and counts != {"1"} else ""

    def __repr__(self) -> str:
        return "\n".join([self.title, to_text(self.summary()), *self.warnings])

    def _repr_html_(self) -> str:
        lines = "".join(f"<p>{html.escape(line)}</p>" for line in self.warnings)
        return f"<p>{html.escape(self.title)}</p>{to_html(self.table())}{lines}"


def board_of(folder: "StudyFolder", run_ids: dict[str, str]) -> Board:
    """The leaderboard of the study in this folder; `run_ids` are its trials' runs in MLflow."""
    rows = folder.rows(run_ids)
    doubts = suspicions(rows, naming.told_apart(row.config for row in rows))
    noticed = explaining(folder.findings()) if doubts else []
    return Board(folder.name, leaderboard.standings(rows), doubts, noticed)
