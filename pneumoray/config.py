"""Config: one configuration, which a trial trains."""

import re
from dataclasses import fields
from typing import Any, Self, TypeVar, get_args

import pydantic
from pydantic import Field

from pneumoray import artifact, words
from pneumoray.errors import StudyError, did_you_mean
from pneumoray.models import names
from pneumoray.models.architecture import Architecture
from pneumoray.settings import Settings

Model = TypeVar("Model", bound=pydantic.BaseModel)

# Of backbones that timm has renamed; ids hash it, so that what was trained under them is found.
_FAMILY_OF_OLD_NAMES = "_registry"

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

    backbone: str = Field(
        description="The network: a model of timm, alexnet or googlenet, bottleneck_resnet, a layer "
        "string, or a function of your own as module:function."
    )
    family: str = Field(
        "",
        description="Networks of one kind; the vote takes one champion of each. By default it "
        "follows from the backbone.",
    )
    epochs_compared: bool = Field(
        False, description="Set by the study: epochs is an axis, so a longer trial is another one."
    )

    @pydantic.field_validator("family", mode="before")
    @classmethod
    def _none_is_default(cls, family: Any) -> Any:
        return "" if family is None else family

    @pydantic.model_validator(mode="after")
    def _with_family(self) -> Self:
        if not self.family:
            object.__setattr__(self, "family", names.family_of(self.backbone))
            self.model_fields_set.discard("family")  # nobody has set it
        if why := words.why_no_name(self.family):
            raise ValueError(
                f"family {self.family!r} can't be the name of a folder and a model: {why}"
            )
        if self.family.casefold() == words.VOTE:
            raise ValueError(
                f"family {self.family!r} is what the vote is called: take another word"
            )
        return self

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

        Of a backbone that timm has renamed, a family that was given is another id than the same one
        by default, as it has always been: a dump, which has all fields, gives that other id.
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
        if (
            "family" not in self.model_fields_set
            and names.present_name(self.backbone) != self.backbone
        ):
            identity["family"] = _FAMILY_OF_OLD_NAMES
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
        message = in_plain_words(first["msg"])
        found = f"{key} {first['input']!r}: " if key else ""
        raise StudyError(f"{where}: {found}{message}") from None


def in_plain_words(said: str) -> str:
    """What pydantic says of a value, less what it says of its own parsing."""
    of_ours = said.removeprefix("Value error, ")
    if of_ours != said:
        return of_ours
    return re.sub(r", (unable to|got a number).*", "", said).replace(
        "Input should be", "it has to be"
    )


def _known_keys(model: type[pydantic.BaseModel], loc: list[str]) -> list[str]:
    """The fields of the table that the last of `loc` was looked for in."""
    for part in loc[:-1]:
        annotation = model.model_fields[part].annotation
        inner = [kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type)]
        model = next(kind for kind in inner if issubclass(kind, pydantic.BaseModel))
    return list(model.model_fields)
