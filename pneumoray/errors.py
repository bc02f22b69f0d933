"""What a user can fix: every message is one line with the value found, what was allowed, the next step."""

import difflib
from collections.abc import Iterable


class PneumorayError(Exception):
    """A mistake that the user can mend. The command line prints its message and exits with 1."""


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
