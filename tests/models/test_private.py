"""Private code imports itself whatever else has its names, and is in nobody's way."""

import importlib
import pickle
import subprocess
import sys
import threading

import pytest

from pneumoray.models import private

OWN = {
    "nets_w/__init__.py": "WHO = 'own'\n",
    "nets_w/a.py": "WHO = 'own a'\nfrom . import WHO as ABOVE\n",
    "blocks_w.py": "WHO = 'own blocks'\n",
}
DECOY = {"nets_w/__init__.py": "WHO = 'decoy'\n", "blocks_w.py": "WHO = 'decoy'\n"}


@pytest.fixture
def decoy(tmp_path, monkeypatch):
    """Others' modules of the names in OWN, first on the path, and imported."""
    for name, text in (DECOY | {"stray_w.py": ""}).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("nets_w", "blocks_w"):
        monkeypatch.setitem(sys.modules, name, importlib.import_module(name))


def run(source, tmp_path):
    """The module of that source beside OWN."""
    names = private.install(encoded(OWN | {"uses_w.py": source}), tmp_path / "gone")
    return importlib.import_module(names["uses_w"])


@pytest.mark.parametrize(
    ("source", "who"),
    [
        ("import nets_w\nWHO = nets_w.WHO", "own"),
        ("import nets_w.a\nWHO = nets_w.a.WHO + nets_w.WHO", "own aown"),
        ("import nets_w.a as b\nWHO = b.WHO", "own a"),
        ("import os.path, nets_w as n, json.decoder\nWHO = os.path.__name__ + n.WHO", "posixpathown"),
        ("from nets_w import WHO", "own"),
        ("from nets_w import a as b\nWHO = b.WHO", "own a"),
        ("from nets_w.a import *", "own a"),
        ("from nets_w.a import ABOVE as WHO", "own"),
        ("from blocks_w import WHO", "own blocks"),
        ("from . import blocks_w\nfrom .blocks_w import WHO", "own blocks"),
        ("def late():\n    import nets_w\n    return nets_w.WHO\nWHO = late()", "own"),
        ("import importlib\nWHO = importlib.import_module('nets_w.a').WHO", "own a"),
        ("import importlib\nWHO = importlib.import_module(name='nets_w').WHO", "own"),
        ("import importlib\nWHO = importlib.import_module('.a', package='nets_w').WHO", "own a"),
        ("import importlib\nWHO = importlib.import_module('.blocks_w', __package__).WHO", "own blocks"),
        ("import importlib.util as u, importlib\nWHO = importlib.__import__('nets_w').WHO", "own"),
        ("from importlib import import_module as load\nWHO = load('nets_w').WHO", "own"),
        ("from importlib import *\nWHO = import_module('nets_w').WHO", "own"),
        ("import importlib as i\nWHO = getattr(i, 'import_' + 'module')('nets' + '_w').WHO", "own"),
        ("WHO = __import__('nets_w').WHO", "own"),
        ("WHO = __import__('nets_w.a', fromlist=['WHO']).WHO", "own a"),
        ("WHO = __import__('nets_w.a').a.WHO", "own a"),
        ("import builtins\nWHO = builtins.__import__('nets_w').WHO", "own"),
        ("load = __import__\nWHO = [load(n).WHO for n in ('nets_w',)][0]", "own"),
        ("exec('import nets_w')\nWHO = nets_w.WHO", "own"),
        ("space = {}\nexec('from nets_w import WHO', space)\nWHO = space['WHO']", "own"),
        ("import importlib\nWHO = importlib.import_module('importlib').import_module('nets_w').WHO", "own"),
        ("import importlib.util\nfrom importlib import util\nWHO = str(importlib.util is util)", "True"),
    ],
)  # fmt: skip
def test_every_import_of_private_code_gets_its_own(decoy, tmp_path, source, who):
    assert vars(run(source, tmp_path))["WHO"] == who
    assert sys.modules["nets_w"].WHO == sys.modules["blocks_w"].WHO == "decoy"


@pytest.mark.parametrize(
    "source",
    [
        "import stray_w",
        "from stray_w import x",
        "import importlib\nimportlib.import_module('stray_' + 'w')",
        "__import__('stray_w')",
        "import nowhere_w",
    ],
)
def test_what_merely_lies_on_the_path_is_not_there(decoy, tmp_path, source):
    with pytest.raises(ModuleNotFoundError, match=r"module (stray|nowhere)_w is neither installed"):
        run(source, tmp_path)


