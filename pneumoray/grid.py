"""The configurations of a study: its comparisons, each backbones or arms over a grid of axes."""

import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pneumoray import words
from pneumoray.config import Config, validated
from pneumoray.errors import StudyError, did_you_mean
from pneumoray.models import names
from pneumoray.settings import Settings
from pneumoray.study import GridAxes, Study, Table

MOST_TRIALS = 500  # that a study starts without being asked twice
_MOST_MADE = 20 * MOST_TRIALS  # configurations, to see how many are left of them


@dataclass(frozen=True)
class Member:
    """A configuration in its comparison; `arm` is its variant's name, `arm_fields` what that sets."""

    comparison: str
    arm: str
    arm_fields: frozenset[str]
    axes: frozenset[str]  # of more than one value
    config: Config


def check_size(study: Study, yes: bool) -> None:
    """Raise StudyError for a study of more than MOST_TRIALS, unless `yes`."""
    if yes:
        return
    count = num_trials(study)
    if MOST_TRIALS < count <= _MOST_MADE:
        count = len(configurations(study))  # comparisons may share some
    if count > MOST_TRIALS:
        raise StudyError(
            f"study {study.name} asks for {count:,} trials, more than {MOST_TRIALS}: shorten its axes, "
            "or say --yes"
        )


def num_trials(study: Study) -> int:
    """What the axes multiply to, without making the trials. Raises StudyError for bad axes."""
    sizes = (math.prod(map(len, product.axes.values())) for product in _products(study))
    return study.seeds * sum(sizes)


def configurations(study: Study) -> list[Config]:
    """Every configuration of the study, in the order written; one of two comparisons comes once."""
    return list({member.config.trial_id: member.config for member in members(study)}.values())


def members(study: Study) -> list[Member]:
    """Every configuration of every comparison, with its seeds. Raises StudyError in one line.

    Axes multiply with each other, with the backbones and with the arms.
    """
    base = study.model_dump(include=set(Settings.model_fields))
    found: list[Member] = []
    for product in _products(study):
        axes = frozenset(axis for axis, values in product.axes.items() if len(values) > 1)
        if study.seeds > 1 and "seed" in product.axes:
            raise StudyError("grid has the axis seed, and seeds repeats each: choose one of them")
        for point in itertools.product(*product.axes.values()):
            values = base | product.settings | dict(zip(product.axes, point, strict=True))
            first = _configuration(values, product.where)
            if study.rungs and study.rungs[-1] >= first.epochs:
                raise StudyError(
                    f"epochs {first.epochs} of {first.backbone} end before the race's "
                    f"last rung {study.rungs[-1]}: lower race.rungs, or use race=full"
                )
            for seed in range(first.seed, first.seed + study.seeds):
                config = first.model_copy(update={"seed": seed})
                found.append(
                    Member(product.comparison, product.arm, product.arm_fields, axes, config)
                )
    found = _with_epochs_apart(found)
    _check_once(found)
    return found


@dataclass(frozen=True)
class _Product:
    """Axes that multiply over settings that stay."""

    comparison: str
    arm: str
    arm_fields: frozenset[str]
    settings: Table
    axes: GridAxes

    @property
    def where(self) -> str:
        """How a message about it begins."""
        of = f"comparison {self.comparison!r}: " if self.comparison else ""
        return of + (f"arm {self.arm!r}: " if self.arm else "")


def _products(study: Study) -> Iterator[_Product]:
    for name, table in study.tables().items():
        own = dict(table)
        entries, arms, grid = own.pop("backbones"), own.pop("arms"), own.pop("grid")
        for field in own:
            _check_field(field, f"comparison {name!r}: ")
        _check_backbones(entries)
        for arm, settings in _arms(arms).items():
            for entry in entries or [{}]:
                backbone = {"backbone": entry} if isinstance(entry, str) else dict(entry)
                if entry and "backbone" not in backbone:
                    raise StudyError(
                        f"backbones entry {entry} names no backbone: add 'backbone: resnet18'"
                    )
                backbone.pop("optional", None)
                tables = _tables(backbone.pop("grid", grid), backbone.get("backbone") or study.name)
                for axes in tables:
                    if entry and ("backbone" in own | settings | axes):
                        raise StudyError(
                            f"study {study.name} lists backbones, and has an axis or arm backbone too: "
                            "keep one of them"
                        )
                    fields = frozenset(settings)
                    product = _Product(name, arm, fields, own | backbone | settings, axes)
                    _check_said_once(product, backbone)
                    yield product


