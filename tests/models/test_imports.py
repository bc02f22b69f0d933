"""Imports are read from the source, whatever they are called there; what can't be read is refused."""

import pytest

from pneumoray.errors import StudyError
from pneumoray.models import imports


@pytest.fixture
def read(tmp_path):
    """What a source imports as lab/sub/nets.py, or as lab/sub/__init__.py."""

    def read(source, name="nets.py"):
        file = tmp_path / name
        file.write_text(source)
        return imports.of(file, "lab.sub" if name == "__init__.py" else "lab.sub.nets")

    return read


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import a, b.c as d", ["a", "b.c"]),
        ("def f():\n    from a.b import c, d as e", ["a.b.c", "a.b.d"]),
        ("from a import *", ["a"]),
        ("from . import x\nfrom ..y import z", ["lab.sub.x", "lab.y.z"]),
        ("from .... import beyond", []),
        ("print 'no Python 3'; import a", []),
        ("import importlib\nimportlib.import_module('a.b')", ["importlib", "a.b"]),
        ("import importlib as i\ni.import_module(name='a')", ["importlib", "a"]),
        ("import importlib.util\nimportlib.import_module('a')", ["importlib.util", "a"]),
        (
            "from importlib import import_module\nimport_module('a')",
            ["importlib.import_module", "a"],
        ),
        (
            "from importlib import import_module as f\nf('.x', __package__)",
            ["importlib.import_module", "lab.sub.x"],
        ),
        (
            "import importlib as i\ni.import_module('..x', package='lab.sub')",
            ["importlib", "lab.x"],
        ),
        ("import importlib as i\ni.import_module(f'lab.heads.{x}')", ["importlib", "lab.heads.*"]),
        ("import importlib as i\ni.import_module(f'lab.v{x}')", ["importlib", "lab.*"]),
        (
            "import importlib as i\ni.import_module('.' + x, __package__)",
            ["importlib", "lab.sub.*"],
        ),
        ("import importlib as i\ni.import_module(__package__ + '.x')", ["importlib", "lab.sub.x"]),
        (
            "import importlib as i\ni.import_module(f'{__package__}.{x}')",
            ["importlib", "lab.sub.*"],
        ),
        ("__import__('a')", ["a"]),
        ("__import__('a.b', globals(), locals(), ['c'], 0)", ["a.b", "a.b.*"]),
        ("import builtins as b\nb.__import__(name='a')", ["builtins", "a"]),
        ("def import_module(x): ...\nimport_module(y)\nself.__import__(y)", []),
    ],
)
def test_the_names_of_modules(read, source, names):
    assert read(source).names == names


def test_a_package_imports_from_itself(read):
    source = "from . import x\nfrom importlib import import_module as f\nf('.' + y, __name__)"
    names = ["lab.sub.x", "importlib.import_module", "lab.sub.*"]
    assert read(source, "__init__.py").names == names


@pytest.mark.parametrize(
    ("source", "loaded"),
    [
        ("sys.modules['a.b'].x = 1", {"a.b": 2}),
        ("sys.modules.get('a')", {"a": 2}),
        ("from sys import modules as m\nm.pop('a')", {"a": 3}),
        ("'a' in sys.modules", {"a": 2}),
        ("sys.modules[__name__]", {}),
        ("sys.modules[f'{__name__}.x']", {}),
        ("sys.modules[type(net).__module__]", {}),
    ],
)
def test_what_sys_modules_is_asked_for(read, source, loaded):
    assert read(f"import sys\n{source}").loaded == loaded


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("i.import_module(name)", "importlib.import_module .* write the name in quotes"),
        ("i.import_module(f'nets_{x}')", "importlib.import_module"),
        ("i.import_module(x + '.nets')", "importlib.import_module"),
        ("i.import_module('.nets', x)", "importlib.import_module"),
        ("i.import_module(*names)", "importlib.import_module"),
        ("load = i.import_module", "importlib.import_module"),
        ("map(i.import_module, names)", "importlib.import_module"),
        ("__import__(name)", "__import__"),
        ("__import__('a', level=1)", "__import__"),
        ("load = __import__", "__import__"),
        ("sys.modules[name]", "sys.modules .* import it"),
        ("sys.modules.get(name)", "sys.modules"),
        ("list(sys.modules)", "sys.modules"),
        ("i.util.module_from_spec(spec)", "importlib.util.module_from_spec"),
        ("runpy.run_path('nets.py')", "runpy.run_path"),
        ("from pkgutil import resolve_name as f; f('nets:Net')", "pkgutil.resolve_name"),
    ],
)
def test_what_cant_be_read_is_refused_with_its_line(read, line, match):
    with pytest.raises(StudyError, match=rf"nets.py, line 3: which module {match}") as error:
        read(f"import sys, runpy\nimport importlib.util, importlib as i\n{line}")
    assert "\n" not in str(error.value)
