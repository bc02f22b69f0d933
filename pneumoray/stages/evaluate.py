"""evaluate: a Bundle on other labelled images, at the threshold that it came with."""

from pathlib import Path
from typing import Any

import numpy as np

from pneumoray import artifact
from pneumoray import bundle as bundles
from pneumoray.data import image
from pneumoray.data.folder import KERMANY_RULE, scan
from pneumoray.errors import DataError
from pneumoray.evaluation import report
from pneumoray.predictions import Predictions
from pneumoray.stages.opening import note_if_test
from pneumoray.stages.prepare import OnEvent

_BATCH_IMAGES = 64


def evaluate(
    bundle: Path | str,
    data: Path | str,
    images: Path | str | None = None,
    patient_rule: str = KERMANY_RULE,
    *,
    save: Path | None = None,
    own_code: bool = False,
    on_event: OnEvent = lambda event: None,
) -> dict[str, Any]:
    """Scores of the model in folder `bundle` on a folder or table of labelled images.

    Of data with splits, the test split is scored; of a flat folder, everything. Where that touches
    the test split of the model's own study, the opening is counted. Unreadable images are named and
    left out. The report is that of `report.member_report`. Raises DataError where the classes are
    not the model's.
    """
    model = bundles.load(Path(bundle), own_code=own_code)
    manifest, _ = scan(Path(data), Path(images) if images else None, patient_rule)
    if set(manifest.classes) != set(model.classes):
        raise DataError(
            f"{data} has the classes {', '.join(manifest.classes)}, and the model knows "
            f"{', '.join(model.classes)}: name folders or labels as those"
        )
    manifest = manifest.with_classes(model.classes)
    rows = manifest.images
    if (rows["split"] == "test").any():
        rows = manifest.of_split("test")
    files = [Path(path) for path in rows["path"]]
    openings = note_if_test(Path(bundle), (_sha256(file) for file in files))
    kept: list[int] = []
    probs = []
    for start in range(0, len(files), _BATCH_IMAGES):
        decoded = []
        for position in range(start, min(start + _BATCH_IMAGES, len(files))):
            try:
                decoded.append(np.asarray(image.decode(files[position])))
                kept.append(position)
            except DataError as error:
                on_event({"type": "note", "text": f"left out: {error}"})
        if decoded:
            probs.append(model.predict_probs(decoded))
        done = min(start + _BATCH_IMAGES, len(files))
        on_event({"type": "pack", "done": done, "total": len(files)})
    if not kept:
        raise DataError(f"no image of {data} can be read; 'pneumoray audit {data}' says why")
    predictions = Predictions(rows.iloc[kept], np.concatenate(probs), model.classes)
    if save is not None:
        predictions.save(save)
    name = ", ".join(member.name for member in model.members)
    scores = report.member_report(
        name,
        predictions.labels,
        predictions.probs,
        predictions.groups,
        model.threshold,
        model.classes,
    )
    return scores | {"test_openings": openings}


def _sha256(file: Path) -> str:
    try:
        return artifact.sha256_file(file)
    except OSError:
        return ""  # decoding says what is wrong with it
