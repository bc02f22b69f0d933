"""What a user can fix: every message is one line with the value found, what was allowed, the next step."""

import difflib
import itertools
import re
from collections.abc import Iterable
from typing import Any

from pneumoray.redaction import redacted

_MOST_CHARACTERS = 60  # of a value in a message
_HASH = re.compile(r"\b([0-9a-f]{8})[0-9a-f]{8,}\b")


class PneumorayError(Exception):
    """A mistake that the user can mend. The command line prints its message and exits with 1.

    A message never holds a secret: what another library said may be a part of it.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(redacted(message))


class DataError(PneumorayError):
    """Images, tables or folders that can't be used as they are."""


class StudyError(PneumorayError):
    """A study, or a command about one, that can't be run as written."""


class WeightsError(PneumorayError):
    """Pretrained weights that can't be had."""


class WorkspaceError(PneumorayError):
    """A workspace that can't be written, or holds damaged files."""


class TrackingError(PneumorayError):
    """An MLflow server or configuration that can't be used."""


class ClusterError(PneumorayError):
    """A Ray cluster that can't be reached, or is too small."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """'; did you mean resnet18?' with up to three near names, or '' when none is near."""
    by_folded = {name.lower().replace("-", "_"): name for name in known}
    near = difflib.get_close_matches(word.lower().replace("-", "_"), by_folded, n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(by_folded[name] for name in near)}?" if near else ""


def some_of(words: Iterable[str], most: int = 3) -> str:
    """'a, b, c, 4 more': the first few, and how many more."""
    found = list(words)
    more = [f"{len(found) - most} more"] if len(found) > most else []
    return ", ".join(found[:most] + more)


def counted(number: int, thing: str, verbs: str = "") -> str:
    """'1 file', '1,200 files'; with `verbs`, as 'is are', '1 file is', '2 files are'."""
    one, _, many = verbs.partition(" ")
    verb = f" {one if number == 1 else many}" if verbs else ""
    return f"{number:,} {thing}{'' if number == 1 else 's'}{verb}"


def change(before: Any, now: Any) -> str:
    """'4 -> 5': a changed value in a message. Of long ones, where they begin to differ; hashes in short."""
    old, new = (_HASH.sub(r"\1", str(value)) for value in (before, now))
    if max(len(old), len(new)) <= _MOST_CHARACTERS:
        return f"{old} -> {new}"
    alike = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False))
    start = max(0, len(list(alike)) - _MOST_CHARACTERS // 2)
    return " -> ".join(_part(text, start) for text in (old, new))


def _part(text: str, start: int) -> str:
    end = start + _MOST_CHARACTERS
    return ("... " if start else "") + text[start:end] + (" ..." if len(text) > end else "")
