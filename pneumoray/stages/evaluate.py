"""evaluate: a model on other labelled images, at the threshold that it came with."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from pneumoray import artifact
from pneumoray.data.classes import matched
from pneumoray.data.folder import scan
from pneumoray.data.manifest import Finding, Manifest
from pneumoray.data.patients import unknown_patients
from pneumoray.data.pseudonyms import Pseudonyms, hidden
from pneumoray.data.rules import Rules
from pneumoray.data.stored import read_file
from pneumoray.errors import DataError
from pneumoray.evaluation import report
from pneumoray.journal import latest
from pneumoray.predictions import PROB, Predictions
from pneumoray.stages.models import Model, load_model
from pneumoray.stages.opening import note_if_test
from pneumoray.stages.prepare import OnEvent, tell_understood
from pneumoray.stream import stream
from pneumoray.study_folder import StudyFolder
from pneumoray.telling import tell
from pneumoray.workspace import open_workspace


def evaluate(
    data: Path | str,
    model: Path | str | None = None,
    *,
    images: Path | str | None = None,
    rules: Rules | None = None,
    classes: Mapping[str, str] | None = None,
    workspace: Path | str | None = None,
    mlflow: Path | str | None = None,
    device: str = "auto",
    own_code: bool = False,
    save: Path | None = None,
    on_event: OnEvent = tell,
) -> dict[str, Any]:
    """Scores of `model` (as `load_model` takes it) on a folder or table of labelled images.

    Of data with splits, the test split is scored; of a flat folder, everything. Where that touches
    the test split of the model's own study, the opening is counted. Without a patient rule it is that
    of the model's study, where that finds the patients. The data's classes are the
    model's of the same name, in any case and order; `classes` says which is which of others.
    Unreadable images are named and left out. The report is that of `report.member_report`. Raises
    DataError where the classes can't be matched.
    """
    if save is not None:
        artifact.check_writable(save)
    opened = load_model(model, workspace=workspace, mlflow=mlflow, device=device, own_code=own_code)
    bundle = opened.bundle
    if rules is not None and rules.pixel_range is not None:
        bundle = bundle.with_range(rules.pixel_range)
    on_event({"type": "note", "text": f"model: {opened.name}"})
    list_images = partial(
        scan,
        Path(data),
        Path(images) if images else None,
        pseudonyms=Pseudonyms(open_workspace(workspace, to_write=False).root),
    )
    manifest, findings = _scan(list_images, rules or Rules(), opened, on_event)
    tell_understood(manifest, on_event)
    for finding in findings:
        on_event({"type": "finding", **asdict(finding)})
    partners = matched(manifest.classes, bundle.classes, classes or {})
    if renamed := [f"{ours} is {theirs}" for ours, theirs in partners.items() if ours != theirs]:
        on_event({"type": "note", "text": f"classes: {', '.join(renamed)}"})
    manifest = replace(manifest, classes=tuple(partners[name] for name in manifest.classes))
    manifest = manifest.with_classes(bundle.classes)
    rows = manifest.images
    if (rows["split"] == "test").any():
        rows = manifest.of_split("test")
    files = [Path(path) for path in rows["path"]]
    openings = None
    if opened.study is not None:
        openings = note_if_test(opened.study, opened.name, (_sha256(file) for file in files))
    tables: list[pd.DataFrame] = []
    names = hidden(rows)["path"].tolist()
    for table in stream(bundle, files):
        done = sum(map(len, tables))
        for i in table.index[table["error"].notna()]:
            text = f"left out: {names[done + i]} {table['error'][i]}"
            on_event({"type": "note", "text": text})
        tables.append(table)
        done += len(table)
        on_event({"type": "predict", "done": done, "total": len(files)})
    said = pd.concat(tables, ignore_index=True)
    kept = said["error"].isna().to_numpy()
    if not kept.any():
        raise DataError(f"no image of {data} can be read; the first {said['error'].iloc[0]}")
    probs = said.loc[kept, [PROB + name for name in bundle.classes]].to_numpy()
    predictions = Predictions(hidden(rows)[kept], probs, bundle.classes)
    if save is not None:
        predictions.save(save)
    name = ", ".join(member.name for member in bundle.members)
    scores = report.member_report(
        name,
        predictions.labels,
        predictions.probs,
        predictions.groups,
        bundle.threshold,
        bundle.classes,
    )
    return scores | {"test_openings": openings}


def _scan(
    list_images: Callable[..., tuple[Manifest, list[Finding]]],
    rules: Rules,
    model: Model,
    on_event: OnEvent,
) -> tuple[Manifest, list[Finding]]:
    """The images, with the patients that the model's study would find where no rule is given."""
    rule = None if model.study is None else _rule_of(model.study)
    if rules.patient_rule is None and rule is not None:
        listed = list_images(rules=rules.model_copy(update={"patient_rule": rule}))
        if not unknown_patients(listed[0]):
            return listed
    manifest, findings = list_images(rules=rules)
    if unknown := unknown_patients(manifest):
        text = (
            f"{unknown}: each such image counts as a patient of its own, so the intervals may be too "
            "narrow; --patient-rule says who is who"
        )
        on_event({"type": "note", "text": text})
    return manifest, findings


def _rule_of(study: StudyFolder) -> str | None:
    """The patient rule that the study was trained with, if it names one."""
    record = latest(study.journal, "study", "study").get(study.name, {})
    return record.get("config", {}).get("patient_rule")


def _sha256(file: Path) -> str:
    try:
        return hashlib.sha256(read_file(file)).hexdigest()
    except OSError:
        return ""  # decoding says what is wrong with it
