"""`import pneumoray`: its functions and nothing else, and nothing heavy until one is used."""

import subprocess
import sys

import pytest

import pneumoray


def test_dir_shows_the_api_and_nothing_else():
    import pneumoray.study

    assert dir(pneumoray) == sorted(pneumoray.__all__)
    assert {"train_all", "leaderboard", "compare", "ensemble"} <= set(dir(pneumoray))


def test_everything_in_it_can_be_called_and_has_a_promise():
    for name in dir(pneumoray):
        function = getattr(pneumoray, name)
        assert callable(function)
        assert function.__doc__


def test_what_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'train'"):
        _ = pneumoray.train


def test_importing_it_imports_nothing_heavy():
    code = (
        "import sys, pneumoray; dir(pneumoray); print('torch' in sys.modules, 'ray' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "False"]


def test_the_package_is_found_from_the_folder_above_a_clone(tmp_path):
    """There a folder `pneumoray` holds the clone, which a package that is installed must win over."""
    (tmp_path / "pneumoray" / "docs").mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, "-c", "import pneumoray; print(pneumoray.__version__)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.stdout, done.stderr) == (f"{pneumoray.__version__}\n", "")
