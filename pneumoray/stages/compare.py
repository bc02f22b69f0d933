"""compare: an axis of a study against the score, as a table and a page of pictures."""

import html
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from pathlib import Path

import pandas as pd

from pneumoray import artifact, tracking
from pneumoray.comparing import comparison, naming
from pneumoray.comparing.axes import with_unit
from pneumoray.comparing.contexts import Arms, axes_of
from pneumoray.comparing.pictures import pictures
from pneumoray.comparing.suspicion import explaining, suspicions
from pneumoray.errors import StudyError, did_you_mean
from pneumoray.evaluation import page, tables
from pneumoray.grid import Member, members
from pneumoray.journal import Journal, latest
from pneumoray.stages import recording
from pneumoray.stages.prepare import OnEvent
from pneumoray.stages.provenance import versions
from pneumoray.study import Study
from pneumoray.study_folder import StudyFolder, TrialRow
from pneumoray.telling import tell
from pneumoray.workspace import open_workspace


@dataclass(frozen=True, repr=False)
class Made:
    """A comparison of a study, and the page with its pictures; it shows itself as a table."""

    study: str
    within: str  # name of the study's comparison; empty where it has one, or all are taken
    comparison: comparison.Comparison
    page: Path

    @property
    def title(self) -> str:
        within = f", {self.within}:" if self.within else ""
        return f"{self.study}{within} by {' x '.join(self.comparison.by)}"

    def table(self) -> pd.DataFrame:
        """That of the comparison, as `Comparison.known` has it."""
        return self.comparison.known()

    def __repr__(self) -> str:
        table = tables.to_text(self.table())
        return "\n".join([f"Study {self.title}", table, *self.comparison.notes, str(self.page)])

    def _repr_html_(self) -> str:
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.comparison.notes)
        table = tables.to_html(self.table())
        return f"<p>Study {html.escape(self.title)}</p>{table}{notes}"


def compare(
    study: str | None,
    by: Sequence[str],
    *,
    within: str | None = None,
    output: Path | str | None = None,
    workspace: Path | str | None = None,
    mlflow: Path | str | None = None,
    on_event: OnEvent = tell,
) -> Made:
    """Compare the values of one axis, or the cells of two, by validation scores; test is not read.

    Of a study with several comparisons, the one in which the axes vary is meant, or that named
    `within`.
    The page goes to the study's folder, to `output` as well, and to the study's MLflow run.
    Raises StudyError for an axis that does not vary, naming those that do, and where several
    comparisons vary it.
    """
    if output is not None:
        artifact.check_writable(Path(output))
    place = open_workspace(workspace, to_write=False)
    folder = place.find(study)
    settings = tracking.find_settings(
        None if mlflow is None else Path(mlflow), place.root, folder.name == "demo"
    )
    trained, rows = folder.study(), folder.rows()
    if trained is None:
        raise StudyError(f"study {folder.name} was never trained: run 'pneumoray train-all' first")
    name, meant, arms = _meant(trained, rows, by, within)
    compared = comparison.compare(meant, by, arms)
    compared = replace(compared, notes=(*compared.notes, _about_validation(folder)))
    axis = " x ".join(map(with_unit, compared.by))
    file_name = "-".join(filter(None, [name, "by", *by]))
    target = folder.path / "comparisons" / f"{file_name}.html"
    made = Made(folder.name, name, compared, target)
    text = page.render(
        title=made.title,
        study=folder.name,
        description=trained.description,
        axis=axis,
        table=compared.known(),
        notes=compared.notes,
        suspicions=suspicions(meant, naming.told_apart(row.config for row in rows)),
        noticed=explaining(folder.findings()),
        pictures=pictures(compared),
        facts=_facts(folder),
    )
    for file in (target, *([Path(output)] if output else [])):
        file.parent.mkdir(parents=True, exist_ok=True)
        artifact.write_text(file, text)
    _record(folder, settings, compared, target, on_event)
    return made


def _meant(
    study: Study, rows: Sequence[TrialRow], by: Sequence[str], within: str | None
) -> tuple[str, list[TrialRow], Arms]:
    """The comparison in which the axes vary, or all where none does: its name, trials and arms."""
    of_comparison: dict[str, list[Member]] = defaultdict(list)
    for member in members(study):
        of_comparison[member.comparison].append(member)
    if within is not None:
        if within not in of_comparison:
            known = sorted(filter(None, of_comparison))
            raise StudyError(
                f"study {study.name} has no comparison {within!r}: it has {', '.join(known) or 'none'}"
                + did_you_mean(within, known)
            )
        return within, *_of(of_comparison[within], rows)
    vary = [n for n, own in of_comparison.items() if set(by) <= set(axes_of(*_of(own, rows)))]
    if len(vary) > 1:
        raise StudyError(
            f"study {study.name} varies {','.join(by)} in several comparisons: choose one with --within "
            f"from {', '.join(vary)}"
        )
    if vary:
        return vary[0], *_of(of_comparison[vary[0]], rows)
    return "", *_of(list(chain(*of_comparison.values())), rows)


def _about_validation(folder: StudyFolder) -> str:
    num_val = latest(folder.journal, "study", "study")[folder.name]["pack"]["num_val"]
    return f"all scores are of the same {num_val} validation images; ± says nothing of their choice"


def _of(own: Sequence[Member], rows: Sequence[TrialRow]) -> tuple[list[TrialRow], Arms]:
    """The rows of these members, and what arms they are."""
    trials = {member.config.trial_id for member in own}
    arms = {m.config.config_id: (m.arm, m.arm_fields) for m in own if m.arm}
    return [row for row in rows if row.trial in trials], arms


def _facts(folder: StudyFolder) -> dict[str, str]:
    """The footer: when, on which pixels, with what."""
    packs = folder.identity()["packs"]
    made = {"made": datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")}
    made |= {f"pack {label}": pack_hash[:16] for label, pack_hash in packs.items()}
    return made | {name.removeprefix("version."): text for name, text in versions().items()}


def _record(
    folder: StudyFolder,
    settings: tracking.Settings,
    compared: comparison.Comparison,
    target: Path,
    on_event: OnEvent,
) -> None:
    """Have the page sent to MLflow, unless it says what was sent before."""
    if folder.is_locked():
        text = "the study is in use: compare again when it has ended, for a page in MLflow"
        return on_event({"type": "note", "text": text})
    digest = artifact.digest(tables.to_csv(compared.table()))
    with folder.locked():
        noted = latest(folder.journal, "comparison", "page").get(str(target), {})
        if noted.get("digest") == digest and recording.all_sent(folder, settings):
            return None
        recording.bring_here(settings, on_event)
        with recording.recorded(folder, settings, on_event):
            Journal(folder.journal).append("comparison", page=target, digest=digest)
