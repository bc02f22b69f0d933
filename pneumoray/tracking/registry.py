"""A Bundle becomes a version of a registered model, with everything that it needs to run."""

import importlib.util
import re
import shutil
import site
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
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
from pneumoray.tracking import descriptions, signature
from pneumoray.tracking.refusals import Gone

ALIAS = "champion"
BUNDLE, DECIDED = "pneumoray.bundle", "pneumoray.decided"
_PACKAGE = Path(__file__).parents[1]
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
_CODE = (".py", ".yaml", ".html")  # what a package's code consists of


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
    """Write the MLflow model: the bundle, this package's code and own backbones', what to install."""
    described: dict[str, Any] = artifact.read_json(entry.folder / "bundle.json")
    backbones = [member["architecture"]["backbone"] for member in described["members"]]
    modules, installed = _own_modules(backbones)
    code = [_copied(source, path.parent / "code") for source in (_PACKAGE, *modules)]
    mlflow.pyfunc.save_model(
        path,
        loader_module="pneumoray.serving",
        data_path=str(entry.folder),
        code_paths=[str(copy) for copy in code],
        pip_requirements=[_pinned(name) for name in (*_REQUIREMENTS, *installed)],
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


def _own_modules(backbones: Iterable[str]) -> tuple[list[Path], list[str]]:
    """What 'module:function' backbones are imported from: files and folders, or installed packages.

    Raises WorkspaceError for a module that can't be found, as a model without it could not be loaded.
    """
    installs = [Path(p) for p in (*site.getsitepackages(), site.getusersitepackages())]
    sources: dict[Path, None] = {}
    installed: set[str] = set()
    for name in sorted({backbone.partition(":")[0] for backbone in backbones if ":" in backbone}):
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            spec = None
        file = Path((spec and spec.origin) or "")
        if not file.is_file():
            raise WorkspaceError(
                f"the code of backbone module {name!r} is not found, so that the model can't bring it; "
                "put its folder on PYTHONPATH and run the command again"
            )
        top, *inner = name.split(".")
        if any(folder in file.parents for folder in installs):
            installed |= set(metadata.packages_distributions().get(top, []))
        elif file.name == "__init__.py":
            sources[file.parents[len(inner)]] = None
        else:
            sources[file.parents[len(inner) - 1] if inner else file] = None
    return list(sources), sorted(installed - set(_REQUIREMENTS))


def _copied(source: Path, folder: Path) -> Path:
    """A copy in `folder` of a module, or of a package's code without data that lie beside it."""
    target = folder / source.name
    folder.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=_all_but_code)
    else:
        shutil.copyfile(source, target)
    return target


def _all_but_code(folder: str, names: list[str]) -> set[str]:
    code = {name for name in names if name.endswith(_CODE) or Path(folder, name).is_dir()}
    return {name for name in names if name not in code or name.startswith((".", "__pycache__"))}


def _pinned(name: str) -> str:
    """'torch==2.9.1': the public part, as '+cpu' is found in one index only."""
    return f"{name}=={metadata.version(name).partition('+')[0]}"


def check_bundle(folder: Path, origin: dict[str, Any]) -> None:
    """Raise Gone unless the bundle in `folder` is there, and still that of `origin`."""
    if not (folder / "bundle.json").is_file():
        raise Gone(f"bundle {folder} is missing")
    found = artifact.read_json(folder / "bundle.json").get("info", {}).get("origin", origin)
    if any(found.get(key) != value for key, value in origin.items()):
        named = f"trial {found.get('trial')} by now (epoch {found.get('epoch')})"
        raise Gone(f"bundle {folder} is of {named}, no longer of {origin}")
