"""Private code: modules that run under names of their own, whatever is imported already.

Python keeps one module of a name, so the first `nets` that is imported is everyone's. A model's
modules therefore lie in a package that is named by their content, and `import` means something else
in them: what the model brought by its new name, beside that what is installed, and nothing that
merely lies on sys.path. Their source, sys.path and every other module are left alone.
"""

import builtins
import functools
import hashlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import ModuleType

from pneumoray import artifact
from pneumoray.models import imports, own_code

_SHIPPED = "pneumoray"
_HOME = __name__.removesuffix(".models.private")  # 'pneumoray', or as a model's own copy is called


def rename(module: str, names: Mapping[str, str]) -> str:
    """The new name of a dotted `module` whose top-level name is in `names`; others keep theirs."""
    top, dot, inner = module.partition(".")
    return names.get(top, top) + dot + inner


class _Package(importlib.abc.MetaPathFinder, importlib.abc.ExecutionLoader):
    """Finds and runs the modules of one package, from memory: their folder may be gone by then."""

    def __init__(self, name: str, sources: Mapping[str, bytes], folder: Path) -> None:
        self.files = {name: folder / "__init__.py"}  # dotted name -> where it was read
        self.sources = {name: b""}
        tops = {path.partition("/")[0].removesuffix(".py") for path in sources}
        self.names = {top: f"{name}.{top}" for top in tops}
        self.importing = _Importing({_SHIPPED: _HOME, name: name} | self.names)
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
        return importlib.util.decode_source(self.sources.get(fullname, b""))

    def exec_module(self, module: ModuleType) -> None:
        # where Python looks for __import__, also in functions that are called later
        module.__dict__["__builtins__"] = vars(self.importing.builtins)
        super().exec_module(module)


class _Importing:
    """What modules of one package import by; `names` are the private names of top-level modules."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names
        self.builtins = ModuleType("builtins", builtins.__doc__)
        vars(self.builtins).update(vars(builtins), __import__=self.statement)
        by_call = ModuleType("importlib", importlib.__doc__)
        vars(by_call).update(
            __import__=self.statement,
            import_module=self.import_module,
            __getattr__=functools.partial(getattr, importlib),
        )
        self.instead = {"builtins": self.builtins, "importlib": by_call}

    def statement(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """As builtins.__import__: the module of `name` where names are taken from it, else the top."""
        if level:
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        module = builtins.__import__(self.meant(name), globals, locals, fromlist or ())
        bound = name if fromlist else imports.top(name)
        return self.instead.get(bound) or (module if fromlist else sys.modules[self.meant(bound)])

    def import_module(self, name: str, package: str | None = None) -> ModuleType:
        """As importlib.import_module."""
        base = rename(package, self.names) if package else package
        absolute = importlib.util.resolve_name(name, base) if name.startswith(".") else name
        return self.instead.get(absolute) or importlib.import_module(self.meant(absolute))

    def meant(self, module: str) -> str:
        """The name that Python knows it by. Raises ModuleNotFoundError for what is another's."""
        top = imports.top(module)
        if top not in self.names and not own_code.is_shared(top):
            raise ModuleNotFoundError(
                f"module {top} is neither installed nor code that the model brought", name=module
            )
        return rename(module, self.names)


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
