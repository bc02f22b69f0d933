"""mlflow.yaml: where runs and models go, and what they are called."""

import os
import string
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import pydantic
import yaml

from pneumoray import words
from pneumoray.errors import TrackingError, did_you_mean
from pneumoray.redaction import shown
from pneumoray.tracking import sqlite

FILE = "mlflow.yaml"
ENVIRONMENT_VARIABLE = "MLFLOW_TRACKING_URI"
# Tags that runs and models get from us: a user's own of that name would say something else there.
OURS = frozenset(
    (
        "arm",
        "backbone",
        "best_epoch",
        "comparison",
        "device",
        "family",
        "git_commit",
        "kind",
        "leaks",
        "members",
        "outcome",
        "pack",
        "reason",
        "replaced",
        "stage",
        "study",
        "test_openings",
        "time_seconds",
        "trial",
        "val_auroc",
        "val_digest",
        "weights_source",
    )
)
_OUR_PREFIXES = ("mlflow.", "pneumoray.", "version.")

# Read by MLflow when it is imported. No usage reports, bars, links; and a server that is down is not
# waited for (MLflow's own: 7 retries of 120 s), as the replayer tries again by itself.
_MLFLOW_DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "60",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
}


class Settings(pydantic.BaseModel):
    """Where runs and models go. `{workspace}`, `{study}` and `{family}` are filled in."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    tracking_uri: str = pydantic.Field(
        default="sqlite:///{workspace}/mlflow.db",
        description="An MLflow server (http://HOST:5000, version 3 or newer), or a database.",
    )
    artifacts: str = pydantic.Field(
        default="{workspace}/mlartifacts",
        description="Where the files of a database's runs lie; a server decides for itself.",
    )
    experiment: str = pydantic.Field(
        default="pneumoray-{study}", description="Name of a study's experiment."
    )
    model: str = pydantic.Field(
        default="pneumoray-{study}-{family}",
        description="Name of a registered model; the family of the vote is ensemble.",
    )
    tags: dict[str, str] = pydantic.Field(
        default_factory=dict, description="Put on every run, as {team: radiology}."
    )
    system_metrics: bool = pydantic.Field(
        default=True,
        description="Whether trials show what they took of the machine: processor, memory, disk, network.",
    )

    @pydantic.model_validator(mode="after")
    def _known_placeholders(self) -> Self:
        for key, allowed in _PLACEHOLDERS.items():
            text = getattr(self, key)
            seen = shown(text)  # without a password, which may hold braces as well
            try:
                parts = [part for part in string.Formatter().parse(text) if part[1] is not None]
            except ValueError as error:
                why = (
                    str(error)
                    if seen == text
                    else "braces in a password: %7B and %7D stand for them"
                )
                raise ValueError(f"{key} {seen!r}: {why}") from None
            names = {f"{name}{':' * bool(form)}{form}" for _, name, form, _ in parts}
            if unknown := sorted(names - set(allowed)):
                named = (
                    f"names {{{unknown[0]}}}" if unknown[0] in seen else "has braces in a password"
                )
                choice = " and ".join(f"{{{name}}}" for name in allowed)
                raise ValueError(f"{key} {seen!r} {named}; only {choice} can be")
            if key in ("experiment", "model") and "study" not in names:
                raise ValueError(f"{key} {text!r} needs {{study}}, or studies would mix")
        return self

    @pydantic.model_validator(mode="after")
    def _taken_by_mlflow(self) -> Self:
        """What MLflow would refuse of each record is refused here, before anything is trained."""
        longest = "x" * words.LONGEST_NAME
        model = self.model_name(longest, longest)
        if why := words.why_no_model(model):
            raise ValueError(f"model {self.model!r} can't name a model: {why}")
        if why := words.why_no_line(self.experiment_name(longest), words.LONGEST_MODEL):
            raise ValueError(f"experiment {self.experiment!r} can't name an experiment: {why}")
        for key, value in self.tags.items():
            if why := words.why_no_key(key) or words.why_no_text(value):
                raise ValueError(f"tags {key!r}: {why}")
            if key in OURS or key.startswith(_OUR_PREFIXES):
                raise ValueError(
                    f"tags {key!r}: a tag of that name is set already; take another word"
                )
        if pair := words.twins([*OURS, *self.tags]):
            raise ValueError(f"tags {' and '.join(pair)} are one tag in some databases; rename one")
        return self

    @property
    def is_database(self) -> bool:
        """Whether MLflow writes to a database by itself, without a server."""
        return self.tracking_uri.startswith(("sqlite", "postgresql", "mysql", "mssql"))

    @property
    def database(self) -> Path | None:
        """The file of a SQLite database; None of any other place."""
        return sqlite.path_of(self.tracking_uri)

    def experiment_name(self, study: str) -> str:
        return self.experiment.format(study=study)

    def model_name(self, study: str, family: str) -> str:
        return self.model.format(study=study, family=family)


_PLACEHOLDERS = {
    "tracking_uri": ("workspace",),
    "artifacts": ("workspace",),
    "experiment": ("study",),
    "model": ("study", "family"),
}


def find_settings(path: Path | None, workspace: Path, demo: bool = False) -> Settings:
    """Settings from `path`, else ./mlflow.yaml, else WORKSPACE/mlflow.yaml, else the defaults.

    MLFLOW_TRACKING_URI wins over the file's. The demo has the defaults whatever is said anywhere.
    Raises TrackingError in one line for a file that can't be read, or holds an unknown key.
    """
    settings, base = Settings(), Path.cwd()
    candidates = [] if demo else [Path(FILE), workspace / FILE]
    if path is not None and not demo:
        candidates = [path]
    for candidate in candidates:
        if candidate == path or candidate.is_file():
            settings, base = _read(candidate), candidate.absolute().parent
            break
    plain = str(workspace.absolute())
    uri, artifacts = settings.tracking_uri.format(workspace=quote(plain)), settings.artifacts
    if not demo and (named := os.environ.get(ENVIRONMENT_VARIABLE)):
        uri, base = named, Path.cwd()
    if "://" in artifacts:  # a bucket, say
        artifacts = artifacts.format(workspace=quote(plain))
    else:
        artifacts = str(base / artifacts.format(workspace=plain))
    return settings.model_copy(
        update={"tracking_uri": _absolute(uri, base), "artifacts": artifacts}
    )


def prepare_environment() -> None:
    """Set what MLflow reads as it is imported, where the user has not."""
    for name, value in _MLFLOW_DEFAULTS.items():
        os.environ.setdefault(name, value)


def _absolute(uri: str, base: Path) -> str:
    """The URI with the path of a SQLite file made absolute: Ray's workers change their folder."""
    path = sqlite.path_of(uri)
    if path is None:
        return uri.rstrip("/")
    query = uri.partition("?")[2]
    return sqlite.uri_of(base / path, query)


def _read(path: Path) -> Settings:
    try:
        values: Any = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise TrackingError(
            f"{path} can't be read: {error.strerror}; name a file as {FILE}"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TrackingError(
            f"{path} is no valid YAML: {shown(' '.join(str(error).split()))}"
        ) from None
    if values is not None and not isinstance(values, dict):
        raise TrackingError(
            f"{path} must hold keys and values, as 'tracking_uri: http://HOST:5000'"
        )
    try:
        return Settings.model_validate(values or {})
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            known = ", ".join(Settings.model_fields)
            near = did_you_mean(key, Settings.model_fields) or f"; known are {known}"
            raise TrackingError(f"{path}: unknown key {key!r}{near}") from None
        message = first["msg"].removeprefix("Value error, ")
        found = f"{key} {shown(repr(first['input']))}: " if key else ""
        raise TrackingError(f"{path}: {found}{message}") from None
