"""A module imports only what stands before it, siblings never each other; fences hold.

Imports inside functions and under `if TYPE_CHECKING` count too.
"""

import ast
from pathlib import Path

import pytest

import pneumoray

PACKAGE = Path(pneumoray.__file__).parent

# From the bottom up. What stands in one set never imports another of it; a package (data, models, ...)
# may import within itself, but for `stages`, whose modules are siblings of their own.
LAYERS: list[set[str]] = [
    {"redaction"},
    {"errors", "words", "pasting", "telling"},
    {"artifact", "ray_job", "faults"},
    {"root"},
    {"data", "models"},
    {"settings"},
    {"config"},
    {"study"},
    {"grid"},
    {"study_file"},
    {"predictions", "journal", "member", "inputs", "table_file", "damage", "epochs"},
    {"checkpoint"},
    {"evaluation", "tracking"},
    {"discarding"},
    {"training", "bundle", "voting", "study_folder"},
    {"workspace"},
    {"serving", "stream", "comparing"},
    {"distributed"},
    {"stages.prepare", "stages.trial_report"},
    {"stages.checks", "stages.logbook"},
    {
        "stages.default_study",
        "stages.one_image",
        "stages.provenance",
        "stages.champion",
        "stages.recording",
        "stages.opening",
        "stages.run",
        "stages.summary",
    },
    {"stages.models"},
    {
        "stages.train",
        "stages.predict",
        "stages.vote",
        "stages.plan",
        "stages.evaluate",
        "stages.audit_study",
        "stages.board",
        "stages.compare",
        "stages.overview",
        "stages.remove",
        "stages.sync",
    },
    {"terminal"},
    {"__init__", "__main__"},
]
PACKAGES = (
    "comparing",
    "data",
    "models",
    "evaluation",
    "tracking",
    "training",
    "distributed",
    "terminal",
)
RANK = {unit: rank for rank, layer in enumerate(LAYERS) for unit in layer}

# The only places that may import these, as beginnings of module names.
FENCES: dict[str, tuple[str, ...]] = {
    "ray": ("distributed.",),
    "mlflow": ("tracking.",),
    "click": ("terminal.",),
    "rich": ("terminal.",),
    "timm": ("models.",),
    "torchvision": ("models.", "data.augment"),
    "matplotlib": ("evaluation.",),
    "pydicom": ("data.dicom",),
}


def name_of(path: Path) -> str:
    """'data.pack' for pneumoray/data/pack.py, 'data.' for pneumoray/data/__init__.py."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    if len(parts) > 1 and parts[-1] == "__init__":
        return ".".join(parts[:-1]) + "."
    return ".".join(parts)


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def unit_of(module: str) -> str:
    """What has a place in LAYERS: 'data' for 'data.pack', 'stages.run' for itself."""
    first = module.partition(".")[0]
    return first if first in PACKAGES else module


def imports_of(tree: ast.AST) -> list[tuple[int, str]]:
    """(line, dotted name) of everything imported, `from a import b` as a.b."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute here"
            found += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
        elif _is_import_call(node):
            argument = node.args[0] if node.args else None
            if isinstance(argument, ast.Constant):
                found.append((node.lineno, str(argument.value)))
            elif isinstance(argument, ast.JoinedStr):
                head = argument.values[0]
                if isinstance(head, ast.Constant):
                    found.append((node.lineno, str(head.value).rstrip(".")))
    return found


def _is_import_call(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in ("import_module", "__import__")


def own_unit(dotted: str) -> str | None:
    """The unit of pneumoray that a dotted name means, None when it is of another package."""
    if dotted.partition(".")[0] != "pneumoray":
        return None
    parts = dotted.split(".")[1:]
    for size in (
        len(parts),
        len(parts) - 1,
    ):  # `from pneumoray.study import read`: the last is a name
        known = ".".join(parts[:size])
        if known in MODULES or f"{known}." in MODULES:
            return unit_of(known)
    return "__init__"


def misplaced(module: str, source: str) -> list[str]:
    """What `module` imports although it stands beside it or above it, or behind a fence."""
    unit, wrong = unit_of(module.rstrip(".")), []
    for line, dotted in imports_of(ast.parse(source)):
        top = dotted.partition(".")[0]
        if top in FENCES and not module.startswith(FENCES[top]):
            wrong.append(f"line {line} imports {top}, which only {FENCES[top]} may")
        used = own_unit(dotted)
        if used is None or (used == unit and unit in PACKAGES):
            continue
        assert used in RANK, f"{used} has no place in LAYERS"
        if RANK[used] >= RANK[unit]:
            wrong.append(f"line {line} imports {used}, which stands beside or above it")
    return wrong


@pytest.mark.parametrize("module", [name for name in MODULES if name != "stages."])
def test_a_module_imports_only_what_stands_before_it(module):
    assert unit_of(module.rstrip(".")) in RANK, f"give {module} a place in LAYERS"
    assert misplaced(module, MODULES[module].read_text()) == []


def test_the_stages_package_imports_nothing():
    assert imports_of(ast.parse(MODULES["stages."].read_text())) == []


@pytest.mark.parametrize(
    ("module", "source", "num_wrong"),
    [
        ("data.pack", "from pneumoray.data.image import load", 0),
        ("data.pack", "from pneumoray import artifact, errors", 0),
        ("data.pack", "from pneumoray.models import zoo", 1),
        ("data.pack", "import torchvision.io", 1),
        ("data.augment", "import torchvision.io", 0),
        ("study", "def f():\n    from pneumoray.training.trial import train", 1),
        ("study", "if TYPE_CHECKING:\n    import pneumoray.journal", 1),
        ("study", "import importlib\nimportlib.import_module('mlflow.pyfunc')", 1),
        ("predictions", "from pneumoray import journal", 1),
        ("stages.run", "from pneumoray.stages.prepare import Prepared", 0),
        ("stages.run", "from pneumoray.stages import train", 1),
        ("stages.vote", "from pneumoray.stages import champion, plan", 1),
        ("tracking.", "import mlflow", 0),
        ("stages.train", "import rich\nimport click\nfrom pneumoray.terminal import main", 3),
    ],
)
def test_the_rule_itself(module, source, num_wrong):
    assert len(misplaced(module, source)) == num_wrong
