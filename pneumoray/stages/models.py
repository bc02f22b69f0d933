"""models: what --model names, a study, a registered model or a folder, opened to predict."""

import html
import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from pneumoray import bundle as bundles
from pneumoray import inputs, tracking
from pneumoray.bundle import Bundle
from pneumoray.data.unlabelled import expanded
from pneumoray.errors import ClusterError, StudyError, did_you_mean
from pneumoray.journal import latest, read
from pneumoray.stream import Source, stream, tabulated
from pneumoray.study_folder import StudyFolder
from pneumoray.workspace import Workspace, open_workspace

REGISTERED = "models:/"


@dataclass(frozen=True, repr=False)
class Model:
    """A trained model ready to predict: its Bundle, what people call it, and the study it is of.

    `study` is None where that is not in a workspace that we know.
    """

    name: str
    bundle: Bundle
    study: StudyFolder | None

    def __repr__(self) -> str:
        return f"{self.name}\n{self.bundle!r}"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self.name)}</p>{self.bundle._repr_html_()}"

    def predict(self, images: Path | str | Source | Sequence[Path | str | Source]) -> pd.DataFrame:
        """A row an image: `file`, `predicted`, prob_CLASS for each class, what decided, `error`.

        `images` is one image or a list: bytes, pixels as `inputs.listed` takes them, or paths, of
        which a folder, a table or a pattern means all its images. The columns are those of
        `Bundle.table`; they are empty in the row of a file whose `error` says why it can't be used.
        """
        given = [images] if isinstance(images, Path | str) else inputs.listed(images)
        sources: list[Source] = []
        for one in given:
            sources += expanded(one) if isinstance(one, Path | str) else [one]
        tables = list(stream(self.bundle, sources)) or [tabulated(self.bundle, [])]
        return pd.concat(tables, ignore_index=True)


def load_model(
    name: Path | str | None = None,
    *,
    workspace: Path | str | None = None,
    mlflow: Path | str | None = None,
    device: str = "auto",
    own_code: bool = False,
) -> Model:
    """Open a trained model: a study's, one of MLflow's registry, or one in a folder.

    `name` is a study of the workspace, which means its newest ensemble, else its champion with the
    best validation AUROC; or models:/NAME@champion or models:/NAME/VERSION; or a bundle's folder.
    None is the last study. `device` auto is a GPU where there is one. `own_code` allows running
    the code that a model brings of a backbone named module:function. Raises PneumorayError when
    there is no such model, or it can't be opened.
    """
    place = open_workspace(workspace, to_write=False)
    device = _device(device)
    if isinstance(name, str) and name.startswith(REGISTERED):
        settings = tracking.find_settings(None if mlflow is None else Path(mlflow), place.root)
        with tempfile.TemporaryDirectory(prefix="pneumoray-") as scratch:
            folder = tracking.download(settings, name, Path(scratch))
            bundle = bundles.load(folder, device=device, own_code=own_code)
        origin = bundle.info.get("origin", {}).get("study")
        study = place.study(origin) if origin in place.studies() else None
        return Model(f"{name}, {_members(bundle)}", bundle, study)
    title, folder, study = _find(place, name)
    bundle = bundles.load(folder, device=device, own_code=own_code)
    return Model(f"{title}, {_members(bundle)}", bundle, study)


def _find(place: Workspace, name: Path | str | None) -> tuple[str, Path, StudyFolder | None]:
    """(what people call it, the bundle's folder, the study it is of)"""
    if name is None or str(name) in place.studies():
        study = place.find(None if name is None else str(name), option="--model")
        return *_of_study(study), study
    folder = Path(name).expanduser()
    if not folder.is_dir():
        known = place.studies()
        studies = (
            f"the studies of {place.root} are {', '.join(known)}"
            if known
            else (f"workspace {place.root} has no studies")
        )
        raise StudyError(
            f"no model {str(name)!r}{did_you_mean(str(name), known)}: {studies}; or name a bundle's "
            f"folder, or {REGISTERED}NAME@champion"
        )
    above = folder.absolute().parents
    homes = [p for p in above if p.parent.name == "studies" and (p / "study.json").exists()]
    return str(folder), folder, StudyFolder(homes[0]) if homes else None


def _of_study(study: StudyFolder) -> tuple[str, Path]:
    """The newest ensemble by the journal, else the best champion by validation."""
    votes = [record["ensemble"] for record in read(study.journal) if record["type"] == "ensemble"]
    if votes:
        return f"{votes[-1]} of study {study.name}", study.path / "ensembles" / votes[-1] / "bundle"
    champions = latest(study.journal, "model", "family").values()
    if not champions:
        raise StudyError(
            f"study {study.name} has no model yet: run 'pneumoray train-all' until it ends"
        )
    best = max(champions, key=_val_auroc)["family"]
    return f"best champion of study {study.name}", study.path / "models" / best


def _val_auroc(record: dict[str, Any]) -> float:
    score = record["val_auroc"]
    return -math.inf if math.isnan(score) else score


def _members(bundle: Bundle) -> str:
    num = len(bundle.members)
    return bundle.members[0].name if num == 1 else f"{num} members"


def _device(wanted: str) -> str:
    has_gpu = torch.cuda.is_available()
    if wanted == "auto":
        return "cuda" if has_gpu else "cpu"
    if wanted == "cuda" and not has_gpu:
        raise ClusterError("this machine has no GPU that torch can use: choose --device cpu")
    return wanted
