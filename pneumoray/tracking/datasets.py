"""The splits of a Pack as inputs of a run."""

import json
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

from mlflow.entities import Dataset, DatasetInput, InputTag

_DIGEST = 8  # digits, as MLflow's own


def inputs(study: str, pack: Mapping[str, Any], splits: Iterable[str]) -> list[DatasetInput]:
    """One input a split, with the split as its context. `pack`: hash, path, num_train, ..."""
    uri = f"packs/{PurePath(pack['path']).name}"  # in the workspace, wherever that lies
    return [
        DatasetInput(
            Dataset(
                name=f"{study}-{split}",
                digest=pack["hash"][:_DIGEST],
                source_type="local",
                source=json.dumps({"uri": uri, "root": pack.get("root", "")}),
                profile=json.dumps(
                    {
                        "num_images": pack.get(f"num_{split}"),
                        "classes": pack.get("classes", []),
                        "pack": pack["hash"],
                    }
                ),
            ),
            [InputTag("mlflow.data.context", split)],
        )
        for split in splits
    ]
