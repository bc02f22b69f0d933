"""A registered model's bundle, fetched from wherever MLflow keeps it."""

import re
from pathlib import Path

import mlflow.artifacts
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from pneumoray import words
from pneumoray.errors import TrackingError, did_you_mean
from pneumoray.redaction import shown
from pneumoray.tracking.client import connect
from pneumoray.tracking.locations import here
from pneumoray.tracking.refusals import one_line
from pneumoray.tracking.settings import Settings

_URI = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[\w-]+)|/(?P<version>[0-9]{1,9}))")


def download(settings: Settings, uri: str, folder: Path) -> Path:
    """Fetch the bundle of models:/NAME@ALIAS or models:/NAME/VERSION into `folder`; return its place.

    Only data is fetched, no code. Raises TrackingError when there is no such model, or none of ours.
    """
    match = _URI.fullmatch(uri)
    if match is None or words.why_no_model(match["name"]):
        raise TrackingError(
            f"{uri!r} is no registered model: write models:/NAME@champion or models:/NAME/1"
        )
    client = connect(settings)
    version = _version(client, settings, match)
    source = here(settings, str(version.source)).rstrip("/")
    try:
        place = mlflow.artifacts.download_artifacts(
            artifact_uri=f"{source}/data",
            dst_path=str(folder),
            tracking_uri=settings.tracking_uri,
        )
    except (MlflowException, OSError) as error:
        raise TrackingError(
            f"the files of {uri} can't be fetched from {source} ({one_line(error, settings)}); "
            "check that the place is still there, or train again"
        ) from None
    bundles = sorted(Path(place).glob("*/bundle.json"))
    if not bundles:
        raise TrackingError(f"{uri} was not made by pneumoray: it holds no bundle; name another")
    return bundles[0].parent


def _version(client: MlflowClient, settings: Settings, match: re.Match[str]) -> ModelVersion:
    name, alias, number = match["name"], match["alias"], match["version"]
    try:
        if alias:
            return client.get_model_version_by_alias(name, alias)
        return client.get_model_version(name, number)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
    where = shown(settings.tracking_uri)
    versions = client.search_model_versions(f"name = '{name}'")
    if not versions:
        known = sorted(model.name for model in client.search_registered_models())
        choice = f"; choose from {', '.join(known)}" if known else ""
        raise TrackingError(
            f"{where} has no model {name!r}{choice}{did_you_mean(name, known)}; "
            "name another registry with --mlflow or MLFLOW_TRACKING_URI"
        )
    what = f"alias {alias!r}" if alias else f"version {number}"
    numbers = ", ".join(sorted((str(v.version) for v in versions), key=int))
    aliases = ", ".join(sorted(client.get_registered_model(name).aliases)) or "none"
    raise TrackingError(
        f"model {name} has no {what}: its versions are {numbers}, its aliases {aliases}"
    )
