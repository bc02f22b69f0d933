"""What a study found, with its leaderboard as table and picture: for the study's run in MLflow."""

import shlex
from collections import Counter
from collections.abc import Sequence
from typing import Any

from pneumoray import artifact
from pneumoray.comparing import leaderboard as boards
from pneumoray.comparing import naming
from pneumoray.journal import Journal, read
from pneumoray.study_folder import StudyFolder


def note(folder: StudyFolder, journal: Journal) -> None:
    """Write the leaderboard's files into the study's folder, and what it found into its journal."""
    rows = folder.rows()
    found = boards.standings(rows)
    best = found[0]
    names = naming.names(standing.config for standing in found)
    table = boards.table(found)
    scores = table.columns.get_loc("val_auroc")  # they come first, what was varied and hashes last
    table = table[[*table.columns[scores:], *table.columns[:scores]]]
    table.insert(0, "name", [names[standing.config.trial_id] for standing in found])
    files = {"leaderboard.csv": boards.to_csv(table.dropna(axis="columns", how="all")).encode()}
    if best.mean is not None:
        from pneumoray.evaluation.leaderboard_plot import picture

        files["leaderboard.png"] = picture(table.set_index("name"), folder.name)
    for name, content in files.items():
        artifact.write_bytes(folder.path / name, content)
    counts = Counter(row.outcome for row in rows)
    vote = _newest_vote(folder)
    journal.append(
        "summary",
        best={
            "name": names[best.config.trial_id],
            "num_seeds": len(best.bests),
            "val_auroc": best.mean,
            "val_accuracy": best.val_accuracy,
        },
        **{f"num_{outcome}": counts[outcome] for outcome in ("trained", "cut", "failed")},
        vote=vote,
        next=_next(folder.name, found, vote),
        files={name: folder.path / name for name in files},
    )


def _newest_vote(folder: StudyFolder) -> dict[str, Any] | None:
    votes = [record for record in read(folder.journal) if record["type"] == "ensemble"]
    if not votes:
        return None
    newest = votes[-1]
    scores = newest["report"]["vote"]
    return {
        "members": [member["backbone"] for member in newest["report"]["members"]],
        "openings": newest["openings"],
        **{name: scores[name] for name in ("auroc", "accuracy", "intervals", "num_images")},
    }


def _next(name: str, found: Sequence[boards.Standing], vote: dict[str, Any] | None) -> str:
    study = shlex.quote(name)
    if vote is not None:
        return f"pneumoray predict FILM --model {study}"
    if options := boards.proposed_vote(found):
        return f"pneumoray ensemble --study {study} {options}"
    return f"pneumoray leaderboard --study {study}"
