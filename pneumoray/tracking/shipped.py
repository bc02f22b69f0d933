"""This package as a registered model brings it: under a name that no other has."""

import functools
import re
from pathlib import Path

from pneumoray.models import own_code, private

_PACKAGE = Path(__file__).parents[1]
# imports are absolute here, a line each, so that no more is needed; a test holds it
_FROM = re.compile(rf"^(\s*from ){_PACKAGE.name}\b", re.MULTILINE)


def copy_to(folder: Path) -> Path:
    """A copy of this package in `folder`, for one model; it has `_load_pyfunc`, as MLflow asks.

    MLflow puts the folder on sys.path, so it must hold nothing that another model, or what is
    installed, has under the same name.
    """
    name, files = _renamed()
    for path, text in files.items():
        target = folder / name / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
    return folder / name


@functools.cache
def _renamed() -> tuple[str, dict[str, str]]:
    """The copy's name and its files: the same for all models that a process registers."""
    sources = {path: file.read_bytes() for path, file in own_code.all_of(_PACKAGE).items()}
    name = f"{_PACKAGE.name}_model_{private.name_of(sources)}"
    inner = f"{name}.{_PACKAGE.name}"
    files = {
        path: _FROM.sub(rf"\g<1>{inner}", text) if path.endswith(".py") else text
        for path, text in ((path, source.decode()) for path, source in sources.items())
    }
    loader = f'from {inner}.serving import _load_pyfunc\n\n__all__ = ["_load_pyfunc"]\n'
    return name, files | {"__init__.py": loader}
