"""Own code: what the functions of 'module:function' backbones run, found without running it."""

import importlib.util
import shutil
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from importlib.machinery import ModuleSpec
from pathlib import Path

from pneumoray import artifact
from pneumoray.errors import StudyError
from pneumoray.models import imports

_CODE = (".py", ".yaml", ".html")  # what a package's code consists of
_PYTHON = Path(sysconfig.get_path("stdlib"))


@dataclass(frozen=True)
class OwnCode:
    """What backbones run, all files that come with that, and what has to be installed beside it.

    `run` and `files` go by path below a folder of sys.path, as 'lab/nets.py'; of a package, `files`
    has all code, for what it imports may be known only when it runs. `packages` are top-level names.
    """

    run: dict[str, Path]
    files: dict[str, Path]
    packages: frozenset[str]

    @property
    def digest(self) -> str:
        """SHA-256 of what is run; '' where nothing is one's own."""
        hashes = {path: artifact.sha256_file(file) for path, file in self.run.items()}
        return artifact.digest(hashes) if hashes else ""

    def requirements(self) -> tuple[str, ...]:
        """What installs `packages`, as 'einops==0.8.1'."""
        known = metadata.packages_distributions() if self.packages else {}
        names = {name for package in self.packages for name in known.get(package, [])}
        return tuple(sorted(pinned(name) for name in names))

    def copy_to(self, folder: Path) -> dict[str, str]:
        """Copy `files` into `folder`, and return their SHA-256 by path."""
        hashes = {}
        for name, source in self.files.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            hashes[name] = artifact.sha256_file(target)
        return hashes


def pinned(name: str) -> str:
    """'torch==2.9.1': the public part, as '+cpu' is found in one index only."""
    return f"{name}=={metadata.version(name).partition('+')[0]}"


def is_own(backbone: str) -> bool:
    return ":" in backbone


def find(backbones: Iterable[str]) -> OwnCode:
    """The code of those of `backbones` that are 'module:function', with all that it imports.

    Imports are read from the source. Raises StudyError for a module that can't be found, and for an
    import that can't be read.
    """
    modules = sorted({name.partition(":")[0] for name in backbones if is_own(name)})
    waiting = [part for module in modules for part in imports.with_packages(module)]
    run: dict[str, Path] = {}
    files: dict[str, Path] = {}
    packages: set[str] = set()
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        top, *inner = name.split(".")
        places = [] if top == "pneumoray" else _places(top)
        packages |= {top for place in places if _is_installed(place)}
        own = list(filter(_is_own_place, places))
        sources = [(place, file) for place in own if (file := _file(place, inner))]
        if name in modules and not sources and len(own) == len(places) and top != "pneumoray":
            raise StudyError(
                f"the code of backbone module {name!r} is not found, so that a model can't bring it; "
                "put its folder on PYTHONPATH and run the command again"
            )
        for place, file in sources:
            run[file.relative_to(place.parent).as_posix()] = file
            waiting += _imported(file, name)
        if inner[-1:] == [imports.ANY]:
            within = name.removesuffix(imports.ANY).replace(".", "/")
            paths = [path for place in own for path in all_of(place) if path.startswith(within)]
            waiting += [_dotted(path) for path in paths if path.endswith(".py")]
        if not inner:
            files |= {path: file for place in own for path, file in all_of(place).items()}
    return OwnCode(run, files | run, frozenset(packages))


def is_shared(top: str) -> bool:
    """Whether a top-level module is Python's or installed: the same one for all who import it."""
    return top in sys.stdlib_module_names or any(not _is_own_place(place) for place in _places(top))


def _imported(file: Path, module: str) -> list[str]:
    """Dotted names that may be modules which `file` imports, each package before what is in it."""
    found = imports.of(file, module)
    for name, line in found.loaded.items():
        if any(map(_is_own_place, _places(imports.top(name)))):
            raise StudyError(
                f"{file}, line {line}: sys.modules[{name!r}] may be another's module where a model is "
                "loaded beside others: import it"
            )
    return [part for name in found.names for part in imports.with_packages(name)]


def _is_own_place(place: Path) -> bool:
    return not _is_installed(place) and _PYTHON not in place.parents


def _is_installed(place: Path) -> bool:
    """Whether pip put it there, be it into a folder of any name."""
    return any(part in ("site-packages", "dist-packages") for part in place.parts) or any(
        place.parent.glob("*.dist-info")
    )


def _places(top: str) -> list[Path]:
    """The file or the folders of a top-level module. It is not imported."""
    try:
        spec: ModuleSpec | None = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        return []
    if spec.submodule_search_locations is not None:
        return [Path(place).absolute() for place in spec.submodule_search_locations]
    return [Path(spec.origin).absolute()] if spec.has_location and spec.origin else []


def _file(place: Path, inner: list[str]) -> Path | None:
    """The source of a module in `place`; None for what is none, as a function or a bare folder."""
    if place.suffix == ".py":
        return place if place.is_file() and not inner else None
    within = place.joinpath(*inner)
    options = [within / "__init__.py", *([within.with_name(f"{within.name}.py")] if inner else [])]
    return next((file for file in options if file.is_file()), None)


def _dotted(path: str) -> str:
    """'lab.sub' of 'lab/sub/__init__.py' or 'lab/sub.py'."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def all_of(place: Path) -> dict[str, Path]:
    """All code of a module or a package by path, as 'lab/nets.py', without data beside it."""
    found = sorted(place.rglob("*")) if place.is_dir() else [place]
    return {
        path.as_posix(): place.parent / path
        for path in (file.relative_to(place.parent) for file in found if file.is_file())
        if path.name.endswith(_CODE)
        and not any(part.startswith((".", "__pycache__")) for part in path.parts)
    }
