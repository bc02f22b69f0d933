"""A registered model brings this package under another name, and imports none by this one."""

import ast
from pathlib import Path

import pneumoray
from pneumoray.tracking import shipped


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_every_import_of_the_copy_is_of_the_copy(tmp_path):
    copy = shipped.copy_to(tmp_path)
    assert copy.parent == tmp_path
    assert [path.name for path in tmp_path.iterdir()] == [copy.name]
    files = sorted((copy / "pneumoray").rglob("*.py"))
    names = [name for file in files for name in imported(ast.parse(file.read_bytes()))]
    assert f"{copy.name}.pneumoray.errors" in names
    assert not [name for name in names if name.partition(".")[0] == "pneumoray"]


def test_it_is_the_whole_package_and_the_same_each_time(tmp_path):
    first, second = shipped.copy_to(tmp_path / "1"), shipped.copy_to(tmp_path / "2")
    assert first.name == second.name
    package = Path(pneumoray.__file__).parent
    expected = {
        path.relative_to(package)
        for ending in ("py", "yaml", "html")
        for path in package.rglob(f"*.{ending}")
    }
    copied = {p.relative_to(first / "pneumoray") for p in first.rglob("pneumoray/**/*.*")}
    assert copied == expected
