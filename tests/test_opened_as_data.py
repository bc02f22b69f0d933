"""Every file that a run reads is opened as data: a planted pickle or YAML tag never runs, and is refused."""

import hashlib
import json
import pickle
from pathlib import Path

import pytest
import safetensors.torch
import torch
import torchvision

from pneumoray import artifact, bundle, checkpoint, journal, study_file, tracking
from pneumoray.data.folder import scan
from pneumoray.data.image import decode
from pneumoray.data.pack import open_pack
from pneumoray.errors import PneumorayError
from pneumoray.models import hub, weights
from pneumoray.predictions import Predictions
from pneumoray.tracking import replayer


class Planted:
    """Unpickled, it makes the file `ran`."""

    def __init__(self, ran):
        self.ran = ran

    def __reduce__(self):
        return Path.touch, (self.ran,)


@pytest.fixture
def ran(tmp_path, monkeypatch):
    """What a planted pickle makes; it must not be there in the end."""
    for variable in ("MLFLOW_TRACKING_URI", weights.FOLDER_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    ran = tmp_path / "it-ran"
    pickle.loads(pickle.dumps(Planted(ran)))
    assert ran.exists()  # so it would
    ran.unlink()
    yield ran
    assert not ran.exists()


def bare(file, ran):
    """A pickle in `file`, whatever the file's name says."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(pickle.dumps({"fc.weight": Planted(ran)}, protocol=2) + b"\n")
    return file


def zipped(file, ran):
    """A pickle in `file` as torch.save writes it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"fc.weight": Planted(ran)}, file)
    return file


