"""A model brings what its own backbones import, down to the bottom, and nothing that is installed."""

import importlib
import sys
from importlib import metadata

import pytest

from pneumoray.errors import StudyError
from pneumoray.models import own_code

FILES = {
    "nets_o.py": "import torch\nfrom blocks_o import conv\ndef small(num_classes, in_chans): ...\n",
    "blocks_o.py": "def conv():\n    import deep_o.norm as n\n    import json, deep_o\n",
    "deep_o/norm.py": "from . import more\n",  # a folder without __init__.py
    "deep_o/more.py": "",
    "deep_o/notes.txt": "",
    "stranger_o.py": "",
    "lab_o/__init__.py": "",
    "lab_o/sub/__init__.py": "from ..common import x\nimport sklearn.linear_model\n",
    "lab_o/sub/nets.py": "import nowhere_o\n",
    "lab_o/common.py": "x = 1\n",
    "lab_o/plots.py": "import stranger_o\n",
    "lab_o/xrays/1.jpeg": "",
    "lab_o/.git/config.py": "",
    "lab_o/defaults.yaml": "",
}


@pytest.fixture
def lab(tmp_path, monkeypatch):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_a_module_brings_the_files_that_it_imports(lab):
    found = own_code.find(["resnet18", "nets_o:small"])
    files = {"nets_o.py", "blocks_o.py", "deep_o/norm.py", "deep_o/more.py"}
    assert found.run.keys() == found.files.keys() == files
    assert found.files["blocks_o.py"] == lab / "blocks_o.py"
    assert found.packages == {"torch"}
    assert found.requirements() == (f"torch=={metadata.version('torch').partition('+')[0]}",)


def test_a_package_brings_all_its_code_and_runs_what_it_imports(lab):
    found = own_code.find(["lab_o.sub.nets:a", "lab_o.sub:b"])
    run = {
        f"lab_o/{name}" for name in ("__init__.py", "sub/__init__.py", "sub/nets.py", "common.py")
    }
    assert found.run.keys() == run
    assert found.files.keys() == run | {"lab_o/plots.py", "lab_o/defaults.yaml"}
    assert found.requirements() == (f"scikit-learn=={metadata.version('scikit-learn')}",)
    hashes = found.copy_to(lab / "copy")
    copied = {
        p.relative_to(lab / "copy").as_posix() for p in (lab / "copy").rglob("*") if p.is_file()
    }
    assert hashes.keys() == copied == found.files.keys()


def test_the_digest_is_that_of_what_is_run(lab):
    digest = own_code.find(["lab_o.sub.nets:a"]).digest
    (lab / "lab_o" / "plots.py").write_text("changed = 1")
    assert own_code.find(["lab_o.sub.nets:a"]).digest == digest
    (lab / "lab_o" / "common.py").write_text("x = 2")
    assert own_code.find(["lab_o.sub.nets:a"]).digest != digest


LAZY = {
    "lazy_o.py": "import importlib as i\nb = i.import_module('blocks_z')\nn = __import__('norm_z')\n",
    "blocks_z.py": "from importlib import import_module as f\ndef net(x):\n    f(f'heads_z.{x}')\n",
    "norm_z.py": "import importlib\nimportlib.import_module('sklearn.linear_model')\n",
    "heads_z/__init__.py": "",
    "heads_z/linear.py": "import deep_o.more\n",
}  # fmt: skip


def test_what_is_imported_by_a_call_is_brought_and_is_part_of_the_digest(lab):
    for name, text in LAZY.items():
        (lab / name).parent.mkdir(exist_ok=True)
        (lab / name).write_text(text)
    found = own_code.find(["lazy_o:small"])
    assert found.run.keys() == LAZY.keys() | {"deep_o/more.py"}
    assert found.packages == {"sklearn"}
    for name, source in LAZY.items():
        digest = own_code.find(["lazy_o:small"]).digest
        (lab / name).write_text(source + "changed = 1\n")
        assert own_code.find(["lazy_o:small"]).digest != digest


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("load(name)", r"which module importlib.import_module gets .* in quotes"),
        ("sys.modules['blocks_o']", r"sys.modules\['blocks_o'\] may be another's .* import it"),
    ],
)
def test_a_module_that_cant_be_followed_is_one_line(lab, line, match):
    source = (
        f"import sys\nfrom importlib import import_module as load\nx = sys.modules['json']\n{line}"
    )
    (lab / "far_o.py").write_text(source)
    with pytest.raises(StudyError, match=rf"far_o.py, line 4: {match}") as error:
        own_code.find(["far_o:small"])
    assert "\n" not in str(error.value)


def test_a_package_brings_its_templates(lab):
    """As pneumoray itself has some: what code consists of is said once."""
    (lab / "lab_o" / "page.html").write_text("")
    assert "lab_o/page.html" in own_code.find(["lab_o.common:x"]).files


def test_what_is_installed_or_of_python_is_not_brought():
    found = own_code.find(["resnet18", "torchvision.models:resnet18", "collections:OrderedDict"])
    assert (found.run, found.files, found.packages) == ({}, {}, {"torchvision"})
    assert found.digest == ""


@pytest.mark.parametrize("name", ["nowhere_net", "lab_o.gone", "gone_o"])
def test_a_module_that_is_nowhere_is_one_line(lab, monkeypatch, name):
    (lab / "gone_o.py").write_text("")
    monkeypatch.setitem(sys.modules, "gone_o", importlib.import_module("gone_o"))
    (lab / "gone_o.py").unlink()  # imported, and its file gone since
    with pytest.raises(StudyError, match=rf"'{name}' is not found.*PYTHONPATH") as error:
        own_code.find([f"{name}:a"])
    assert "\n" not in str(error.value)
