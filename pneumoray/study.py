"""Study: one validated YAML, and the configurations that it asks for."""

import itertools
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

import pydantic
import yaml

from pneumoray import artifact
from pneumoray.data.folder import KERMANY_RULE
from pneumoray.errors import StudyError, did_you_mean
from pneumoray.models import names

GridAxes = dict[str, list[Any]]
Model = TypeVar("Model", bound=pydantic.BaseModel)


class _Frozen(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")


class Settings(_Frozen):
    """How a model sees images and trains: every field may be set for a study, a backbone or an axis."""

    weights: str = "none"  # none | package | pretrained | hub | a folder
    head: Literal["linear", "vgg"] = "linear"
    dropout: float = pydantic.Field(0.0, ge=0, lt=1)
    image_size: int = pydantic.Field(224, ge=8, le=2048)
    image_fit: Literal["squeeze", "pad", "crop"] = "squeeze"
    color: Literal["grey", "rgb"] = "grey"
    normalize: Literal["auto", "none", "imagenet", "train"] = "auto"
    augment: Literal["none", "light", "wide"] = "wide"  # presets of data/augment.py
    flip: bool | None = None  # None: as the augmentation says
    optimizer: Literal["adam", "adamw", "sgd"] = "adamw"
    lr: float = pydantic.Field(1e-3, gt=0)
    weight_decay: float = pydantic.Field(0.01, ge=0)
    momentum: float = pydantic.Field(0.9, ge=0, lt=1)
    schedule: Literal["constant", "cosine", "step"] = "cosine"
    warmup_epochs: float = pydantic.Field(1.0, ge=0)
    step_epochs: int = pydantic.Field(7, ge=1)
    step_gamma: float = pydantic.Field(0.1, gt=0, le=1)
    epochs: int = pydantic.Field(10, ge=1)
    batch_size: int = pydantic.Field(32, ge=1)  # global: divided among the workers
    label_smoothing: float = pydantic.Field(0.0, ge=0, lt=1)
    class_weights: Literal["none", "balanced"] = "none"
    clip_norm: float | None = pydantic.Field(None, gt=0)
    patience: int | None = pydantic.Field(
        None, ge=1
    )  # epochs without a better one; None: never stop
    seed: int = pydantic.Field(0, ge=0)
    workers: int = pydantic.Field(1, ge=1)  # of the final, per backbone

    @pydantic.field_validator("weights")
    @classmethod
    def _absolute(cls, weights: str) -> str:
        """A folder is made absolute at once: Ray's workers change theirs."""
        named = weights in ("none", "package", "pretrained", "hub")
        return weights if named else str(Path(weights).expanduser().absolute())

    @pydantic.model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.batch_size % self.workers:
            raise ValueError(
                f"batch_size {self.batch_size} can't be dealt evenly to {self.workers} workers"
            )
        return self


class Config(Settings):
    """One configuration: what a trial trains."""

    backbone: str
    family: str = ""  # '' is replaced by the family of the backbone

    @pydantic.model_validator(mode="before")
    @classmethod
    def _with_family(cls, values: Any) -> Any:
        if isinstance(values, dict) and isinstance(values.get("backbone"), str):
            return values | {"family": values.get("family") or names.family_of(values["backbone"])}
        return values

    @property
    def trial_id(self) -> str:
        """Backbone and the head of the configuration's hash, as 'resnet18-1f0c2a9b'.

        Under a constant or a step schedule a longer trial begins exactly as a shorter one, so there
        `epochs` is no part of the id, and more epochs go on where fewer ended.
        """
        prefix_stable = self.schedule in ("constant", "step")
        identity = self.model_dump(exclude={"epochs"} if prefix_stable else set())
        return f"{re.sub(r'[^A-Za-z0-9_.]+', '-', self.backbone)}-{artifact.digest(identity)[:8]}"

    @property
    def in_chans(self) -> int:
        return 1 if self.color == "grey" else 3


class Race(_Frozen):
    """Synchronous halving within each backbone: at each rung (epochs) the best 1/eta go on."""

    rungs: list[int] = pydantic.Field(default=[2], min_length=1)
    eta: int = pydantic.Field(default=4, ge=2)

    @pydantic.model_validator(mode="after")
    def _rising(self) -> Self:
        if self.rungs[0] < 1 or any(a >= b for a, b in itertools.pairwise(self.rungs)):
            raise ValueError(f"rungs {self.rungs} must be epochs that rise from 1")
        return self


class Study(Settings):
    """The data, the backbones, how they train, and the axes to compare."""

    name: str = pydantic.Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    description: str = ""
    data: str | None = None
    images: str | None = None
    patient_rule: str = KERMANY_RULE
    val_fraction: float = pydantic.Field(0.15, gt=0, lt=0.5)
    test_fraction: float = pydantic.Field(0.15, gt=0, lt=0.5)
    split_seed: int = pydantic.Field(0, ge=0)
    backbones: list[str | dict[str, Any]] = pydantic.Field(min_length=1)
    grid: GridAxes | list[GridAxes] = pydantic.Field(default_factory=dict)
    race: Race | Literal["full"] = Race()

    @pydantic.model_validator(mode="after")
    def _runnable(self) -> Self:
        if isinstance(self.race, Race) and self.race.rungs[-1] >= self.epochs:
            raise ValueError(
                f"the last rung {self.race.rungs[-1]} of the race must come before epochs "
                f"{self.epochs}: lower race.rungs, or use race=full"
            )
        try:
            re.compile(self.patient_rule)
        except re.error as error:
            raise ValueError(f"patient_rule {self.patient_rule!r} is no pattern: {error}") from None
        return self

    @property
    def rungs(self) -> list[int]:
        """Epochs at which trials are cut; empty for a full race."""
        return [] if self.race == "full" else self.race.rungs

    def fingerprint(self) -> dict[str, Any]:
        """What makes two studies the same experiment: all but words and places."""
        return self.model_dump(exclude={"description", "data", "images"})


def shipped() -> list[str]:
    """Names of the studies that come with the package."""
    folder = resources.files("pneumoray") / "studies"
    return sorted(
        file.name.removesuffix(".yaml") for file in folder.iterdir() if file.name.endswith(".yaml")
    )


def read(name_or_path: str, overrides: Sequence[str] = ()) -> Study:
    """The shipped study of that name, or the YAML file at that path, with `key=value` overrides.

    Raises StudyError in one line for a missing study, an unknown key or a value out of range.
    """
    path = Path(name_or_path)
    if name_or_path in shipped():
        text = (resources.files("pneumoray") / "studies" / f"{name_or_path}.yaml").read_text()
    elif path.suffix in (".yaml", ".yml"):
        try:
            text = path.read_text()
        except OSError as error:
            raise StudyError(
                f"study {path} can't be read: {error.strerror}; give a YAML file"
            ) from None
        except UnicodeDecodeError:
            raise StudyError(f"study {path} is no text in UTF-8; give a YAML file") from None
    else:
        raise StudyError(
            f"there is no study {name_or_path!r}: use one of {', '.join(shipped())}, or a path to a "
            f".yaml file{did_you_mean(name_or_path, shipped())}"
        )
    try:
        values = yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise StudyError(f"study {name_or_path} is no valid YAML: {_one_line(error)}") from None
    if not isinstance(values, dict):
        raise StudyError(f"study {name_or_path} must hold keys and values, as 'epochs: 10'")
    for override in overrides:
        _override(values, override)
    return parse(values)


def parse(values: Mapping[str, Any]) -> Study:
    """A Study of these values, with every configuration checked. Raises StudyError in one line."""
    study = _validated(Study, dict(values), "study")
    configurations(study)
    return study


def configurations(study: Study) -> list[Config]:
    """Every configuration of the study's backbones and grid, in the order written.

    `grid` is an axis -> values table whose axes multiply, or a list of such tables. A backbone is a name
    or a table of its own settings, which may hold a `grid` of its own in place of the study's.
    """
    base = study.model_dump(include=set(Settings.model_fields))
    configs: dict[str, Config] = {}
    for entry in study.backbones:
        own = {"backbone": entry} if isinstance(entry, str) else dict(entry)
        own.pop("optional", None)
        grids: Any = own.pop("grid", study.grid)
        if "backbone" not in own:
            raise StudyError(f"backbones entry {entry} names no backbone: add 'backbone: resnet18'")
        names.check_backbone(str(own["backbone"]))
        tables = grids if isinstance(grids, list) else [grids]
        if not tables or not all(isinstance(axes, dict) for axes in tables):
            raise StudyError(
                f"grid of {own['backbone']} is {grids!r}: write a table of axes, as "
                "{lr: [1e-3, 1e-4]}, or a list of such tables"
            )
        for axes in tables:
            for point in _product(axes):
                config = _validated(Config, base | own | point, f"backbone {own['backbone']}")
                if study.rungs and study.rungs[-1] >= config.epochs:
                    raise StudyError(
                        f"epochs {config.epochs} of {config.backbone} end before the race's "
                        f"last rung {study.rungs[-1]}: lower race.rungs, or use race=full"
                    )
                if config.trial_id in configs:
                    raise StudyError(
                        f"{config.backbone} with {point} is asked for twice; remove one"
                    )
                configs[config.trial_id] = config
    return list(configs.values())


def optional_backbones(study: Study) -> list[tuple[str, str]]:
    """(backbone, weights) of the entries that are left out where their weights can't be had."""
    return [
        (entry["backbone"], entry.get("weights", study.weights))
        for entry in study.backbones
        if isinstance(entry, dict) and entry.get("optional")
    ]


def without_backbones(study: Study, left_out: Sequence[str]) -> Study:
    """The study less the optional entries of these backbones."""
    kept = [
        entry
        for entry in study.backbones
        if not (isinstance(entry, dict) and entry.get("optional") and entry["backbone"] in left_out)
    ]
    if not kept:
        raise StudyError(f"nothing is left of study {study.name} without {', '.join(left_out)}")
    return study.model_copy(update={"backbones": kept})


def _product(axes: GridAxes) -> list[dict[str, Any]]:
    for axis, values in axes.items():
        if axis not in Settings.model_fields:
            near = did_you_mean(axis, Settings.model_fields)
            raise StudyError(f"grid axis {axis!r} is no field of a configuration{near}")
        if not isinstance(values, list) or not values:
            raise StudyError(f"grid axis {axis!r} needs a list of values, got {values!r}")
    return [dict(zip(axes, point, strict=True)) for point in itertools.product(*axes.values())]


def _override(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise StudyError(f"--set {override!r} is not of the form key=value, as --set epochs=20")
    *parents, last = key.split(".")
    for parent in parents:
        child = values.setdefault(parent, {})
        if not isinstance(child, dict):
            raise StudyError(f"--set {override!r}: {parent} holds {child!r}, which has no keys")
        values = child
    try:
        values[last] = yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise StudyError(f"--set {override!r} has no valid value: {_one_line(error)}") from None


def _validated(model: type[Model], values: dict[str, Any], where: str) -> Model:
    try:
        return model.model_validate(values)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        loc = [
            str(part) for part in first["loc"] if "[" not in str(part)
        ]  # less pydantic's own names
        key = ".".join(loc)
        if first["type"] == "extra_forbidden":
            known = Race.model_fields if loc[0] == "race" and len(loc) > 1 else model.model_fields
            near = did_you_mean(loc[-1], known) or f"; known are {', '.join(sorted(known))}"
            raise StudyError(f"{where}: unknown key {key!r}{near}") from None
        if first["type"] == "missing":
            raise StudyError(f"{where}: key {key!r} is missing") from None
        message = first["msg"].removeprefix("Value error, ")
        found = f"{key} {first['input']!r}: " if key else ""
        raise StudyError(f"{where}: {found}{message}") from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


class _Loader(yaml.SafeLoader):
    """YAML 1.2's idea of a float: 1e-3 is a number, not a word."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)[eE][-+]?\d+$"),
    list("-+0123456789."),
)
