"""The lasting order of classes; of two, which one is the positive one."""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence

from pneumoray.data.folder_names import nfc
from pneumoray.errors import DataError, did_you_mean

# What a negative class is called, in any case and with any signs between the words: one of these
# names (or -1), a name with one of these words (lung_normal), or one that denies the rest (no_tumor,
# NonCOVID). Who denies a negative word (not normal) names a positive class.
NEGATIVE_NAMES = frozenset(("0", "false", "no", "none"))
NEGATIVE_WORDS = frozenset(
    (
        "absent",
        "benign",
        "control",
        "healthy",
        "neg",
        "negative",
        "nofinding",
        "normal",
        "uninfected",
    )
)
NEGATIONS = ("no", "non", "not", "un", "without")


def ordered(names: Iterable[str], positive: str | None = None) -> tuple[str, ...]:
    """The classes by name, numbers by value; of two classes the negative one first.

    The positive one is `positive`, else the one that isn't negative by its name, else the last by
    name. Raises DataError where `positive` is no class, or is said of more than two.
    """
    classes = sorted(set(names), key=_by_name)
    if positive is not None:
        _check(positive, classes)
        return tuple(sorted(classes, key=lambda name: name == positive))
    if has_negative(classes):
        return tuple(sorted(classes, key=lambda name: not _is_negative(name, classes)))
    return tuple(classes)


def has_negative(classes: Sequence[str]) -> bool:
    """Whether there are two classes of which one, and one only, is negative by its name."""
    return len(classes) == 2 and sum(_is_negative(name, classes) for name in classes) == 1


def sounds_negative(name: str) -> bool:
    """Whether it has a word of a negative class, as NORMAL and lung_benign have."""
    return not NEGATIVE_WORDS.isdisjoint(_words(name))


def described(classes: Sequence[str], chosen: str | None) -> str:
    """In one line, which of the two classes is the positive one, and why."""
    negative, positive = classes
    if chosen is not None:
        return f"positive class: {positive}, as chosen (the other: {negative})"
    if has_negative(classes):
        return f"positive class: {positive} ({negative} is negative by its name)"
    return (
        f"positive class: {positive}, the last by name, as the names do not tell which is negative; "
        f"if it is {negative}, say --positive {shlex.quote(negative)}, or positive: {negative} in the study"
    )


def matched(
    names: Sequence[str], known: Sequence[str], chosen: Mapping[str, str]
) -> dict[str, str]:
    """{class of the data: class of a model}: as `chosen`, else of the same name, in any case.

    Several classes of the data may be one of the model. Raises DataError where a class of either
    has no partner, or `chosen` names one that is not there.
    """
    for ours, theirs in chosen.items():
        for name, there, whose in ((ours, names, "the data"), (theirs, known, "the model")):
            if name not in there:
                raise DataError(
                    f"--classes {ours}={theirs}: {name!r} is no class of {whose}, whose classes are "
                    f"{', '.join(there)}{did_you_mean(name, there)}"
                )
    by_case = {_folded(name): name for name in known}
    partners = {name: name if name in known else by_case.get(_folded(name)) for name in names}
    found = {name: one for name, one in {**partners, **chosen}.items() if one is not None}
    if left := [name for name in names if name not in found]:
        missing = [name for name in known if name not in found.values()] or known
        raise DataError(
            f"the data has the classes {', '.join(names)}, and the model knows {', '.join(known)}: "
            f"say which is which, as --classes {shlex.quote(f'{left[0]}={missing[0]}')}"
        )
    if missing := [name for name in known if name not in found.values()]:
        raise DataError(
            f"no class of the data ({', '.join(names)}) is the model's {missing[0]}; a score needs "
            "images of every class"
        )
    return found


def _check(positive: str, classes: Sequence[str]) -> None:
    if len(classes) > 2:
        raise DataError(
            f"positive class {positive!r} is chosen, but the data has {len(classes)} classes "
            f"({', '.join(classes)}): each is judged against the rest, so leave positive out"
        )
    if positive not in classes:
        raise DataError(
            f"positive class {positive!r} is none of the classes {', '.join(classes)}: name one of "
            f"these{did_you_mean(positive, classes)}"
        )


def _is_negative(name: str, pair: Sequence[str]) -> bool:
    words = _words(name)
    if re.fullmatch(r"-\d*", name) or (len(words) == 1 and words <= NEGATIVE_NAMES):
        return True
    (other,) = (one for one in pair if one != name)
    if any(_letters(name) == no + _letters(other) for no in NEGATIONS):  # notumor beside tumor
        words = {"no"} | _words(other)
    return words.isdisjoint(NEGATIVE_WORDS) != words.isdisjoint(NEGATIONS)


def _words(name: str) -> set[str]:
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)  # NonCOVID is two words
    return set(re.findall(r"[^\W_]+", apart.casefold()))


def _folded(name: str) -> str:
    return nfc(name).casefold()


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name.casefold())


def _by_name(name: str) -> tuple[bool, float, list[tuple[bool, int, str]], str]:
    """Numbers by value, before words; numbers inside words by value as well (grade2, grade10)."""
    is_number = re.fullmatch(r"-?\d+(\.\d+)?", name) is not None
    parts = [part for part in re.split(r"(\d+)", name) if part]
    numbered = [(not p.isdecimal(), int(p) if p.isdecimal() else 0, p) for p in parts]
    return (not is_number, float(name) if is_number else 0.0, numbered, name)