def refused(read, *arguments):
    """What `read` says, in one line, of what it does not take."""
    with pytest.raises(PneumorayError) as caught:
        read(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("planted", [bare, zipped])
def test_weights_of_a_folder(tmp_path, ran, suffix, planted):
    file = planted(tmp_path / "weights" / f"resnet18{suffix}", ran)
    file.with_suffix(".sha256").write_text(hashlib.sha256(file.read_bytes()).hexdigest())
    message = refused(weights.find, "resnet18", str(file.parent), 3)
    assert f"{file} can't be read as weights" in message
    assert "weights_only" not in message  # torch would tell how to run it


@pytest.mark.parametrize("planted", [bare, zipped])
def test_weights_in_the_cache_of_torchvision(tmp_path, ran, planted):
    """Its own loader opens what lies there with weights_only=False, and checks no hash."""
    url = torchvision.models.AlexNet_Weights.DEFAULT.url
    file = planted(tmp_path / "torch" / "hub" / "checkpoints" / url.rpartition("/")[2], ran)
    assert hub.cached("alexnet") == file
    message = refused(weights.find, "alexnet", "hub", 3)
    assert f"{file} is damaged, or holds more than tensors, which could run code" in message


@pytest.mark.parametrize("planted", [bare, zipped])
def test_weights_in_the_cache_of_the_hub(tmp_path, ran, planted, monkeypatch):
    file = planted(tmp_path / "hub" / "pytorch_model.bin", ran)
    monkeypatch.setattr(hub, "cached", lambda backbone: file)
    assert "holds more than tensors" in refused(weights.find, "resnet18", "hub", 3)


@pytest.mark.parametrize("name", ["optimizer.pt", "model.safetensors"])
@pytest.mark.parametrize("planted", [bare, zipped])
def test_a_checkpoint(tmp_path, ran, name, planted):
    folder = tmp_path / "trial" / "epoch-0001"
    torch.manual_seed(0)
    folder.mkdir(parents=True)
    torch.save({}, folder / "optimizer.pt")
    safetensors.torch.save_file({"w": torch.ones(1)}, folder / "model.safetensors")
    checkpoint.load_tensors(folder)
    file = planted(folder / name, ran)
    message = refused(checkpoint.load_tensors, folder)
    assert f"{file} is damaged, or holds more than tensors, which could run code" in message
    assert "weights_only" not in message


@pytest.mark.parametrize("planted", [bare, zipped])
def test_a_bundle_whose_hashes_are_right(tmp_path, ran, planted, make_bundle):
    folder = make_bundle(tmp_path / "bundle")
    file = planted(folder / "model.safetensors", ran)
    described = json.loads((folder / "bundle.json").read_text())
    described["members"][0]["sha256"] = artifact.sha256_file(file)
    artifact.write_json(folder / "bundle.json", described)
    assert f"{file} is no safetensors file" in refused(bundle.load, folder)


@pytest.mark.parametrize("planted", [bare, zipped])
def test_a_registered_model(tmp_path, ran, planted, make_bundle):
    """Of what MLflow keeps, its own pickle and code among it, nothing but the bundle is looked at."""
    settings = tracking.Settings(
        tracking_uri=f"sqlite:///{tmp_path}/mlflow.db", artifacts=str(tmp_path / "mlartifacts")
    )
    registry, runs = replayer.with_mlflow("registry"), replayer.with_mlflow("runs")
    client = runs.connect(settings)
    experiment = client.create_experiment("x", Path(settings.artifacts).as_uri())
    run_id = client.create_run(experiment).info.run_id
    folder = make_bundle(tmp_path / "bundle")
    tags = {"val_auroc": "0.9", "val_digest": "same"}
    version = registry.register(
        client, registry.Entry("pneumoray-x-layers", folder, experiment, run_id, tags)
    )
    kept = Path(version.source.removeprefix("file://"))
    (inner,) = kept.glob("data/*")
    file = planted(inner / "model.safetensors", ran)
    described = json.loads((inner / "bundle.json").read_text())
    described["members"][0]["sha256"] = artifact.sha256_file(file)
    artifact.write_json(inner / "bundle.json", described)
    for name in ("python_model.pkl", "data/model.pkl", "artifacts/model.pth"):
        planted(kept / name, ran)
    modules = list((kept / "code").rglob("*.py"))
    assert modules
    for module in modules:
        module.write_text(f"open({str(ran)!r}, 'w').close()")
    uri = "models:/pneumoray-x-layers@champion"
    fetched = tracking.download(settings, uri, tmp_path / "fetched")
    assert "is no safetensors file" in refused(bundle.load, fetched)


TAGS = (
    "!!python/object/apply:pathlib.Path.touch [{}]",
    "!!python/object/apply:builtins.open ['{}', 'w']",
    "!!python/object/apply:os.system ['touch {}']",
    "!!python/object/new:os.system ['touch {}']",
    "!!python/name:os.system",
    "!!python/module:os",
)


@pytest.mark.parametrize("tag", TAGS)
def test_python_tags_of_yaml(tmp_path, ran, tag):
    planted = tag.format(ran)
    (tmp_path / "x.yaml").write_text(f"name: x\nbackbones: [resnet18]\ndescription: {planted}\n")
    assert "could not determine a constructor" in refused(study_file.read, str(tmp_path / "x.yaml"))
    assert "has no valid value" in refused(study_file.read, "demo", [f"description={planted}"])
    (tmp_path / "mlflow.yaml").write_text(f"tags: {planted}\n")
    message = refused(tracking.find_settings, tmp_path / "mlflow.yaml", tmp_path)
    assert "is no valid YAML" in message


def read_journal(path):
    return list(journal.read(path))


@pytest.mark.parametrize(
    ("name", "read", "message"),
    [
        ("bundle/bundle.json", lambda file: bundle.load(file.parent), "bundle.json can't be read"),
        (
            "trial/epoch-0001/state.json",
            lambda file: checkpoint.read_state(file.parents[1]),
            "state.json can't be read",
        ),
        ("packs/0123/pack.json", lambda file: open_pack(file.parent), "is no complete pack"),
        ("study.json", artifact.read_json, "study.json can't be read"),
        ("journal.jsonl", read_journal, "journal.jsonl is damaged"),
        ("val_predictions.csv", Predictions.load, "val_predictions.csv can't be read"),
        ("table.csv", scan, "table.csv"),
        ("study.yaml", lambda file: study_file.read(str(file)), "study.yaml is no text in UTF-8"),
        ("mlflow.yaml", lambda file: tracking.find_settings(file, file.parent), "is no valid YAML"),
        ("film.png", decode, "film.png can't be decoded (no known image format)"),
    ],
)
@pytest.mark.parametrize("planted", [bare, zipped])
def test_a_pickle_under_any_name(tmp_path, ran, name, read, message, planted):
    file = planted(tmp_path / name, ran)
    assert message in refused(read, file)


def test_an_image_that_is_a_program_for_ghostscript(tmp_path):
    file = tmp_path / "film.png"
    file.write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(x) (w) file\n"
    )
    assert "it is PostScript, a program to run and no image" in refused(decode, file)


def test_json_that_is_nested_without_end(tmp_path):
    (tmp_path / "x.json").write_text("[" * 100_000)
    assert "x.json can't be read" in refused(artifact.read_json, tmp_path / "x.json")
