"""A Bundle becomes a version of a registered model, with everything that it needs to run."""

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow.pyfunc
from mlflow import MlflowClient
from mlflow.entities import LifecycleStage, LoggedModel, LoggedModelOutput, LoggedModelStatus
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import Model

from pneumoray import artifact
from pneumoray.errors import WorkspaceError
from pneumoray.models.own_code import is_own, pinned
from pneumoray.tracking import descriptions, shipped, signature
from pneumoray.tracking.refusals import Gone

ALIAS = "champion"
BUNDLE, DECIDED = "pneumoray.bundle", "pneumoray.decided"
# What pneumoray/serving.py imports, down to the bottom. MLflow would take a minute to find out.
_REQUIREMENTS = (
    "torch",
    "torchvision",
    "timm",
    "safetensors",
    "numpy",
    "pandas",
    "pillow",
    "filelock",
)


@dataclass(frozen=True)
class Entry:
    """A Bundle on its way into the registry, and the run that made it."""

    name: str
    folder: Path
    experiment_id: str
    run_id: str
    tags: dict[str, str]  # val_auroc and val_digest among them decide on the alias
    description: str = ""
    promote: bool = False
    time: int = 0  # of the record that asks, in milliseconds: the same one is heeded once


def register(client: MlflowClient, entry: Entry) -> ModelVersion:
    """The version of `entry.name` that holds the bundle: the one there is, or a new one.

    The alias `champion` moves to a new version when it is better on the same validation split, or
    promoted. That is decided once, so that a replay never undoes what someone did since. A version
    whose run is gone is not the one: the new one takes its place.
    """
    digest = artifact.sha256_file(entry.folder / "bundle.json")  # holds those of the weights
    try:
        text = descriptions.of_model(entry.name, ALIAS)
        client.create_registered_model(entry.name, description=text)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    versions = client.search_model_versions(f"name = '{entry.name}'")
    same = (v for v in versions if v.tags.get(BUNDLE) == digest)
    version = next((v for v in same if _has_run(client, v)), None)
    if version is None:
        model = _logged_model(client, entry, digest)
        version = client.create_model_version(
            entry.name,
            # not models:/ID, which a database resolves by MLflow's global tracking URI
            source=model.artifact_location,
            run_id=entry.run_id,
            model_id=model.model_id,
            tags=entry.tags | {BUNDLE: digest},
            description=entry.description,
        )
    decided = version.tags.get(DECIDED, "")
    if not decided or (entry.promote and decided != f"promoted {entry.time}"):
        champion = _champion(client, entry.name)
        wins = (
            entry.promote
            or champion is None
            or champion.tags.get(BUNDLE) == digest
            or _better(entry.tags, champion.tags)
        )
        if wins:
            client.set_registered_model_alias(entry.name, ALIAS, version.version)
        decision = f"promoted {entry.time}" if entry.promote else "champion" if wins else "no"
        client.set_model_version_tag(entry.name, version.version, DECIDED, decision)
    return version


def tag(client: MlflowClient, version: ModelVersion, key: str, value: str) -> None:
    """Put a tag on the version, and on the model of the run that it was made from."""
    client.set_model_version_tag(version.name, version.version, key, value)
    if version.model_id:
        client.set_logged_model_tags(version.model_id, {key: value})


def _has_run(client: MlflowClient, version: ModelVersion) -> bool:
    """Whether the run that made this version is still there."""
    try:
        run = client.get_run(str(version.run_id))
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return False
    return bool(run.info.lifecycle_stage == LifecycleStage.ACTIVE)


def _champion(client: MlflowClient, name: str) -> ModelVersion | None:
    try:
        return client.get_model_version_by_alias(name, ALIAS)
    except MlflowException as error:
        if error.error_code in ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"):
            return None
        raise


def _better(new: dict[str, str], old: dict[str, str]) -> bool:
    """Whether `new` has the higher validation AUROC on the very same images."""
    if not new.get("val_digest") or new["val_digest"] != old.get("val_digest"):
        return False
    return float(new["val_auroc"]) > float(old["val_auroc"])


def _logged_model(client: MlflowClient, entry: Entry, digest: str) -> LoggedModel:
    """The run's MLflow model of this bundle: a new one, or one that was begun before."""
    found = client.search_logged_models(
        [entry.experiment_id],
        filter_string=f"tags.`{BUNDLE}` = '{digest}' AND source_run_id = '{entry.run_id}'",
    )
    if found:
        model = found[0]
    else:
        model = client.create_logged_model(
            entry.experiment_id,
            name=re.sub(r"[/:.%\"']", "_", entry.name),
            source_run_id=entry.run_id,
            tags=entry.tags | {BUNDLE: digest},
            model_type="pneumoray.Bundle",
        )
    if model.status == LoggedModelStatus.READY:
        return model
    with tempfile.TemporaryDirectory(prefix="pneumoray-") as temporary:
        path = Path(temporary) / "model"
        _save(path, entry, model)
        client.log_model_artifacts(model.model_id, str(path))
    client.log_outputs(entry.run_id, [LoggedModelOutput(model.model_id, step=0)])
    return client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)


def _save(path: Path, entry: Entry, model: LoggedModel) -> None:
    """Write the MLflow model: the bundle, this package's code, and what to install."""
    described: dict[str, Any] = artifact.read_json(entry.folder / "bundle.json")
    _check_code(entry.folder, described)
    code = shipped.copy_to(path.parent)
    mlflow.pyfunc.save_model(
        path,
        loader_module=code.name,
        data_path=str(entry.folder),
        code_paths=[str(code)],
        pip_requirements=[*map(pinned, _REQUIREMENTS), *_beside(described)],
        signature=signature.of_classes(described["classes"]),
        input_example=signature.example(),
        mlflow_model=Model(
            artifact_path=f"models:/{model.model_id}",
            run_id=entry.run_id,
            model_id=model.model_id,
            model_uuid=model.model_id,
            metadata={"classes": described["classes"], "input": "image bytes or uint8 pixels"},
        ),
    )


def _beside(described: dict[str, Any]) -> list[str]:
    """What the bundle's own code needs installed, and ours does not."""
    ours = set(_REQUIREMENTS)
    return [one for one in described["requires"] if one.partition("==")[0] not in ours]


def _check_code(folder: Path, described: dict[str, Any]) -> None:
    """Raise WorkspaceError for a bundle of before they brought the code of own backbones."""
    backbones = [member["architecture"]["backbone"] for member in described["members"]]
    own = [backbone for backbone in backbones if is_own(backbone)]
    if own and "code" not in described:
        raise WorkspaceError(
            f"bundle {folder} lacks the code of backbone {own[0]}: make it again with "
            "'pneumoray train-all --promote'; a vote, by removing its folder and voting again"
        )


def check_bundle(folder: Path, origin: dict[str, Any]) -> None:
    """Raise Gone unless the bundle in `folder` is there, and still that of `origin`."""
    if not (folder / "bundle.json").is_file():
        raise Gone(f"bundle {folder} is missing")
    found = artifact.read_json(folder / "bundle.json").get("info", {}).get("origin", origin)
    if any(found.get(key) != value for key, value in origin.items()):
        named = f"trial {found.get('trial')} by now (epoch {found.get('epoch')})"
        raise Gone(f"bundle {folder} is of {named}, no longer of {origin}")
