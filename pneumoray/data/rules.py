"""Rules: how images are understood where their folder or table does not say it itself."""

import math
import re
from typing import Annotated, Any, Literal

import pydantic
from pydantic import BeforeValidator, Field

from pneumoray.data.folder_names import nfc
from pneumoray.data.patients import KNOWN

Role = Literal["class", "train", "val", "test", "part", "skip"]  # what a folder may be
Column = Literal["path", "label", "patient", "split"]  # of a table
LeftOut = Literal["unlabelled", "several-labels"]  # what a row of a table may have to be


def _as_written(word: Any, *, what: str = "word") -> Any:
    """A word as 1 needs no quotes; YAML's yes and no do. null is the empty word."""
    if isinstance(word, bool):
        raise ValueError(f"YAML reads this word as true or false: put the {what} in quotes")
    if word is None:
        return ""
    return str(word) if isinstance(word, int | float) else word


Word = Annotated[str, BeforeValidator(_as_written)]


class Rules(pydantic.BaseModel):
    """What a user says of a data set, beside where it lies. A study says it in its YAML."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    patient_rule: str | None = Field(
        default=None,
        description="Who the patient of an image is: a known rule by its name "
        f"({', '.join(KNOWN)}), or a regular expression, whose first group, or the whole match, is the "
        "patient. It is looked for in the file's name; where fewer than nine in ten have it, in the path "
        "below the data folder. null: the known rule that explains the data, which is told.",
    )
    positive: str | None = Field(
        default=None,
        description="Of two classes the positive one: sensitivity, precision and the threshold are "
        "about it. null: the one whose name is not negative, as NORMAL or healthy is.",
    )

    pixel_range: tuple[float, float] | None = Field(
        default=None,
        description="Values that are black and white in images that don't say it, as 16-bit PNG and "
        "floating-point TIFF. null: the least power of two that holds all values of such images.",
    )

    @pydantic.field_validator("pixel_range")
    @classmethod
    def _rising(cls, range_: tuple[float, float] | None) -> tuple[float, float] | None:
        if range_ is not None and not (
            math.isfinite(range_[1] - range_[0]) and range_[0] < range_[1]
        ):
            raise ValueError(f"{list(range_)} must be two numbers that rise, such as [0, 4095]")
        return range_

    folders: dict[Word, Role] = Field(
        default_factory=dict,
        description="What a folder is, where its name does not tell: class, train, val, test, part (its "
        "folders belong to the folder above) or skip, by its name, its path below the data, or a "
        "pattern, as {fold1: test, 'images_*': part}. Also values of a table's column split.",
    )
    columns: dict[Column, Word] = Field(
        default_factory=dict,
        description="Which column of a table is its path, label, patient or split, as {patient: Image_ID}; "
        "null: none is.",
    )
    labels: dict[Word, Word] = Field(
        default_factory=dict,
        description="The class of a label, as {Normal: NORMAL} joins two spellings; {NA: NA} says that a "
        "label is meant as it is written.",
    )
    label_of: str | None = Field(
        default=None,
        description="The one label to learn, against all others; an image may have several (A|B).",
    )
    leave_out: list[LeftOut] = Field(
        default_factory=list,
        description="Rows of a table to leave out: unlabelled (empty, nan, NA, ...), several-labels (A|B).",
    )
    join_near_copies: bool = Field(
        default=False,
        description="Put images that look like copies of one film, though pixels and patients differ, "
        "into one split. Which they are, the audit tells.",
    )

    @pydantic.field_validator("patient_rule")
    @classmethod
    def _pattern(cls, rule: str | None) -> str | None:
        try:
            re.compile(rule or "")
        except re.error as error:
            raise ValueError(
                f"is no regular expression ({error}); write one whose first group is the patient, such "
                "as '^(p[0-9]+)_'"
            ) from None
        return rule

    @pydantic.field_validator("positive", "label_of", mode="before")
    @classmethod
    def _as_a_word(cls, name: Any) -> Any:
        return None if name is None else nfc(_as_written(name, what="class"))

    @pydantic.field_validator("labels")
    @classmethod
    def _named(cls, labels: dict[str, str]) -> dict[str, str]:
        if empty := [label for label, name in labels.items() if not (label and name)]:
            raise ValueError(
                f"{empty[0]!r} has no class: name one, or leave rows out with leave_out: [unlabelled]"
            )
        return labels
