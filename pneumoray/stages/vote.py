"""ensemble: champions by validation -> soft vote -> operating point -> the test split, opened once."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pneumoray import artifact, bundle, checkpoint, tracking, words
from pneumoray.distributed.resources import Resources, keep_token_private
from pneumoray.evaluation import calibration, metrics
from pneumoray.evaluation import report as reports
from pneumoray.journal import Journal, latest
from pneumoray.predictions import Predictions
from pneumoray.stages import champion, recording, summary
from pneumoray.stages.checks import check_code
from pneumoray.stages.opening import note_opening, times_opened
from pneumoray.stages.prepare import OnEvent
from pneumoray.study_folder import StudyFolder, TrialRow
from pneumoray.telling import tell
from pneumoray.training.trial import Trial
from pneumoray.voting import Candidate, soft_vote, voters
from pneumoray.workspace import open_workspace

RECORD = "ensemble.json"
_MEND = (
    "put back a copy; report.md beside it says the same, and without it test would be opened again"
)
OperatingPoint = tuple[float, float | None]  # temperature, threshold


def ensemble(
    study: str | None = None,
    *,
    top: int | None = None,
    families: Sequence[str] = (),
    any_family: bool = False,
    workspace: Path | str | None = None,
    mlflow: Path | str | None = None,
    address: str | None = None,
    resources: Resources | None = None,
    promote: bool = False,
    verbose: bool = False,
    on_event: OnEvent = tell,
) -> reports.Report:
    """Vote the `top` best families of a study and return the report on its test split.

    By default these are three, or as many as `families` names, if it does.
    What is chosen is chosen on validation. The test split is opened once for a choice of members:
    an identical request returns the stored report; any other opens test again, and is counted.
    Raises PneumorayError, before test is opened, before `train_all`, where fewer than `top` are
    trained, and for a vote of one.
    """
    place = open_workspace(workspace, to_write=False)
    folder = place.find(study)
    settings = tracking.find_settings(
        None if mlflow is None else Path(mlflow), place.root, folder.name == "demo"
    )
    recording.check(settings, folder.name, [words.VOTE], on_event)

    def scoring(family: str) -> str:
        model = f"models:/{settings.model_name(folder.name, family)}@champion"
        return place.command("evaluate DATA", {"model": model, "mlflow": mlflow})

    top = top or len(set(families)) or 3
    members = voters(champion.candidates(folder, on_event), top, scoring, families, any_family)
    request = _request(folder, members)
    name = f"ensemble-{artifact.digest(request)[:8]}"
    target = folder.path / "ensembles" / name
    with folder.locked():
        journal = Journal(folder.journal)
        if (target / RECORD).exists():
            now = times_opened(folder)
            since = (
                f"; its test images have been opened {now} times so far" if now and now > 1 else ""
            )
            text = f"these members were tested before: this is the stored report{since}"
            on_event({"type": "note", "text": text})
            record = artifact.read_json(target / RECORD, _MEND)
            noted = name in latest(folder.journal, "ensemble", "ensemble")
            if noted and not promote and recording.all_sent(folder, settings):
                return reports.Report(record["report"], target)
        with recording.recorded(folder, settings, on_event):
            began = time.time()
            if not (target / RECORD).exists():
                rows = _rows(folder, members)
                check_code(folder, rows)

                def note(pack: Path) -> int:
                    about = {"study": folder.name, "ensemble": name, "members": list(rows)}
                    number = note_opening(place, pack, **about)
                    journal.append("opening", ensemble=name, number=number)
                    return number

                tested, openings = _test(
                    folder, rows, address, resources or Resources(), verbose, note
                )
                record = _report(folder, target, members, rows, tested, openings)
                record["began"] = began
                artifact.write_json(target / RECORD, record)  # last: its presence means all of it
            if promote or name not in latest(folder.journal, "ensemble", "ensemble"):
                journal.append("ensemble", **record | _places(target), promote=promote)
                summary.note(folder, journal)
    return reports.Report(record["report"], target)


def _rows(folder: StudyFolder, members: Sequence[Candidate]) -> dict[str, TrialRow]:
    """{trial: its row} of the members, in their order."""
    rows = {row.trial: row for row in folder.rows()}
    return {member.trial: rows[member.trial] for member in members}


def _request(folder: StudyFolder, members: Sequence[Candidate]) -> dict[str, Any]:
    """What a report depends on: the members' very weights, and the data."""
    weights = [checkpoint.best_weights(folder.trial(member.trial)) for member in members]
    return {
        "members": [member.trial for member in members],
        "weights": [artifact.sha256_file(path) for path in weights],
        "packs": folder.identity()["packs"],
    }


def _operating_point(val: Predictions) -> OperatingPoint:
    return calibration.fit_operating_point(val.labels, val.probs, val.groups)


