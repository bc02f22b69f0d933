"""predict: a trained model on images that nobody has labelled."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from pneumoray.data.said import Range
from pneumoray.data.unlabelled import list_files
from pneumoray.errors import DataError
from pneumoray.stages.models import load_model
from pneumoray.stages.prepare import OnEvent
from pneumoray.stream import stream


def predict(
    paths: Sequence[Path | str],
    model: Path | str | None = None,
    *,
    images: Path | str | None = None,
    pixel_range: Range | None = None,
    workspace: Path | str | None = None,
    mlflow: Path | str | None = None,
    device: str = "auto",
    own_code: bool = False,
    on_event: OnEvent = lambda event: None,
) -> Iterator[pd.DataFrame]:
    """Yield the predictions of `model` on images, some rows at a time, as they come.

    `paths` are files, folders, tables and patterns (`unlabelled.list_files`); `model` is what
    `load_model` takes. Where images don't say which values are black and white, it is `pixel_range`,
    by default what the model was trained with. A row is as `Model.predict` has it. Where these are
    images of a study's test split no opening is counted: no label is looked at, so nothing can be
    chosen by what comes out.
    Raises PneumorayError before the first row for a mistake in what is named, and DataError after
    the last one when some images could not be used.
    """
    files = list_files(paths, Path(images) if images else None)
    opened = load_model(model, workspace=workspace, mlflow=mlflow, device=device, own_code=own_code)
    bundle = opened.bundle.with_range(pixel_range) if pixel_range else opened.bundle
    on_event({"type": "note", "text": f"model: {opened.name}"})
    done = num_broken = 0
    for table in stream(bundle, files):
        yield table
        done += len(table)
        num_broken += int(table["error"].notna().sum())
        on_event({"type": "predict", "done": done, "total": len(files)})
    if num_broken:
        raise DataError(f"{num_broken} of {len(files)} images can't be used; their rows say why")
