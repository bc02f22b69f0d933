"""Study: one validated YAML. The data, the backbones, how they train, and the axes to compare."""

import itertools
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

import pydantic
from pydantic import AfterValidator, Field

from pneumoray import words
from pneumoray.data.rules import Rules
from pneumoray.errors import StudyError
from pneumoray.settings import Frozen, Settings

GridAxes = dict[str, list[Any]]
Table = dict[str, Any]


def _as_name(word: str) -> str:
    if why := words.why_no_name(word):
        raise ValueError(why)
    return word


Name = Annotated[str, AfterValidator(_as_name)]


class Race(Frozen):
    """Synchronous halving within each backbone: at each rung (epochs) the best 1/eta go on."""

    rungs: list[int] = Field(
        default=[2], min_length=1, description="Epochs after which trials are cut, rising."
    )
    eta: int = Field(
        default=4, ge=2, description="At each rung the best 1/eta of each backbone goes on."
    )

    @pydantic.model_validator(mode="after")
    def _rising(self) -> Self:
        if self.rungs[0] < 1 or any(a >= b for a, b in itertools.pairwise(self.rungs)):
            raise ValueError(f"rungs {self.rungs} must be epochs that rise from 1")
        return self


class Study(Settings, Rules):
    """The data, the backbones, how they train, and the axes to compare.

    A study is one comparison, of its `backbones` or `arms` over its `grid`, or several by name, one
    after the other: tables of the same three, beside settings of their own.

    A study that says nothing of a race has one at epoch 2; where some of it trains for two epochs
    only, at epoch 1, and where for one, none (`race: full`).
    """

    name: Name = Field(
        description="What its folder, its runs and its models are called. Letters and digits of any "
        "script, . _ - + and spaces."
    )
    description: str = Field("", description="One line for people.")
    data: str | None = Field(
        None,
        description="Image folder or CSV table; or synthetic or photographs, which are drawn. "
        "--data wins over it.",
    )
    images: str | None = Field(
        None, description="Folder that the paths of a table are relative to. null: the table's own."
    )
    max_images: int | None = Field(
        None, ge=1, description="About so many images, in whole patients. null: all."
    )
    val_fraction: float = Field(
        0.15,
        gt=0,
        lt=0.5,
        description="Share of the images that becomes validation, where the data has none to trust.",
    )
    test_fraction: float = Field(
        0.15,
        gt=0,
        lt=0.5,
        description="Share of the images that becomes test, where the data has none.",
    )
    split_seed: int = Field(0, ge=0, description="Which patients are drawn into which split.")
    backbones: list[str | Table] = Field(
        default_factory=list,
        description="Networks to train: names, or tables of a backbone with settings of its own, "
        "a grid of its own, and optional: true (left out where its weights can't be had).",
    )
    arms: dict[str, Table] = Field(
        default_factory=dict,
        description="Variants by name, each a table of settings: for what no product of axes says.",
    )
    grid: GridAxes | list[GridAxes] = Field(
        default_factory=dict,
        description="Axes to compare: a field and the list of its values. Axes multiply; a list of "
        "tables joins several products.",
    )
    comparisons: dict[Name, Table] = Field(
        default_factory=dict,
        description="Several comparisons by name, one after the other: each a table of backbones, "
        "arms, grid and settings.",
    )
    seeds: int = Field(
        1, ge=1, description="Repeats of each configuration, from seed on; their mean is compared."
    )
    race: Race | Literal["full"] = Field(
        Race(),
        description="When the race cuts (rungs) and how hard (eta); or full: every configuration is "
        "trained to the end.",
    )

    @pydantic.model_validator(mode="before")
    @classmethod
    def _with_race(cls, values: Any) -> Any:
        """A rung that nobody wrote refuses no study: the race's own rung is the last that fits."""
        if not isinstance(values, dict) or "race" in values:
            return values
        rung = min([*Race().rungs, *(epochs - 1 for epochs in _epochs_named(values))])
        return values | {"race": {"rungs": [rung]} if rung > 0 else "full"}

    @pydantic.model_validator(mode="after")
    def _runnable(self) -> Self:
        if isinstance(self.race, Race) and self.race.rungs[-1] >= self.epochs:
            raise ValueError(
                f"the last rung {self.race.rungs[-1]} of the race must come before epochs "
                f"{self.epochs}: lower race.rungs, or use race=full"
            )
        if self.comparisons and (self.grid or self.arms):
            raise ValueError("grid and arms belong in the comparisons, where a study has these")
        if pair := words.twins(self.comparisons):
            raise ValueError(
                f"comparisons {' and '.join(pair)} would be one file: rename one of them"
            )
        return self

    @property
    def rungs(self) -> list[int]:
        """Epochs at which trials are cut; empty for a full race."""
        return [] if self.race == "full" else self.race.rungs

    def tables(self) -> dict[str, Table]:
        """Name -> backbones, arms, grid and own settings of each comparison, with nothing left out."""
        own = {"backbones": self.backbones, "arms": self.arms, "grid": self.grid}
        if not self.comparisons:
            return {"": own}
        return {
            name: own | ({"backbones": []} if _names_backbone(table) else {}) | table
            for name, table in self.comparisons.items()
        }

    def fingerprint(self) -> dict[str, Any]:
        """What makes two studies the same experiment: all but words and places.

        Which class is positive, and which images belong together, is part of the packs.
        """
        of_packs = {"positive", "patient_rule", "join_near_copies"}
        return self.model_dump(exclude={"description", "data", "images", *of_packs})


def _epochs_named(place: Any, key: Any = None) -> list[int]:
    """Every number of epochs that a study's raw values ask for, wherever it stands in them."""
    if isinstance(place, dict):
        return [n for name, value in place.items() for n in _epochs_named(value, name)]
    if isinstance(place, list):
        return [n for value in place for n in _epochs_named(value, key)]
    return [place] if key == "epochs" and isinstance(place, int) else []


def _names_backbone(table: Table) -> bool:
    """Whether a comparison names its backbones in another way than by a list of them."""
    grid, arms = table.get("grid"), table.get("arms")
    places = [table, *(grid if isinstance(grid, list) else [grid])]
    places += arms.values() if isinstance(arms, dict) else []
    return any(isinstance(place, dict) and "backbone" in place for place in places)


def optional_backbones(study: Study) -> list[tuple[str, str]]:
    """(backbone, weights) of the entries that are left out where their weights can't be had."""
    return [
        (str(entry["backbone"]), ({"weights": study.weights} | table | entry)["weights"])
        for table in study.tables().values()
        for entry in table["backbones"]
        if isinstance(entry, dict) and entry.get("optional")
    ]


def without_backbones(study: Study, left_out: Sequence[str]) -> Study:
    """The study less the optional entries of these backbones."""

    def kept(entries: list[str | Table]) -> list[str | Table]:
        return [
            entry
            for entry in entries
            if isinstance(entry, str)
            or not entry.get("optional")
            or entry["backbone"] not in left_out
        ]

    comparisons = {
        name: table | ({"backbones": kept(table["backbones"])} if "backbones" in table else {})
        for name, table in study.comparisons.items()
    }
    less = study.model_copy(update={"backbones": kept(study.backbones), "comparisons": comparisons})
    for old, new in zip(study.tables().values(), less.tables().values(), strict=True):
        if old["backbones"] and not new["backbones"]:
            raise StudyError(f"nothing is left of study {study.name} without {', '.join(left_out)}")
    return less
