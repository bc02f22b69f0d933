"""Imports: which modules a source file gets, read without running it."""

import ast
import importlib.util
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pneumoray.errors import StudyError

ANY = "*"  # 'lab.*' is every module in lab
_BY_CALL = {  # and what they are given
    "importlib.import_module": ("name", "package"),
    **dict.fromkeys(
        ("__import__", "builtins.__import__", "importlib.__import__"),
        ("name", "globals", "locals", "fromlist", "level"),
    ),
}
_LOADED = "sys.modules"
_OTHERWISE = {
    _LOADED,
    "importlib.machinery.SourceFileLoader",
    "importlib.util.module_from_spec",
    "pkgutil.resolve_name",
    "pydoc.locate",
    "runpy.run_module",
    "runpy.run_path",
}


@dataclass(frozen=True)
class Imports:
    """Dotted `names`, which may be modules or what is in one, and {name: line} of sys.modules."""

    names: list[str] = field(default_factory=list)
    loaded: dict[str, int] = field(default_factory=dict)


def of(file: Path, module: str) -> Imports:
    """What `file`, the dotted `module`, gets by statements, import_module, __import__, sys.modules.

    Raises StudyError, with the line, for a module that is known only when the file runs.
    """
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):  # nobody can import it either
        return Imports()
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    scope = _Scope(dict(_bound(tree)), {"__name__": module, "__package__": package})
    found = Imports()
    understood: set[ast.AST] = set()
    for node in ast.walk(tree):  # what holds a node comes before it
        if isinstance(node, ast.Import):
            found.names.extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if base := _resolved("." * node.level + (node.module or ""), package):
                found.names.extend(
                    f"{base}.{alias.name}".removesuffix(".*") for alias in node.names
                )
        elif isinstance(node, ast.Call) and scope.dotted(node.func) in _BY_CALL:
            if names := list(_called(node, scope)):
                found.names.extend(names)
                understood.add(node.func)
        elif asked := _looked_up(node, scope):
            loaded, key = asked
            if isinstance(key, ast.Constant):
                found.loaded[str(key.value)] = key.lineno
            if isinstance(key, ast.Constant) or _is_of_a_name(key):
                understood.add(loaded)
        elif isinstance(node, ast.Name | ast.Attribute) and node not in understood:
            _check(scope.dotted(node), f"{file}, line {node.lineno}")
    return found


def _check(name: str, where: str) -> None:
    if name in _BY_CALL or name in _OTHERWISE:
        step = "write the name in quotes" if name in _BY_CALL else "import it"
        raise StudyError(
            f"{where}: which module {name} gets is known only when it runs, so that a model can't "
            f"bring it: {step}"
        )


@dataclass(frozen=True)
class _Scope:
    """What a file calls things: `bound` by imports, and the module's `own` names."""

    bound: Mapping[str, str]
    own: Mapping[str, str]

    def dotted(self, node: ast.AST) -> str:
        """'importlib.import_module' of whatever the file calls that; '' for what has no name."""
        if isinstance(node, ast.Name):
            return self.bound.get(node.id, node.id)
        if isinstance(node, ast.Attribute) and (base := self.dotted(node.value)):
            return f"{base}.{node.attr}"
        return ""

    def text(self, *parts: ast.AST) -> str:
        """The text that `parts` make together, with ANY for all from where it is computed."""
        text = ""
        for part in parts:
            if isinstance(part, ast.Constant):
                text += str(part.value)
            elif isinstance(part, ast.Name):
                text += self.own.get(part.id, ANY)
            elif isinstance(part, ast.FormattedValue):
                text += self.text(part.value)
            elif isinstance(part, ast.JoinedStr):
                text += self.text(*part.values)
            elif isinstance(part, ast.BinOp) and isinstance(part.op, ast.Add):
                text += self.text(part.left, part.right)
            else:
                text += ANY
            if ANY in text:
                break
        return text


def _bound(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """(what it is called here, dotted name) of all that is imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield (
                    alias.asname or top(alias.name),
                    alias.name if alias.asname else top(alias.name),
                )
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _called(call: ast.Call, scope: _Scope) -> Iterator[str]:
    """What a call of _BY_CALL imports; nothing where that can't be read."""
    given = dict(zip(_BY_CALL[scope.dotted(call.func)], call.args, strict=False))
    given |= {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    if "name" not in given or scope.text(given.get("level", ast.Constant(0))) != "0":
        return
    package = scope.text(given["package"]) if "package" in given else ""
    name = _resolved(scope.text(given["name"]), "" if ANY in package else package)
    head, _, last = name.rpartition(".")
    if ANY in last:
        name = head and f"{head}.{ANY}"
    if name:
        yield name
        if "fromlist" in given and ANY not in name:  # which may name modules
            yield f"{name}.{ANY}"


def _looked_up(node: ast.AST, scope: _Scope) -> tuple[ast.AST, ast.AST] | None:
    """(sys.modules, the key) where `node` asks it for one."""
    pairs: Iterable[tuple[ast.AST, ast.AST]] = ()
    if isinstance(node, ast.Subscript):
        pairs = [(node.value, node.slice)]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        pairs = [(node.func.value, key) for key in node.args[:1]]
    elif isinstance(node, ast.Compare):
        pairs = [(node.comparators[0], node.left)]
    return next((pair for pair in pairs if scope.dotted(pair[0]) == _LOADED), None)


def _is_of_a_name(key: ast.AST) -> bool:
    """Whether it is what a module is called now, as __name__ or Net.__module__ says."""
    return any(
        (isinstance(node, ast.Name) and node.id in ("__name__", "__package__"))
        or (isinstance(node, ast.Attribute) and node.attr == "__module__")
        for node in ast.walk(key)
    )


def _resolved(name: str, package: str) -> str:
    """An absolute name, '' where there is none."""
    try:
        return importlib.util.resolve_name(name, package)
    except ImportError:  # beyond the top
        return ""


def top(module: str) -> str:
    return module.partition(".")[0]


def with_packages(module: str) -> Iterator[str]:
    """'a', 'a.b' and 'a.b.c' of 'a.b.c'."""
    parts = module.split(".")
    return (".".join(parts[:size]) for size in range(1, len(parts) + 1))
