"""Rules: how images are understood where their folder or table does not say it itself."""

import re
from typing import Any

import pydantic
from pydantic import Field

from pneumoray.data.patients import KNOWN


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

    @pydantic.field_validator("positive", mode="before")
    @classmethod
    def _as_written(cls, positive: Any) -> Any:
        """A class named by a number, as 1, needs no quotes; YAML's yes and no do."""
        if isinstance(positive, bool):
            raise ValueError("YAML reads this word as true or false: put the class in quotes")
        return str(positive) if isinstance(positive, int) else positive