def test_what_may_be_missing_is_missing(decoy, tmp_path):
    source = "try:\n    import stray_w\nexcept ImportError:\n    stray_w = None"
    assert run(source, tmp_path).stray_w is None


def test_what_pip_has_put_anywhere_is_installed(tmp_path, monkeypatch):
    """As `pip install --target` does."""
    (tmp_path / "target" / "fast_w-1.0.dist-info").mkdir(parents=True)
    (tmp_path / "target" / "fast_w.py").write_text("WHO = 'installed'")
    monkeypatch.syspath_prepend(str(tmp_path / "target"))
    assert run("from fast_w import WHO", tmp_path).WHO == "installed"
    del sys.modules["fast_w"]


LAB = {
    "lab/__init__.py": "from lab.blocks import WIDTH\nfrom . import blocks\n",
    "lab/blocks.py": (
        "from dataclasses import dataclass\nWIDTH = 3\n"
        "@dataclass\nclass Block:\n    size: int = WIDTH\n"
    ),
    "lab/deep/inner.py": (  # a folder without __init__.py
        "import lab.blocks\nfrom ..blocks import *\nimport lab.blocks as b\n"
        "def late(name):\n"
        "    import importlib\n"
        "    from lab.blocks import Block\n"
        "    return importlib.import_module(f'lab.{name}').Block is Block is lab.blocks.Block is b.Block\n"
    ),
    "json.py": "import lab\nNAME = 'private'\n",
    "uses.py": "import json, os.path\nfrom json import NAME\nNAMES = json.NAME, NAME, os.path.__name__\n",
    "old.py": "# coding: latin-1\nTEXT = 'é'\n",
    "lab/settings.yaml": "a: 1\n",
}  # fmt: skip


def encoded(files):
    return {
        name: text.encode("latin-1" if "latin" in text else "utf-8") for name, text in files.items()
    }


@pytest.fixture
def lab(tmp_path):
    """The private names of LAB, whose folder does not exist."""
    path = list(sys.path)
    yield private.install(encoded(LAB), tmp_path / "gone")
    assert not {"lab", "uses", "old"} & sys.modules.keys()
    assert sys.path == path


def test_packages_modules_and_lazy_imports_find_each_other(lab):
    assert lab.keys() == {"lab", "json", "uses", "old"}
    inner = importlib.import_module(f"{lab['lab']}.deep.inner")
    assert inner.late("blocks") is True
    assert inner.WIDTH == 3
    assert importlib.import_module(lab["old"]).TEXT == "é"


def test_a_private_module_may_have_the_name_of_one_of_python(lab):
    import json

    assert importlib.import_module(lab["uses"]).NAMES == ("private", "private", "posixpath")
    assert json.loads("1") == 1
    assert sys.modules["json"] is json


def test_classes_can_be_pickled_and_sources_be_shown(lab):
    import inspect

    blocks = importlib.import_module(f"{lab['lab']}.blocks")
    assert pickle.loads(pickle.dumps(blocks.Block(7))) == blocks.Block(7)
    assert inspect.getsource(blocks.Block).endswith("size: int = WIDTH\n")


def test_other_code_has_other_names_and_the_same_code_the_same(tmp_path):
    one, two = ({"nets_p.py": f"VALUE = {i}\n".encode()} for i in (1, 2))
    first, second = private.install(one, tmp_path), private.install(two, tmp_path)
    again = private.install(dict(one), tmp_path / "elsewhere")
    assert first == again != second
    values = [importlib.import_module(names["nets_p"]).VALUE for names in (second, first, again)]
    assert values == [2, 1, 1]
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("nets_p")


def test_a_file_that_is_none_of_the_code_is_not_run(tmp_path):
    (tmp_path / "lab_q").mkdir()
    (tmp_path / "lab_q" / "planted.py").write_text("raise SystemExit('it ran')\n")
    names = private.install({"lab_q/__init__.py": b"", "lab_q/a.py": b""}, tmp_path)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(f"{names['lab_q']}.planted")


def test_threads_get_one_module(tmp_path):
    source = b"import time\ntime.sleep(0.05)\nclass Net: pass\n"
    found = []

    def load():
        names = private.install({"slow_net.py": source}, tmp_path)
        found.append(importlib.import_module(names["slow_net"]).Net)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1


def test_it_needs_neither_torch_nor_timm():
    code = (
        "import sys; from pneumoray.models import own_code, private; "
        "print(sorted({'torch', 'timm'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