def _check_backbones(entries: Any) -> None:
    if not isinstance(entries, list) or not all(isinstance(entry, str | dict) for entry in entries):
        raise StudyError(
            f"backbones are {entries!r}: write a list of names, as [resnet18], or of tables, as "
            "[{backbone: resnet18, dropout: 0.2}]"
        )


def _check_said_once(product: _Product, entry: Table) -> None:
    """Refuse a field that an arm sets, and an axis or a backbone's entry too: one would not count.

    An axis wins over an entry, and that over the study.
    """
    for place, fields in {"the grid": set(product.axes), "backbones": set(entry)}.items():
        if both := sorted(product.arm_fields & fields):
            raise StudyError(
                f"{product.where}the arm and {place} both set {', '.join(both)}: keep one of them"
            )


def _arms(arms: Any) -> dict[str, Table]:
    """Names and settings; one without a name where there are none."""
    if not isinstance(arms, dict) or not all(isinstance(arm, dict) for arm in arms.values()):
        raise StudyError(
            f"arms are {arms!r}: write names and their settings, as {{small: {{image_size: 64}}}}"
        )
    for name, settings in arms.items():
        if why := words.why_no_line(str(name)):
            raise StudyError(f"arm {str(name)!r:.60}: {why}; rename it")
        for field in settings:
            _check_field(field, f"arm {name!r}: ")
    return {str(name): settings for name, settings in arms.items()} or {"": {}}


def _tables(grid: Any, whose: str) -> list[GridAxes]:
    tables = grid if isinstance(grid, list) else [grid]
    if not tables or not all(isinstance(axes, dict) for axes in tables):
        raise StudyError(
            f"grid of {whose} is {grid!r}: write a table of axes, as "
            "{lr: [1e-3, 1e-4]}, or a list of such tables"
        )
    for axes in tables:
        for axis, values in axes.items():
            _check_field(axis, "grid axis ")
            if not isinstance(values, list) or not values:
                raise StudyError(f"grid axis {axis!r} needs a list of values, got {values!r}")
    return tables


def _check_field(field: str, where: str) -> None:
    known = {"backbone", "family", *Settings.model_fields}
    field = str(field)  # YAML has keys that are none, such as true
    if field in known:
        return
    if field in ("data", "images", "classes", "patient_rule", "max_images", "split_seed"):
        raise StudyError(
            f"{where}{field!r} belongs to the whole study: all that is compared has the same data "
            "and classes; make a second study"
        )
    if field in Study.model_fields:
        raise StudyError(f"{where}{field!r} belongs to the whole study: move it to the top")
    raise StudyError(f"{where}{field!r} is no field of a configuration{did_you_mean(field, known)}")


def _configuration(values: Table, where: str) -> Config:
    if "backbone" not in values:
        raise StudyError(
            f"{where}no backbone is named: add 'backbones: [resnet18]', or an axis backbone"
        )
    names.check_backbone(str(values["backbone"]))
    config = validated(Config, values, f"{where}backbone {values['backbone']}")
    _check_network(config)
    return config


def _check_network(config: Config) -> None:
    """Refuse now what could not be built later."""
    if names.is_layer_string(config.backbone):
        from pneumoray.models import layers

        layers.describe(config.architecture, num_classes=2)
    if config.head != "linear" or config.hidden:
        from pneumoray.models import head

        head.check_head(config.head, config.backbone, config.hidden)
    if config.freeze != "none":
        from pneumoray.models import freeze

        freeze.check_freeze(config.backbone, config.freeze)


def _with_epochs_apart(found: list[Member]) -> list[Member]:
    """Mark configurations that differ in nothing but epochs: they are trials of their own."""
    budgets = defaultdict(set)
    for member in found:
        budgets[member.config.trial_id].add(member.config.epochs)
    return [
        replace(member, config=member.config.model_copy(update={"epochs_compared": True}))
        if len(budgets[member.config.trial_id]) > 1
        else member
        for member in found
    ]


def _check_once(found: Sequence[Member]) -> None:
    if pair := words.twins(member.config.family for member in found):
        raise StudyError(
            f"families {' and '.join(pair)} would be one folder: write both in one way"
        )
    seen: set[tuple[str, str]] = set()
    for member in found:
        config = member.config
        if (member.comparison, config.trial_id) in seen:
            idle = ", ".join(sorted(config.unused & member.axes))
            why = (
                f": the axis {idle} says nothing of it, give it a grid without"
                if idle
                else "; remove one"
            )
            raise StudyError(
                f"{config.trial_id} ({config.optimizer}, lr {config.lr:g}) is asked for twice{why}"
            )
        seen.add((member.comparison, config.trial_id))
