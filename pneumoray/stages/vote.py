"""ensemble: champions by validation -> soft vote -> operating point -> the test split, opened once."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pneumoray import artifact, bundle, checkpoint, tracking
from pneumoray.distributed import inference, runtime
from pneumoray.distributed.runtime import Resources
from pneumoray.ensemble import Candidate, champions, soft_vote
from pneumoray.evaluation import calibration, metrics, plots, report
from pneumoray.journal import Journal, latest
from pneumoray.predictions import Predictions
from pneumoray.stages import champion
from pneumoray.stages.prepare import OnEvent
from pneumoray.training.trial import Trial
from pneumoray.workspace import StudyFolder, open_workspace

OperatingPoint = tuple[float, float | None]  # temperature, threshold


def ensemble(
    study: str | None = None,
    *,
    top: int = 3,
    families: Sequence[str] = (),
    any_family: bool = False,
    workspace: Path | str | None = None,
    mlflow: Path | str | None = None,
    address: str | None = None,
    resources: Resources | None = None,
    promote: bool = False,
    verbose: bool = False,
    on_event: OnEvent = lambda event: None,
) -> dict[str, Any]:
    """Vote the `top` best families of a study and return the report on its test split.

    What is chosen is chosen on validation. The test split is opened once for a choice of members:
    an identical request returns the stored report; any other opens test again, and is counted.
    Raises PneumorayError before `train_all`, and where the study has no test split.
    """
    place = open_workspace(workspace)
    folder = place.find(study)
    settings = tracking.find_settings(
        None if mlflow is None else Path(mlflow), place.root, folder.name == "demo"
    )
    tracking.check(settings)
    members = champions(champion.candidates(folder), top, families, any_family)
    if len(members) < top:
        what = "trials" if any_family else "families"
        text = f"asked for {top}, but only {len(members)} {what} are trained: voting these"
        on_event({"type": "note", "text": text})
    request = _request(folder, members)
    name = f"ensemble-{artifact.digest(request)[:8]}"
    target = folder.path / "ensembles" / name
    with folder.locked():
        journal = Journal(folder.journal)
        replayer = tracking.Replayer(folder.journal, settings)
        try:
            replayer.start()
            if (target / "report.json").exists():
                on_event({"type": "note", "text": "the same members were tested before: stored report"})
                return artifact.read_json(target / "report.json")
            vote = soft_vote([member.val for member in members])
            points = [_operating_point(member.val) for member in members]
            vote_point = _operating_point(vote)
            openings = _open_test(folder, journal, name, members)
            tested = _test(folder, members, address, resources, verbose)
            facts = _facts(folder, members, vote, vote_point[0], openings, name)
            result = report.ensemble_report(
                _scores("vote", soft_vote(tested), vote_point)
                | {"val_auroc": metrics.auroc(vote.labels, vote.probs)},
                [
                    _scores(member.trial, test, point)
                    | {"family": member.family, "backbone": member.backbone, "val_auroc": member.rank[0]}
                    for member, test, point in zip(members, tested, points, strict=True)
                ],
                **facts,
            )
            files = _write(folder, target, result, members, tested, vote, vote_point)
            journal.append(
                "ensemble",
                ensemble=name,
                name=f"pneumoray-{folder.name}-ensemble",
                members=[member.trial for member in members],
                report=result,
                bundle=str(target / "bundle"),
                files=files,
                val_auroc=result["vote"]["val_auroc"],
                val_digest=champion.val_digest(vote),
                openings=openings,
                promote=promote,
            )
            return result
        finally:
            if unsent := replayer.close():
                on_event({"type": "unsent", "records": unsent})


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


def _open_test(
    folder: StudyFolder, journal: Journal, name: str, members: Sequence[Candidate]
) -> int:
    """Write down that the test split is opened, before it is, and return how often it has been."""
    record = folder.path / "openings.jsonl"
    opening = {"time": time.time(), "ensemble": name, "members": [m.trial for m in members]}
    with record.open("a") as file:
        file.write(json.dumps(opening) + "\n")
    openings = len(record.read_text().splitlines())
    journal.append("opening", ensemble=name, number=openings)
    return openings


def _test(
    folder: StudyFolder,
    members: Sequence[Candidate],
    address: str | None,
    resources: Resources | None,
    verbose: bool,
) -> list[Predictions]:
    paths = latest(folder.journal, "trial", "trial")
    rows = {row.trial: row for row in folder.rows()}
    with runtime.cluster(address, verbose):
        resolved = runtime.resolve(resources or Resources(), 1)
        trials = [
            Trial(
                rows[member.trial].config,
                folder.trial(member.trial),
                Path(paths[member.trial]["pack"]),
                resolved.device,
            )
            for member in members
        ]
        return inference.score_all(trials, "test", resolved)


def _scores(name: str, test: Predictions, point: OperatingPoint) -> dict[str, Any]:
    temperature, threshold = point
    probs = calibration.apply_temperature(test.probs, temperature)
    scores = report.member_report(name, test.labels, probs, test.groups, threshold)
    return scores | {"temperature": temperature}


def _facts(
    folder: StudyFolder,
    members: Sequence[Candidate],
    vote: Predictions,
    temperature: float,
    openings: int,
    name: str,
) -> dict[str, Any]:
    identity = folder.identity()
    return {
        "study": folder.name,
        "ensemble": name,
        "test_openings": openings,
        "leaks_allowed": identity["leaks_allowed"],
        "num_val_images": len(vote.labels),
        "temperature": temperature,
        "packs": identity["packs"],
    }


def _write(
    folder: StudyFolder,
    target: Path,
    result: dict[str, Any],
    members: Sequence[Candidate],
    tested: Sequence[Predictions],
    vote: Predictions,
    point: OperatingPoint,
) -> dict[str, str]:
    """The ensemble's folder: bundle, report, predictions, pictures. Returns {name: path} to log."""
    temperature, threshold = point
    described = bundle.Bundle(
        members=tuple(champion.member_of(folder, member) for member in members),
        classes=vote.classes,
        temperature=temperature,
        threshold=threshold,
        info={"origin": {"study": folder.name, "ensemble": target.name}},
    )
    weights = [checkpoint.best_weights(folder.trial(member.trial)) for member in members]
    bundle.save(described, weights, target / "bundle")
    test = soft_vote(tested)
    named = {m.trial: (t.labels, t.probs) for m, t in zip(members, tested, strict=True)}
    named["vote"] = (test.labels, test.probs)
    calibrated = calibration.apply_temperature(test.probs, temperature)
    matrix = metrics.confusion(test.labels, calibrated, threshold)
    artifact.write_bytes(target / "roc.png", plots.roc_curves(named))
    artifact.write_bytes(target / "reliability.png", plots.reliability(test.labels, calibrated))
    artifact.write_bytes(target / "confusion.png", plots.confusion_matrix(matrix, test.classes))
    vote.save(target / "val_predictions.csv")
    test.save(target / "test_predictions.csv")
    artifact.write_text(target / "report.md", report.to_markdown(result))
    artifact.write_json(target / "report.json", result)  # last: its presence means all of it
    names = ("roc.png", "reliability.png", "confusion.png", "val_predictions.csv")
    return {name: str(target / name) for name in (*names, "test_predictions.csv", "report.md", "report.json")}
