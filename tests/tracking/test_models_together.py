"""Registered models each run their own code, whatever else their process has imported."""

import itertools
import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from pneumoray import bundle, tracking
from pneumoray.bundle import Bundle, Member
from pneumoray.errors import WorkspaceError
from pneumoray.models import zoo
from pneumoray.models.architecture import Architecture
from pneumoray.tracking import replayer

pytestmark = pytest.mark.filterwarnings("ignore:::(mlflow|sqlalchemy|alembic)")

NETS = """
import importlib
from torch import nn
from twin_nets.blocks import activation
from . import blocks

def small(num_classes, in_chans):
    import twin_nets.blocks as late  # each of them could be the other model's
    assert blocks is late is importlib.import_module('twin_nets.blocks')
    assert blocks.activation is activation
    return nn.Sequential(
        nn.Conv2d(in_chans, 4, 3), activation(),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, num_classes)
    )
"""
BLOCKS = "from torch import nn\nfrom pneumoray.errors import StudyError\nactivation = nn.{}\n"
MODELS = {"a": "ReLU", "b": "Tanh", "c": "Sigmoid"}  # the weights are the same


def write_nets(folder, activation):
    (folder / "twin_nets").mkdir(parents=True)
    (folder / "twin_nets" / "__init__.py").write_text(NETS)
    (folder / "twin_nets" / "blocks.py").write_text(BLOCKS.format(activation))


def forget():
    for name in [name for name in sys.modules if name.partition(".")[0] == "twin_nets"]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a registry of MODELS, and the pixels that they see."""
    place = tmp_path_factory.mktemp("together")
    settings = tracking.Settings(
        tracking_uri=f"sqlite:///{place / 'mlflow.db'}", artifacts=str(place / "mlartifacts")
    )
    registry, runs = replayer.with_mlflow("registry"), replayer.with_mlflow("runs")
    client = runs.connect(settings)
    experiment = client.create_experiment("together", (place / "mlartifacts").as_uri())
    architecture = Architecture("twin_nets:small", 16)
    member = Member("own", "small", architecture, "squeeze", 1.0, (0.5,), (0.25,))
    for name, activation in MODELS.items():
        write_nets(place / name, activation)
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(str(place / name))
            torch.manual_seed(0)
            state = zoo.build(architecture, 2).state_dict()
            described = Bundle((member,), ("NORMAL", "PNEUMONIA"))
            bundle.save(described, [state], place / f"bundle-{name}")
        forget()
        run = client.create_run(experiment).info.run_id
        entry = registry.Entry(
            name, place / f"bundle-{name}", experiment, run, {"val_auroc": "0.9"}
        )
        registry.register(client, entry)
    for package, inner in {"pneumoray": "bundle", "twin_nets": "blocks"}.items():  # other versions
        (place / "other" / package).mkdir(parents=True)
        for module in ("__init__", inner):
            (place / "other" / package / f"{module}.py").write_text("small = activation = None\n")
    np.save(place / "pixels.npy", np.random.default_rng(0).integers(0, 256, (5, 16, 16), np.uint8))
    return place


@pytest.fixture(scope="module")
def expected(place):
    """What each model gives, worked out from its weights with torch alone."""
    images = (torch.from_numpy(np.load(place / "pixels.npy"))[:, None].float() / 255 - 0.5) / 0.25
    found = {}
    for name, activation in MODELS.items():
        state = safetensors.torch.load_file(place / f"bundle-{name}" / "model.safetensors")
        maps = nn.functional.conv2d(images, state["0.weight"], state["0.bias"])
        pooled = nn.functional.adaptive_avg_pool2d(getattr(nn, activation)()(maps), 2)
        logits = pooled.flatten(1) @ state["4.weight"].T + state["4.bias"]
        found[name] = logits.softmax(dim=1)[:, 1].tolist()
    for one, other in itertools.combinations(found.values(), 2):
        assert np.abs(np.subtract(one, other)).max() > 0.01
    return found


def in_a_process(place: Path, names: str, before: str = "") -> list[list[float]]:
    """What each of the models gives that one process loads in this order, after code of `before`."""
    script = """
    import json, sys
    from pathlib import Path
    root = Path.cwd()
    {before}
    import mlflow.pyfunc, numpy as np
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    def known():
        tops = ("pneumoray", "twin_nets")
        return {{name: m for name, m in sys.modules.items() if name.partition(".")[0] in tops}}
    ours = known()
    models = [mlflow.pyfunc.load_model(f"models:/{{name}}@champion") for name in sys.argv[1]]
    assert known() == ours
    for entry in sys.path:
        if "mlartifacts" in entry:
            assert [path.name[:16] for path in Path(entry).iterdir()] == ["pneumoray_model_"], entry
    pixels = np.load("pixels.npy")
    found = [model.predict(pixels)["prob_PNEUMONIA"].tolist() for model in models]
    print(json.dumps(found))
    """
    code = textwrap.dedent(script).format(before=before)
    command = [sys.executable, "-c", code, names]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr.lower()
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("names", "before"),
    [
        pytest.param("bab", "import pneumoray.bundle", marks=pytest.mark.slow, id="with pneumoray"),
        pytest.param("cab", "", marks=pytest.mark.slow, id="alone"),
        pytest.param(
            "ac",
            "sys.path.insert(0, str(root / 'other')); import twin_nets.blocks, pneumoray.bundle",
            id="with another's nets and another pneumoray",
        ),
    ],
)
def test_models_in_one_process_each_run_their_own_code(place, expected, names, before):
    found = in_a_process(place, names, before)
    np.testing.assert_allclose(found, [expected[name] for name in names], atol=1e-6)


def test_a_bundle_runs_the_code_in_it_and_not_what_is_on_the_path(place, expected, monkeypatch):
    pixels = np.load(place / "pixels.npy")
    monkeypatch.syspath_prepend(str(place / "a"))
    for name in ("b", "a", "c"):
        opened = bundle.load(place / f"bundle-{name}", own_code=True)
        found = opened.predict(pixels)["prob_PNEUMONIA"]
        np.testing.assert_allclose(found, expected[name], atol=1e-6)
    assert "twin_nets" not in sys.modules


def test_a_bundle_of_before_they_kept_their_code_is_not_registered_with_other_code(place, tmp_path):
    shutil.copytree(place / "bundle-a", tmp_path / "older")
    values = json.loads((tmp_path / "older" / "bundle.json").read_text())
    del values["code"], values["requires"]
    (tmp_path / "older" / "bundle.json").write_text(json.dumps(values))
    settings = tracking.Settings(
        tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}", artifacts=str(tmp_path / "mlartifacts")
    )
    client = replayer.with_mlflow("runs").connect(settings)
    experiment = client.create_experiment("older", (tmp_path / "mlartifacts").as_uri())
    run = client.create_run(experiment).info.run_id
    registry = replayer.with_mlflow("registry")
    entry = registry.Entry("older", tmp_path / "older", experiment, run, {"val_auroc": "0.9"})
    with pytest.raises(
        WorkspaceError, match=r"lacks the code of backbone twin_nets:small.*--promote"
    ):
        registry.register(client, entry)
