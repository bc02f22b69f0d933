"""evaluate: a Bundle on other labelled images, at the threshold that it came with."""

from pathlib import Path
from typing import Any

import numpy as np

from pneumoray import bundle as bundles
from pneumoray.data.folder import scan
from pneumoray.errors import DataError
from pneumoray.evaluation import report
from pneumoray.predictions import Predictions
from pneumoray.stages.prepare import OnEvent

_BATCH_IMAGES = 64


def evaluate(
    bundle: Path | str,
    data: Path | str,
    images: Path | str | None = None,
    patient_rule: str = "",
    *,
    save: Path | None = None,
    on_event: OnEvent = lambda event: None,
) -> dict[str, Any]:
    """Scores of the model in folder `bundle` on a folder or table of labelled images.

    Of data with splits, the test split is scored; of a flat folder, everything. Unreadable images
    are named and left out. The report is that of `report.member_report`. Raises DataError where
    the classes are not the model's.
    """
    model = bundles.load(Path(bundle))
    manifest, _ = scan(Path(data), Path(images) if images else None, patient_rule)
    if manifest.classes != model.classes:
        raise DataError(
            f"{data} has the classes {', '.join(manifest.classes)}, and the model knows "
            f"{', '.join(model.classes)}: name folders or labels as those"
        )
    rows = manifest.images
    if (rows["split"] == "test").any():
        rows = manifest.of_split("test")
    kept, probs = [], []
    for start in range(0, len(rows), _BATCH_IMAGES):
        batch = rows.iloc[start : start + _BATCH_IMAGES]
        for position, path in enumerate(batch["path"]):
            try:
                probs.append(model.predict_probs([Path(path).read_bytes()]))
                kept.append(start + position)
            except (DataError, OSError) as error:
                on_event({"type": "note", "text": f"left out {path}: {error}"})
        on_event({"type": "pack", "done": min(start + len(batch), len(rows)), "total": len(rows)})
    if not kept:
        raise DataError(f"no image of {data} can be read; 'pneumoray audit {data}' says why")
    predictions = Predictions(rows.iloc[kept], np.concatenate(probs), model.classes)
    if save is not None:
        predictions.save(save)
    name = ", ".join(member.name for member in model.members)
    return report.member_report(
        name, predictions.labels, predictions.probs, predictions.groups, model.threshold
    )
