"""Private code imports itself by its new names, keeps its lines, and is in nobody's way."""

import importlib
import pickle
import subprocess
import sys
import threading

import pytest

from pneumoray.models import private

NAMES = {"nets": "box.nets", "lab": "box.lab"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import nets", "import box.nets as nets"),
        ("import nets.a", "import box.nets.a as nets; import box.nets as nets"),
        ("import nets.a as b", "import box.nets.a as b"),
        ("import os, nets as n", "import os; import box.nets as n"),
        ("import os.path, lab.x.y", "import os.path; import box.lab.x.y as lab; import box.lab as lab"),
        ("from nets import a, b as c", "from box.nets import a, b as c"),
        ("from lab.x import *", "from box.lab.x import *"),
        ("from nets import (  # why\n    a,\n)", "from box.nets import (  # why\n    a,\n)"),
        ("if x: import nets; y = 1", "if x: import box.nets as nets; y = 1"),
        ("def f():\n    from lab import g  # é\n", "def f():\n    from box.lab import g  # é\n"),
        ("é = 'ü'; import nets", "é = 'ü'; import box.nets as nets"),
        ("try: import nets\nfinally: pass", "try: import box.nets as nets\nfinally: pass"),
        ("import netsuite, os", "import netsuite, os"),
        ("from . import nets\nfrom .nets import a", "from . import nets\nfrom .nets import a"),
        ("text = 'import nets'  # import nets", "text = 'import nets'  # import nets"),
        ("print 'no Python 3'; import nets", "print 'no Python 3'; import nets"),
        ("import_module('nets')", "import_module('nets')"),
    ],
)  # fmt: skip
def test_imports_are_rewritten_and_nothing_else(source, expected):
    assert private.rewritten(source, NAMES) == expected


def test_what_import_module_is_given_goes_through_a_function():
    source = (
        "importlib.import_module(f'nets.{x}', package=None)\nfrom nets import a\nimport_module(y)"
    )
    assert private.rewritten(source, NAMES, "to") == (
        "importlib.import_module(to(f'nets.{x}'), package=None)\nfrom box.nets import a\nimport_module(to(y))"
    )


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
