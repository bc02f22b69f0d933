"""Writes the pages of docs/reference from the code: every command, field and Python function.

python docs/reference.py, as `make docs` does. A test fails while a page is not what the code says.
"""

import html
import inspect
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pydantic

import pneumoray
from pneumoray.data.rules import Rules
from pneumoray.settings import Settings
from pneumoray.study import Race, Study
from pneumoray.terminal.main import main
from pneumoray.tracking.settings import Settings as TrackingSettings

FOLDER = Path(__file__).parent / "reference"
WIDTH = 80  # of a line of a signature
_TYPES = {
    "integer": "whole number",
    "number": "number",
    "boolean": "`true`, `false`",
    "null": "`null`",
    "string": "text",
    "object": "table",
    "": "any value",
}
_BOUNDS = {
    "minimum": "from",
    "exclusiveMinimum": "above",
    "maximum": "to",
    "exclusiveMaximum": "below",
}
_MADE = "<!-- made by docs/reference.py: change the code, then run 'make docs' -->"


def pages() -> dict[Path, str]:
    """Where each page lies, and its text."""
    made = {"commands.md": commands, "study.md": study, "mlflow.md": mlflow, "python.md": python}
    return {FOLDER / name: "\n".join([*page(), _MADE, ""]) for name, page in made.items()}


def commands() -> Iterator[str]:
    yield "# Commands\n"
    yield "`pneumoray COMMAND --help` says the same on the terminal. Every error is one line, with exit"
    yield "code 1, or 2 where the command itself was wrong; Ctrl-C ends with 130.\n"
    for name, command in main.commands.items():
        yield from _command(click.Context(command, info_name=f"pneumoray {name}"), command)


def _command(context: click.Context, command: click.Command) -> Iterator[str]:
    yield f"## {context.info_name}\n"
    yield f"{inspect.cleandoc(command.help or '')}\n"
    usage = " ".join([str(context.info_name), *command.collect_usage_pieces(context)])
    yield f"```text\n{usage}\n```\n"
    rows = [param.get_help_record(context) for param in command.params]
    if options := [(_code(row[0]), row[1]) for row in rows if row and row[1]]:
        yield from _table(("option", "what it does"), options)
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from _command(
                click.Context(inner, info_name=f"{context.info_name} {name}"), inner
            )


def study() -> Iterator[str]:
    yield "# Fields of a study\n"
    yield "A study is one YAML file; [Your own study](../how-to/own-study.md) shows how they go together."
    yield "`--set KEY=VALUE` changes any of them for one run. A table `small` holds what `--small` lays"
    yield "over the study.\n"
    yield "## The study\n"
    own = [name for name in Study.model_fields if name not in Settings.model_fields]
    own.sort(key=Rules.model_fields.__contains__)  # the study's name first
    yield from _fields(Study, own)
    yield "## race\n"
    yield "At each rung the best of each backbone go on; the others stop.\n"
    yield from _fields(Race, list(Race.model_fields))
    yield "## How a model sees images and trains\n"
    yield "Each of these may stand at the top of the study, in a backbone's table, in an arm, in a"
    yield "comparison, or be an axis of `grid`.\n"
    yield from _fields(Settings, list(Settings.model_fields))


def mlflow() -> Iterator[str]:
    yield "# Fields of mlflow.yaml\n"
    yield "[MLflow servers](../how-to/mlflow.md) says where the file is looked for.\n"
    yield from _fields(TrackingSettings, list(TrackingSettings.model_fields))


def python() -> Iterator[str]:
    yield "# Python functions\n"
    yield "All of them are in `pneumoray`: `import pneumoray`.\n"
    for name in pneumoray.__all__:
        function: Callable[..., Any] = getattr(pneumoray, name)
        if not callable(function):
            continue
        yield f"## {name}\n"
        yield f"```text\n{name}{_signature(function)}\n```\n"
        yield f"{inspect.getdoc(function)}\n"
        yield from _returned(inspect.get_annotations(function, eval_str=True)["return"])


def _returned(kind: type) -> Iterator[str]:
    """What a function returns: its promise, then its own attributes and methods that have one."""
    yield f"### What it returns: {kind.__name__}\n"
    yield f"{inspect.getdoc(kind)}\n"
    for name, member in vars(kind).items():
        if name.startswith("_") or not inspect.getdoc(member):
            continue
        if isinstance(member, property):
            yield f"```text\n.{name}\n```\n"
        elif inspect.isfunction(member):
            yield f"```text\n.{name}{_signature(member)}\n```\n"
        else:
            continue
        yield f"{inspect.getdoc(member)}\n"


def _signature(function: Callable[..., Any]) -> str:
    """The parameters, one a line where there are many; their types are left to the code."""
    words = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == "self":
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in words:
            words.append("*")
        default = "..." if callable(parameter.default) else repr(parameter.default)
        has_default = parameter.default is not parameter.empty
        words.append(parameter.name + (f"={default}" if has_default else ""))
    line = f"({', '.join(words)})"
    return line if len(line) < WIDTH else "(\n    " + ",\n    ".join(words) + ",\n)"


def _fields(model: type[pydantic.BaseModel], names: list[str]) -> Iterator[str]:
    schema = model.model_json_schema()
    rows = []
    for name in names:
        field = model.model_fields[name]
        default = "required" if field.is_required() else _code(_default(field))
        words = _values(schema["properties"][name])
        rows.append((f"`{name}`", words, default, field.description or ""))
    yield from _table(("field", "values", "default", "what it is"), rows)


def _default(field: Any) -> str:
    value = field.get_default(call_default_factory=True)
    if isinstance(value, pydantic.BaseModel):
        value = value.model_dump()
    return value if value and isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _code(text: str) -> str:
    """As code in a table's cell; GitHub and MkDocs read an escaped | in backticks differently."""
    if "|" not in text:
        return f"`{text}`"
    return f"<code>{html.escape(text).replace('|', '&#124;')}</code>"


def _values(schema: dict[str, Any]) -> str:
    """What a JSON schema allows, in words."""
    if reference := schema.get("$ref"):
        return f"[table](#{reference.rpartition('/')[2].lower()})"
    if "anyOf" in schema:
        return " or ".join(map(_values, schema["anyOf"]))
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if "prefixItems" in schema:
        return f"list of {len(schema['prefixItems'])}: {_values(schema['prefixItems'][0])}"
    if schema.get("type") == "array":
        return f"list of: {_values(schema['items'])}"
    return _TYPES[schema.get("type", "")] + _bounds(schema)


def _bounds(schema: dict[str, Any]) -> str:
    said = [f"{word} {schema[key]:g}" for key, word in _BOUNDS.items() if key in schema]
    return f" {', '.join(said)}" if said else ""


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        cells = [" ".join(cell.split()).replace("|", "\\|") for cell in row]
        yield f"| {' | '.join(cells)} |"
    yield ""


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for place, text in pages().items():
        place.write_text(text)