def _test(
    folder: StudyFolder,
    rows: dict[str, TrialRow],
    address: str | None,
    resources: Resources,
    verbose: bool,
    note: Callable[[Path], int],
) -> tuple[list[Predictions], int]:
    """Predictions of each trial on test, and what `note` returned.

    It is called with the Pack just before that is read.
    """
    keep_token_private(address)
    from pneumoray.distributed import inference, runtime  # Ray loads only where there is work

    begun = latest(folder.journal, "trial", "trial")
    with runtime.cluster(address, verbose):
        resolved = runtime.resolve(resources, 1)
        trials = [
            Trial(row.config, folder.trial(name), Path(begun[name]["pack"]), resolved.device)
            for name, row in rows.items()
        ]
        openings = note(trials[0].pack)
        return inference.score_all(trials, "test", resolved), openings


def _report(
    folder: StudyFolder,
    target: Path,
    members: Sequence[Candidate],
    rows: dict[str, TrialRow],
    tested: Sequence[Predictions],
    openings: int,
) -> dict[str, Any]:
    """Choose the operating points on validation, score test at them, and fill the folder `target`.

    Returns the journal's `ensemble` record.
    """
    val, test = soft_vote([member.val for member in members]), soft_vote(tested)
    point = _operating_point(val)
    identity = folder.identity()
    scores, judged = [], {}
    for member, predictions in zip(members, tested, strict=True):
        own = {"family": member.family, "backbone": member.backbone, "val_auroc": member.rank[0]}
        judged[member.trial] = predictions, _operating_point(member.val)
        scores.append(_scores(member.trial, *judged[member.trial]) | own)
    val_auroc = metrics.auroc(val.labels, val.probs)
    report = reports.ensemble_report(
        _scores("vote", test, point) | {"val_auroc": val_auroc},
        scores,
        study=folder.name,
        ensemble=target.name,
        test_openings=openings,
        leaks_allowed=identity["leaks_allowed"],
        num_val_images=len(val.labels),
        packs=identity["packs"],
    )
    _save_bundle(folder, target / "bundle", rows.values(), val.classes, point)
    for split, votes in (("val", val), ("test", test)):  # as the bundle says them
        probs = calibration.apply_temperature(votes.probs, point[0])
        replace(votes, probs=probs).save(target / f"{split}_predictions.csv")
    artifact.write_text(target / "report.md", reports.to_markdown(report))
    artifact.write_json(target / "report.json", report)
    _draw(target, folder.name, judged | {"vote": (test, point)})
    return {
        "ensemble": target.name,
        "members": [member.trial for member in members],
        "report": report,
        "val_auroc": val_auroc,
        "val_digest": champion.val_digest(val),
        "openings": openings,
    }


def _places(target: Path) -> dict[str, Any]:
    """Where the bundle and the files of a report lie."""
    files = [path for path in sorted(target.iterdir()) if path.is_file() and path.name != RECORD]
    return {"bundle": target / "bundle", "files": {path.name: path for path in files}}


def _scores(name: str, test: Predictions, point: OperatingPoint) -> dict[str, Any]:
    temperature, threshold = point
    probs = calibration.apply_temperature(test.probs, temperature)
    scores = reports.member_report(name, test.labels, probs, test.groups, threshold, test.classes)
    return scores | {"temperature": temperature}


def _save_bundle(
    folder: StudyFolder,
    target: Path,
    rows: Collection[TrialRow],
    classes: tuple[str, ...],
    point: OperatingPoint,
) -> None:
    described = bundle.Bundle(
        members=tuple(
            bundle.Member.of(row.config, row.trial, row.state.mean, row.state.std, row.state.ranges)
            for row in rows
        ),
        classes=classes,
        temperature=point[0],
        threshold=point[1],
        info={"origin": {"study": folder.name, "ensemble": target.parent.name}},
    )
    weights = [checkpoint.best_weights(folder.trial(row.trial)) for row in rows]
    bundle.save(described, weights, target, root=folder.path / "ensembles")


def _draw(target: Path, study: str, models: dict[str, tuple[Predictions, OperatingPoint]]) -> None:
    """Pictures of test: the curves of all `models`, and how the vote calls."""
    from pneumoray.evaluation import plots

    scored = {
        name: (test.labels, calibration.apply_temperature(test.probs, temperature), threshold)
        for name, (test, (temperature, threshold)) in models.items()
    }
    labels, probs, threshold = scored["vote"]
    classes = models["vote"][0].classes
    matrix = metrics.confusion(labels, probs, threshold)
    of = f"vote of study {study}, test"
    pictures = {
        "roc.png": plots.roc_curves(scored, classes, f"study {study}, test"),
        "reliability.png": plots.reliability(labels, probs, classes, of, threshold),
        "confusion.png": plots.confusion_matrix(matrix, classes, of, threshold),
    }
    for name, png in pictures.items():
        artifact.write_bytes(target / name, png)
