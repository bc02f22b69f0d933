"""Private code: modules that run under names of their own, whatever is imported already.

Python keeps one module of a name, so the first `nets` that is imported is everyone's. A model's code
is therefore renamed: its modules lie in a package that is named by their content, and what they
import of each other is rewritten to match. sys.path is left alone, and so is every other module.
"""

import ast
import hashlib
import importlib.abc
import importlib.machinery
import importlib.util
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from types import ModuleType

from pneumoray import artifact

_SHIPPED = "pneumoray"
_HOME = __name__.removesuffix(".models.private")  # 'pneumoray', or as a model's own copy is called
_RENAME = "__private_name__"  # in the globals of each private module
_FROM = re.compile(rb"from[\s\\]+(.+?)[\s\\]+import\b", re.DOTALL)

Edit = tuple[int, int, bytes]  # of the bytes from start to end


def rename(module: str, names: Mapping[str, str]) -> str:
    """The new name of a dotted `module` whose top-level name is in `names`; others keep theirs."""
    top, dot, inner = module.partition(".")
    return names.get(top, top) + dot + inner


def rewritten(source: str, names: Mapping[str, str], renaming: str = "") -> str:
    """`source`, importing what `names` has by their new names, bound to the names that it uses.

    What `import_module` is given goes through the function `renaming` where there is one. Other
    lines stay as they are; so does source that can't be parsed, which nobody can import either.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return source
    text = source.encode()
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    edits: list[Edit] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt | ast.expr):
            begin = starts[node.lineno - 1] + node.col_offset
            end = starts[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)
            edits += _edits(node, text[begin:end], begin, names)
            if renaming and (name := _imported_by_call(node)):
                at = starts[name.lineno - 1] + name.col_offset
                stop = starts[(name.end_lineno or 0) - 1] + (name.end_col_offset or 0)
                edits += [(at, at, f"{renaming}(".encode()), (stop, stop, b")")]
    for begin, end, new in sorted(edits, reverse=True):
        text = text[:begin] + new + text[end:]
    return text.decode()


def _edits(node: ast.AST, code: bytes, begin: int, names: Mapping[str, str]) -> Iterator[Edit]:
    if isinstance(node, ast.ImportFrom) and not node.level and node.module:
        if _top(node.module) in names and (found := _FROM.match(code)):
            module = rename(node.module, names)
            yield begin + found.start(1), begin + found.end(1), module.encode()
    elif isinstance(node, ast.Import) and any(_top(alias.name) in names for alias in node.names):
        lines = [line for alias in node.names for line in _import_lines(alias, names)]
        yield begin, begin + len(code), "; ".join(lines).encode()


def _import_lines(alias: ast.alias, names: Mapping[str, str]) -> Iterator[str]:
    top = _top(alias.name)
    if top not in names:
        yield ast.unparse(ast.Import([alias]))
        return
    yield f"import {rename(alias.name, names)} as {alias.asname or top}"
    if top != alias.name and not alias.asname:  # `import a.b` binds a
        yield f"import {names[top]} as {top}"


def _top(module: str) -> str:
    return module.partition(".")[0]


def _imported_by_call(node: ast.AST) -> ast.expr | None:
    """What `importlib.import_module(...)` is given."""
    if not isinstance(node, ast.Call) or not node.args:
        return None
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return node.args[0] if name == "import_module" else None


class _Package(importlib.abc.MetaPathFinder, importlib.abc.ExecutionLoader):
    """Finds and runs the modules of one package, from memory: their folder may be gone by then."""

    def __init__(self, name: str, sources: Mapping[str, bytes], folder: Path) -> None:
        self.files = {name: folder / "__init__.py"}  # dotted name -> where it was read
        self.sources = {name: b""}
        tops = {path.partition("/")[0].removesuffix(".py") for path in sources}
        self.names = {top: f"{name}.{top}" for top in tops}
        for path, source in sources.items():
            if not path.endswith(".py"):
                continue
            parts = PurePosixPath(path).with_suffix("").parts
            for size in range(1, len(parts)):  # a folder without __init__.py is a package, too
                self.files.setdefault(".".join((name, *parts[:size])), Path("__init__.py"))
            inner = parts[:-1] if parts[-1] == "__init__" else parts
            self.files[".".join((name, *inner))] = folder / path
            self.sources[".".join((name, *inner))] = source

    def find_spec(
        self, fullname: str, path: object, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in self.files:
            return None
        spec = importlib.util.spec_from_loader(fullname, self)
        if spec and spec.submodule_search_locations:
            spec.submodule_search_locations.clear()  # no other file of that folder is of the package
        return spec

    def is_package(self, fullname: str) -> bool:
        return self.files[fullname].name == "__init__.py"

    def get_filename(self, fullname: str) -> str:
        return str(self.files[fullname])

    def get_source(self, fullname: str) -> str:
        home = {} if _HOME == _SHIPPED else {_SHIPPED: _HOME}
        source = importlib.util.decode_source(self.sources.get(fullname, b""))
        return rewritten(source, home | self.names, _RENAME)

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__[_RENAME] = lambda name: rename(name, self.names)
        super().exec_module(module)


def name_of(sources: Mapping[str, bytes]) -> str:
    """The end of a name for these files by path: other files, other name."""
    hashes = {path: hashlib.sha256(source).hexdigest() for path, source in sources.items()}
    return artifact.digest(hashes)[:16]


_packages: dict[str, _Package] = {}


def install(sources: Mapping[str, bytes], folder: Path) -> dict[str, str]:
    """Make modules importable by private names, and return {top-level name: its private name}.

    `sources` are files by path below `folder`, as 'nets.py' or 'lab/__init__.py'. The same sources
    have the same names: they are one package, however often they come. Nothing is run here.
    """
    name = f"{_HOME.partition('.')[0]}_own_{name_of(sources)}"
    if name not in _packages:
        _packages[name] = _Package(name, sources, folder)
        sys.meta_path.append(_packages[name])
    return _packages[name].names
