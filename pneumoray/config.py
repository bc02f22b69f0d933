"""Settings of a model's training, and Config: one configuration, which a trial trains."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args

import pydantic

from pneumoray import artifact
from pneumoray.errors import StudyError, did_you_mean
from pneumoray.models import names
from pneumoray.models.architecture import MOST_WIDE, Architecture

Width = Annotated[int, pydantic.Field(ge=1, le=MOST_WIDE)]
Model = TypeVar("Model", bound=pydantic.BaseModel)


class Frozen(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")


class Settings(Frozen):
    """How a model sees images and trains: every field may be set for a study, a backbone or an axis."""

    weights: str = "none"  # none | package | pretrained | hub | a folder
    freeze: str = "none"  # none | backbone | up to and including a stage of the family
    # The network. A layer string takes the six from `filters` on, any other backbone `head`, `hidden`.
    head: Literal["linear", "flatten", "vgg"] = "linear"
    hidden: tuple[Width, ...] = ()  # dense layers before the last one
    dropout: float = pydantic.Field(0.0, ge=0, lt=1)
    output: Literal["softmax", "sigmoid"] = "softmax"  # sigmoid: one logit for two classes
    filters: tuple[Width, ...] = pydantic.Field((64, 128), min_length=1)
    units: Width = 128
    kernel_size: int = pydantic.Field(3, ge=1, le=31)
    padding: Literal["same", "valid"] = "same"
    activation: Literal["relu", "leaky_relu", "elu", "gelu", "silu", "tanh"] = "relu"
    batch_norm: bool = False
    # What it sees.
    image_size: int = pydantic.Field(224, ge=8, le=2048)
    image_fit: Literal["squeeze", "pad", "crop"] = "squeeze"
    crop_fraction: float = pydantic.Field(1.0, gt=0, le=1)  # of the short side, for image_fit crop
    color: Literal["grey", "rgb"] = "grey"
    normalize: Literal["auto", "none", "imagenet", "train"] = "auto"
    augment: Literal["none", "light", "wide"] = "wide"  # presets of data/augment.py
    flip: bool | None = None  # these three: None is as the augmentation says
    zoom: float | None = pydantic.Field(None, ge=0, lt=1)  # 0.2: lengths vary from 0.8 to 1.2
    rotate: float | None = pydantic.Field(None, ge=0, le=180)  # degrees, either way
    # How it learns.
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
    patience: int | None = pydantic.Field(  # epochs without a better one; None: never stop
        None, ge=1
    )
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


_OF_LAYERS = ("filters", "units", "kernel_size", "padding", "activation", "batch_norm")
_OF_OTHERS = ("head", "hidden")  # a layer string is its own head
_OF_VALUE = {  # a field that is used only where another has this value
    "crop_fraction": ("image_fit", "crop"),
    "momentum": ("optimizer", "sgd"),
    "step_epochs": ("schedule", "step"),
    "step_gamma": ("schedule", "step"),
}


class Config(Settings):
    """One configuration: what a trial trains."""

    backbone: str
    family: str = ""  # '' is replaced by the family of the backbone
    epochs_compared: bool = False  # epochs is an axis: a longer trial is another one

    @pydantic.model_validator(mode="before")
    @classmethod
    def _with_family(cls, values: Any) -> Any:
        if isinstance(values, dict) and isinstance(values.get("backbone"), str):
            return values | {"family": values.get("family") or names.family_of(values["backbone"])}
        return values

    @property
    def unused(self) -> set[str]:
        """Fields that say nothing of this configuration, as momentum of adam."""
        of_value = {
            field for field, (other, value) in _OF_VALUE.items() if getattr(self, other) != value
        }
        is_layers = names.is_layer_string(self.backbone)
        return of_value | set(_OF_OTHERS if is_layers else _OF_LAYERS)

    @property
    def trial_id(self) -> str:
        """Backbone and the head of the configuration's hash, as 'resnet18-1f0c2a9b'.

        Under a constant or a step schedule a longer trial begins exactly as a shorter one, so there
        `epochs` is no part of the id, and more epochs go on where fewer ended. Fields that are unused
        or at their defaults are none either, so that a new field leaves old trials their ids.
        """
        return self._name_of(set())

    @property
    def config_id(self) -> str:
        """As `trial_id`, but equal for trials that differ in their seed only."""
        return self._name_of({"seed"})

    def _name_of(self, left_out: set[str]) -> str:
        if self.schedule in ("constant", "step") and not self.epochs_compared:
            left_out = left_out | {"epochs"}
        identity = self.model_dump(exclude=left_out | self.unused, exclude_defaults=True)
        stem = re.sub(r"[^A-Za-z0-9_.]+", "-", self.backbone)[:60]
        return f"{stem}-{artifact.digest(identity)[:8]}"

    @property
    def in_chans(self) -> int:
        return 1 if self.color == "grey" else 3

    @property
    def architecture(self) -> Architecture:
        """What decides the network's shape."""
        values = self.model_dump(include={field.name for field in fields(Architecture)})
        return Architecture(**values)


def validated(model: type[Model], values: dict[str, Any], where: str) -> Model:
    """The `model` of these values. Raises StudyError in one line that begins with `where`."""
    try:
        return model.model_validate(values)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        loc = [
            str(part) for part in first["loc"] if "[" not in str(part)
        ]  # less pydantic's own names
        key = ".".join(loc)
        if first["type"] == "extra_forbidden":
            known = _known_keys(model, loc)
            near = did_you_mean(loc[-1], known) or f"; known are {', '.join(sorted(known))}"
            raise StudyError(f"{where}: unknown key {key!r}{near}") from None
        if first["type"] == "missing":
            raise StudyError(f"{where}: key {key!r} is missing") from None
        message = first["msg"].removeprefix("Value error, ")
        found = f"{key} {first['input']!r}: " if key else ""
        raise StudyError(f"{where}: {found}{message}") from None


def _known_keys(model: type[pydantic.BaseModel], loc: list[str]) -> list[str]:
    """The fields of the table that the last of `loc` was looked for in."""
    for part in loc[:-1]:
        annotation = model.model_fields[part].annotation
        inner = [kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type)]
        model = next(kind for kind in inner if issubclass(kind, pydantic.BaseModel))
    return list(model.model_fields)
