"""Contexts: what else varies beside the axis compared, and whether it is the same for every value."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pneumoray.comparing.axes import NOT_ITS_OWN, setting, varying
from pneumoray.errors import StudyError, did_you_mean, some_of
from pneumoray.evaluation.tables import shown

if TYPE_CHECKING:
    from pneumoray.config import Config
    from pneumoray.study_folder import TrialRow

ARM = "arm"  # the axis of named variants
Arms = Mapping[str, tuple[str, frozenset[str]]]  # config_id -> the arm, and the fields that it sets
Cell = tuple[Any, ...]  # a value of each axis


@dataclass(frozen=True)
class Point:
    """A trial, in the cell of the axes that it belongs to, and with all else that varies."""

    row: "TrialRow"
    cell: Cell
    context: tuple[Any, ...]


def axes_of(rows: Sequence["TrialRow"], arms: Arms) -> list[str]:
    """What the trials can be compared by: `arm`, every field in which they differ, the seed."""
    configs = [row.config for row in rows]
    found = [ARM] if len({arms[c.config_id][0] for c in configs if c.config_id in arms}) > 1 else []
    found += varying(configs)
    return found + [
        name for name in ("family", "seed") if len({getattr(c, name) for c in configs}) > 1
    ]


def check_axes(by: Sequence[str], rows: Sequence["TrialRow"], arms: Arms) -> None:
    """Raise StudyError, with the axes that there are, unless `by` is one or two of them."""
    known = axes_of(rows, arms)
    there_are = f"by {', '.join(known)}" if known else "by nothing: every trial is the same"
    if len(by) not in (1, 2) or len(set(by)) < len(by):
        raise StudyError(
            f"--by {','.join(by)!r} must be one axis or two; these trials differ {there_are}"
        )
    for axis in by:
        if axis not in known:
            found = f"axis {axis!r} is the same in all trials or unknown"
            raise StudyError(
                f"--by: {found}; these trials differ {there_are}{did_you_mean(axis, known)}"
            )


def cell_of(config: "Config", by: Sequence[str], arms: Arms) -> Cell | None:
    """The configuration's value of each axis; None where one says nothing of it."""
    cell = tuple(
        arms.get(config.config_id, (NOT_ITS_OWN,))[0] if axis == ARM else setting(config, axis)
        for axis in by
    )
    return None if NOT_ITS_OWN in cell else cell


def label_of(cell: Cell, by: Sequence[str]) -> str:
    """'0.001'; of two axes 'optimizer adamw, lr 0.001'."""
    if len(by) == 1:
        return shown(cell[0])
    named = zip(by, cell, strict=True)
    return ", ".join(value if axis == ARM else f"{axis} {shown(value)}" for axis, value in named)


def held_equal(
    cells: Sequence[tuple["TrialRow", Cell]], by: Sequence[str], arms: Arms
) -> tuple[list[Point], list[str], bool]:
    """The trials that can be compared with all else equal, what to say of it, and whether there are any.

    All else: the other fields that vary, but for those that make up an arm and those that say
    nothing of some value. Only what was trained for every value stays. If nothing was, everything
    stays, and the notes name what is not equal.
    """
    fields, notes = _context_fields(cells, by, arms)
    points = [
        Point(row, cell, tuple(setting(row.config, field) for field in fields))
        for row, cell in cells
    ]
    trained_for: dict[tuple[Any, ...], set[Cell]] = defaultdict(set)
    for point in points:
        trained_for[point.context].add(point.cell)
    everywhere = {cell for _, cell in cells}
    full = [context for context, there in trained_for.items() if there == everywhere]
    if not full:
        return points, [_what_differs(points, fields, by), *notes], False
    partly = [_described(fields, context) for context in trained_for if context not in full]
    if partly:
        notes.insert(
            0, f"left out, as not every {' and '.join(by)} was trained there: {some_of(partly)}"
        )
    kept = [point for point in points if point.context in full]
    but = [f"what the arms set ({', '.join(own)})"] if (own := _set_by_arms(kept, by, arms)) else []
    if "family" in by and "backbone" not in by:
        but.append("the backbones of each family")
    return kept, [_what_is_equal(fields, full, but), *notes], True


def _context_fields(
    cells: Sequence[tuple["TrialRow", Cell]], by: Sequence[str], arms: Arms
) -> tuple[list[str], list[str]]:
    configs: dict[Cell, list[Config]] = defaultdict(list)
    for row, cell in cells:
        configs[cell].append(row.config)
    fields, notes = [], []
    for field in varying(row.config for row, _ in cells):
        if field in by or (field == "backbone" and "family" in by):
            continue
        if ARM in by and _belongs_to_arms(field, configs, by, arms):
            continue
        without = [
            cell
            for cell, of in configs.items()
            if all(setting(c, field) == NOT_ITS_OWN for c in of)
        ]
        if without:
            labels = some_of(label_of(cell, by) for cell in without)
            notes.append(f"averaged over {field}, which says nothing of {labels}")
        else:
            fields.append(field)
    return fields, notes


def _belongs_to_arms(
    field: str, configs: Mapping[Cell, Sequence["Config"]], by: Sequence[str], arms: Arms
) -> bool:
    """Whether arms set the field, and it is no axis that crosses every one of them as well."""
    if not any(field in arms[config.config_id][1] for of in configs.values() for config in of):
        return False
    values: dict[Any, set[Any]] = defaultdict(set)
    for cell, of in configs.items():
        values[cell[by.index(ARM)]] |= {setting(config, field) for config in of}
    return any(len(of_arm) == 1 for of_arm in values.values())


def _set_by_arms(points: Sequence[Point], by: Sequence[str], arms: Arms) -> list[str]:
    """The fields that the arms set differently, where they are compared."""
    if ARM not in by:
        return []
    configs = [point.row.config for point in points]
    set_by_some = set().union(*(arms[config.config_id][1] for config in configs))
    return [field for field in varying(configs) if field in set_by_some and field not in by]


def _what_is_equal(
    fields: Sequence[str], contexts: Sequence[tuple[Any, ...]], but: Sequence[str]
) -> str:
    equal = " but ".join(filter(None, ["all else is equal", " and ".join(but)]))
    if not fields:
        return equal
    if len(contexts) == 1:
        return f"{equal}, at {_described(fields, contexts[0])}"
    return f"{equal}: averaged over {len(contexts)} settings of {' and '.join(fields)}"


def _what_differs(points: Sequence[Point], fields: Sequence[str], by: Sequence[str]) -> str:
    """'not all else equal: optimizer differs (adamw for 0.001; sgd for 0.05)'."""
    found = []
    for i, field in enumerate(fields):
        values: dict[Cell, set[str]] = defaultdict(set)
        for point in points:
            values[point.cell].add(shown(point.context[i]))
        cells: dict[str, list[str]] = defaultdict(list)
        for cell, of in values.items():
            cells[some_of(sorted(of - {NOT_ITS_OWN}) or ["nothing"])].append(label_of(cell, by))
        if len(cells) > 1:
            pairs = [f"{which} for {some_of(labels)}" for which, labels in cells.items()]
            found.append(f"{field} differs ({'; '.join(pairs)})")
    return "not all else equal: " + (
        ", ".join(found) or f"{' and '.join(fields)} are combined in other ways"
    )


def _described(fields: Sequence[str], context: Sequence[Any]) -> str:
    named = zip(fields, context, strict=True)
    return ", ".join(f"{field} {shown(value)}" for field, value in named if value != NOT_ITS_OWN)
