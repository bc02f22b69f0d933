"""Studies as YAML files: the shipped ones, people's own, and what the command line changes."""

import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from pneumoray import ray_job
from pneumoray.config import Config, validated
from pneumoray.errors import StudyError, did_you_mean
from pneumoray.grid import MOST_TRIALS, configurations, num_trials
from pneumoray.study import Study

_SUFFIXES = (".yaml", ".yml")


def shipped() -> list[str]:
    """Names of the studies that come with the package."""
    folder = resources.files("pneumoray") / "studies"
    return sorted(
        file.name.removesuffix(".yaml") for file in folder.iterdir() if file.name.endswith(".yaml")
    )


def text_of(name_or_path: str) -> str:
    """The YAML of the shipped study of that name, or of the file at that path.

    Raises StudyError in one line when there is none.
    """
    path = Path(name_or_path)
    if name_or_path in shipped():
        return (resources.files("pneumoray") / "studies" / f"{name_or_path}.yaml").read_text(
            "utf-8"
        )
    elif path.suffix in _SUFFIXES:
        if wrong := ray_job.why_misplaced(path):
            raise StudyError(f"study {wrong}")
        try:
            return path.read_text("utf-8")
        except OSError as error:
            raise StudyError(
                f"study {path} can't be read: {error.strerror}; give a YAML file"
            ) from None
        except UnicodeDecodeError:
            raise StudyError(f"study {path} is no text in UTF-8; give a YAML file") from None
    raise StudyError(
        f"there is no study {name_or_path!r}: use one of {', '.join(shipped())}, or a path to a "
        f".yaml file{did_you_mean(name_or_path, shipped())}"
    )


def write_template(path: Path) -> None:
    """Write a commented study to begin with. Raises StudyError where that can't be, or a file is."""
    if path.suffix not in _SUFFIXES:
        raise StudyError(f"{path} is no name of a study: name it {path.stem or 'study'}.yaml")
    text = (resources.files("pneumoray") / "template.yaml").read_text()
    try:
        with path.open("x") as file:
            file.write(text)
    except FileExistsError:
        raise StudyError(f"{path} is there already; name another file") from None
    except OSError as error:
        raise StudyError(f"{path} can't be written: {error.strerror}; name another") from None


def read(name_or_path: str, overrides: Sequence[str] = (), small: bool = False) -> Study:
    """The shipped study of that name, or the YAML file at that path, with `key=value` overrides.

    `small` lays the study's table `small` over it, for a run in full shape in minutes, and adds
    "-small" to its name. Raises StudyError in one line for a missing study, an unknown key or a
    value out of range.
    """
    try:
        values = yaml.load(text_of(name_or_path), _Loader)
    except yaml.YAMLError as error:
        raise StudyError(f"study {name_or_path} is no valid YAML: {_one_line(error)}") from None
    if not isinstance(values, dict):
        raise StudyError(f"study {name_or_path} must hold keys and values, as 'epochs: 10'")
    shrunk = values.pop("small", None)
    if small:
        if not isinstance(shrunk, dict):
            raise StudyError(
                f"study {name_or_path} has no table 'small'; lower its sizes with --set instead"
            )
        values = _laid_over(values, shrunk) | {"name": f"{values.get('name')}-small"}
    for override in overrides:
        _override(values, override)
    return parse(values)


def parse(values: Mapping[str, Any]) -> Study:
    """A Study of these values, with every configuration checked. Raises StudyError in one line.

    One of more than MOST_TRIALS is checked as far as its axes.
    """
    study = validated(Study, dict(values), "study")
    if num_trials(study) <= MOST_TRIALS:
        configurations(study)
    return study


def config_of(backbone: str, overrides: Sequence[str] = ()) -> Config:
    """The configuration of a backbone or layer string alone, with `key=value` settings.

    Raises StudyError in one line, also for a layer string that can't be built.
    """
    values: dict[str, Any] = {"name": "one", "backbones": [backbone], "race": "full"}
    for override in overrides:
        _override(values, override)
    return configurations(parse(values))[0]


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`below` with the values of `above`; tables are joined, all else is replaced."""
    joined = dict(below)
    for key, value in above.items():
        old = joined.get(key)
        tables = isinstance(value, dict) and isinstance(old, dict)
        joined[key] = _laid_over(dict(old or {}), value) if tables else value
    return joined


def _override(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise StudyError(f"--set {override!r} is not of the form key=value, as --set epochs=20")
    *parents, last = key.split(".")
    for parent in parents:
        child = values.setdefault(parent, {})
        if not isinstance(child, dict):
            raise StudyError(f"--set {override!r}: {parent} holds {child!r}, which has no keys")
        values = child
    try:
        values[last] = yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise StudyError(f"--set {override!r} has no valid value: {_one_line(error)}") from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


class _Loader(yaml.SafeLoader):
    """YAML 1.2's idea of a float: 1e-3 is a number, not a word."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)[eE][-+]?\d+$"),
    list("-+0123456789."),
)
