"""A bundle predicts like its members, from bytes or pixels, and opens only when it is intact."""

import importlib
import io
import json
import shutil
import sys
from dataclasses import fields, replace

import numpy as np
import pytest
import safetensors.torch
import torch
from encoded import significant
from PIL import Image

from pneumoray import bundle
from pneumoray.bundle import Bundle, Member
from pneumoray.config import Config
from pneumoray.data import image
from pneumoray.data.stored import Stored
from pneumoray.errors import DataError, WeightsError, WorkspaceError
from pneumoray.evaluation import calibration
from pneumoray.models import zoo
from pneumoray.models.architecture import Architecture

CLASSES = ("NORMAL", "PNEUMONIA")
torch.set_num_threads(1)  # tiny networks: more threads only wait for each other


def _member(name="a", **changes):
    """A resnet18 for grey images of 32 px, but for `changes` of it or of its architecture."""
    architecture = {"backbone": "resnet18", "image_size": 32}
    architecture |= {key: changes.pop(key) for key in tuple(changes) if key in _OF_ARCHITECTURE}
    described = Architecture(**architecture)
    member = Member(
        name=name,
        family="resnet",
        architecture=described,
        image_fit="squeeze",
        crop_fraction=1.0,
        mean=(0.4,) * described.in_chans,
        std=(0.25,) * described.in_chans,
    )
    return replace(member, **changes)


_OF_ARCHITECTURE = {field.name for field in fields(Architecture)}


def _state(member, seed):
    torch.manual_seed(seed)
    state = zoo.build(member.architecture, len(CLASSES)).state_dict()
    return {key: tensor.contiguous() for key, tensor in state.items()}


def _png(array):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).integers(0, 256, (5, 48, 40), dtype=np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    members = (
        _member("a"),
        _member("b", color="rgb", image_size=40, image_fit="crop", crop_fraction=0.75),
    )
    path = tmp_path_factory.mktemp("bundle") / "vote"
    described = Bundle(members, CLASSES, temperature=2.0, threshold=0.3, info={"study": "demo"})
    bundle.save(described, [_state(member, i) for i, member in enumerate(members)], path)
    return path


@pytest.fixture(scope="module")
def opened(folder):
    return bundle.load(folder)


@pytest.fixture
def copy(folder, tmp_path):
    """A folder that a test may damage."""
    target = tmp_path / "copy"
    target.mkdir()
    for file in folder.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    return target


def test_vote_is_the_mean_of_the_members_then_the_temperature(opened, pixels):
    votes = []
    for model, member in zip(opened.models, opened.members, strict=True):
        size, color = member.architecture.image_size, member.architecture.color
        fit = {"fit": member.image_fit, "crop_fraction": member.crop_fraction}
        arrays = [image.load(_png(p), size, color=color, **fit) for p in pixels]
        images = torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).float() / 255
        with torch.no_grad():
            votes.append(model((images - 0.4) / 0.25).double().softmax(1).numpy())
    expected = calibration.apply_temperature(np.mean(votes, axis=0), 2.0)
    np.testing.assert_allclose(opened.predict_probs(pixels), expected, atol=1e-6)


def test_bytes_and_pixels_and_batch_sizes_agree(opened, pixels):
    expected = opened.predict_probs(pixels)
    assert expected.dtype == np.float64
    np.testing.assert_allclose(expected.sum(axis=1), 1)
    np.testing.assert_array_equal(opened.predict_probs([_png(p) for p in pixels]), expected)
    np.testing.assert_array_equal(opened.predict_probs(list(pixels)), expected)
    np.testing.assert_array_equal(opened.predict_probs(pixels[..., None]), expected)
    np.testing.assert_allclose(opened.predict_probs(pixels, batch_size=2), expected, atol=1e-6)
    assert opened.predict_probs([]).shape == (0, 2)


COLUMNS = ["predicted", "prob_NORMAL", "prob_PNEUMONIA", "threshold", "threshold_class"]


def test_threshold_decides_for_two_classes_and_the_largest_probability_otherwise(opened, pixels):
    probs = opened.predict_probs(pixels)
    threshold = float(np.median(probs[:, 1]))
    table = replace(opened, threshold=threshold).predict(pixels)
    assert list(table.columns) == [*COLUMNS, "disagreement"]
    assert (table["predicted"] == "PNEUMONIA").tolist() == (probs[:, 1] >= threshold).tolist()
    assert set(table["threshold"]) == {threshold}
    assert set(table["threshold_class"]) == {"PNEUMONIA"}
    table = replace(opened, threshold=None).predict(pixels)
    assert table["predicted"].tolist() == [CLASSES[i] for i in probs.argmax(axis=1)]
    assert table["threshold"].isna().all()
    assert table["threshold_class"].isna().all()


def test_members_disagree_by_their_range_of_the_positive_or_the_predicted_class():
    two = Bundle((_member("a"), _member("b")), CLASSES, threshold=0.4)
    table = two.table(np.array([[[0.75, 0.25]], [[0.5, 0.5]]]))
    assert table["prob_PNEUMONIA"].tolist() == [0.375]
    assert table["predicted"].tolist() == ["NORMAL"]
    assert table["disagreement"].tolist() == [0.25]
    three = Bundle((_member("a"), _member("b")), ("A", "B", "C"))
    table = three.table(np.array([[[0.75, 0.25, 0.0]], [[0.5, 0.25, 0.25]]]))
    assert table["predicted"].tolist() == ["A"]
    assert table["disagreement"].tolist() == [0.25]
    alone = Bundle((_member("a"),), CLASSES).table(np.array([[[0.75, 0.25]]]))
    assert alone["disagreement"].isna().all()


def test_description_survives_and_weights_may_come_from_a_file(tmp_path, folder, opened):
    member = _member(name="resnet18/odd name")
    safetensors.torch.save_file(_state(member, 0), tmp_path / "best.safetensors")
    saved = bundle.save(Bundle((member,), CLASSES), [tmp_path / "best.safetensors"], tmp_path / "b")
    assert bundle.describe(tmp_path / "b") == saved
    assert saved.members[0].weights == "model.safetensors"
    one = bundle.load(tmp_path / "b").models[0].state_dict()
    assert all(torch.equal(one[key], value) for key, value in opened.models[0].state_dict().items())
    assert bundle.describe(folder).info == {"study": "demo"}


@pytest.mark.parametrize(
    "fields",
    [
        {"hidden": (16,), "dropout": 0.5, "output": "sigmoid"},
        {"head": "flatten"},
        {"backbone": "alexnet", "image_size": 64, "hidden": (8, 4)},
        {"backbone": "bottleneck_resnet", "color": "rgb", "output": "sigmoid"},
        {"backbone": "C-P-C-P-F-D-D", "filters": (4, 8), "units": 6, "batch_norm": True},
        {"backbone": "C4-F-D", "output": "sigmoid", "activation": "elu", "padding": "valid"},
    ],
)
def test_every_kind_of_architecture_comes_back(tmp_path, fields, pixels):
    config = Config.model_validate(
        {"backbone": "resnet18", "image_size": 32}
        | fields
        | {"image_fit": "crop", "crop_fraction": 0.5}
    )
    member = Member.of(config, "trial", [0.4] * config.in_chans, [0.25] * config.in_chans)
    assert member.architecture == config.architecture
    state = _state(member, 0)
    saved = bundle.save(Bundle((member,), CLASSES), [state], tmp_path / "b")
    loaded = bundle.load(tmp_path / "b")
    assert loaded.members == saved.members
    assert loaded.members[0].architecture == member.architecture
    assert loaded.members[0].crop_fraction == 0.5
    (model,) = loaded.models
    assert all(torch.equal(tensor, state[key]) for key, tensor in model.state_dict().items())
    probs = loaded.predict_probs(pixels)
    assert probs.shape == (5, 2)
    np.testing.assert_allclose(probs.sum(axis=1), 1)


def test_loading_leaves_the_global_random_state_alone(folder):
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    loaded = bundle.load(folder)
    assert torch.equal(torch.rand(1), expected)
    assert not any(model.training for model in loaded.models)


def test_a_bundle_replaces_a_bundle_and_nothing_else(tmp_path, make_bundle):
    folder = make_bundle(tmp_path / "models" / "b")
    make_bundle(folder, num_members=2)
    assert len(bundle.describe(folder).members) == 2
    (tmp_path / "trials" / "a").mkdir(parents=True)
    for target in (tmp_path / "trials", tmp_path / "models" / ".." / "trials"):
        with pytest.raises(WorkspaceError, match=r"trials is there.* \(it has no bundle\.json\)"):
            make_bundle(target)
    with pytest.raises(WorkspaceError, match="lies outside of"):
        bundle.save(
            Bundle((_member(),), CLASSES), [{}], tmp_path / "models/../new", tmp_path / "models"
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["models", "trials"]
    assert (tmp_path / "trials" / "a").is_dir()


def test_a_failed_save_leaves_nothing(tmp_path):
    with pytest.raises(FileNotFoundError):
        bundle.save(Bundle((_member(),), CLASSES), [tmp_path / "absent"], tmp_path / "b")
    assert list(tmp_path.iterdir()) == []


def _damage(folder, **changes):
    path = folder / "bundle.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | changes))


def test_changed_weights_are_refused(copy):
    file = next(copy.glob("0-*.safetensors"))
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(WorkspaceError, match="SHA-256"):
        bundle.load(copy)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 99}, "format 99"),
        ({"format": 1}, "format 1, this version reads 2.*fetch or make it again"),
        ({"surprise": 1}, "surprise"),
        ({"members": []}, "0 members"),
        ({"members": [{"weights": "../../etc/passwd"}]}, "outside"),
        ({"members": [{"weights": "a", "code": "x"}]}, "code"),
        ({"members": [{"weights": "a", "architecture": {"code": "x"}}]}, "code"),
    ],
)
def test_descriptions_that_cannot_be_understood_are_refused(copy, changes, message):
    _damage(copy, **changes)
    with pytest.raises(WorkspaceError, match=message) as error:
        bundle.load(copy)
    assert "\n" not in str(error.value)


def test_missing_pieces_are_refused(copy, tmp_path):
    with pytest.raises(WorkspaceError, match="is no bundle"):
        bundle.load(tmp_path)
    next(copy.glob("1-*.safetensors")).unlink()
    with pytest.raises(WorkspaceError, match="lacks 1-b"):
        bundle.load(copy)


def test_weights_of_another_network_are_refused_in_one_line(tmp_path):
    wrong = _state(_member(color="rgb"), 0)
    bundle.save(Bundle((_member(),), CLASSES), [wrong], tmp_path / "b")
    with pytest.raises(WeightsError, match="don't fit resnet18") as error:
        bundle.load(tmp_path / "b")
    assert "\n" not in str(error.value)


def test_code_of_an_own_backbone_runs_only_when_allowed(tmp_path):
    own = f"{__name__}:never_called"
    bundle.save(Bundle((_member(backbone=own),), CLASSES), [_state(_member(), 0)], tmp_path / "b")
    with pytest.raises(WeightsError, match="own_code=True"):
        bundle.load(tmp_path / "b")


OWN = """
from torch import nn

def small(num_classes, in_chans):
    return nn.Sequential(nn.Flatten(), nn.Linear(1024 * in_chans, num_classes), nn.{}())
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """(a bundle of the backbone nets_of_bundle:small, the file where that is)"""
    file = tmp_path / "lab" / "nets_of_bundle.py"
    file.parent.mkdir()
    file.write_text(OWN.format("ReLU"))
    monkeypatch.syspath_prepend(str(file.parent))
    member = _member(backbone="nets_of_bundle:small")
    saved = bundle.save(Bundle((member,), CLASSES), [_state(member, 0)], tmp_path / "own")
    del sys.modules["nets_of_bundle"]
    assert saved.code.keys() == {"nets_of_bundle.py"}
    assert [one.partition("==")[0] for one in saved.requires] == ["torch"]
    return tmp_path / "own", file


def test_a_bundle_keeps_the_code_of_its_own_backbone(own, pixels):
    """It is changed, and then gone, where it was: the bundle gives the same numbers."""
    folder, file = own
    expected = bundle.load(folder, own_code=True).predict_probs(pixels)
    file.write_text(OWN.format("Tanh"))
    np.testing.assert_array_equal(
        bundle.load(folder, own_code=True).predict_probs(pixels), expected
    )
    file.unlink()
    opened = bundle.load(folder, own_code=True)
    shutil.rmtree(folder)
    np.testing.assert_array_equal(opened.predict_probs(pixels), expected)
    assert "nets_of_bundle" not in sys.modules


BY_CALL = """
import importlib
from torch import nn

last = {}.last

def small(num_classes, in_chans):
    return nn.Sequential(nn.Flatten(), nn.Linear(1024 * in_chans, num_classes), last())
"""


@pytest.fixture
def by_call(tmp_path, monkeypatch):
    """Saves a bundle of two files, one of which is imported by a call; another's comes to be first."""

    def save(call, expected=frozenset({"calls_of_bundle.py", "blocks_of_bundle.py"})):
        for lab, activation in (("lab", "ReLU"), ("other", "Tanh")):
            (tmp_path / lab).mkdir()
            (tmp_path / lab / "blocks_of_bundle.py").write_text(
                f"from torch.nn import {activation} as last\n"
            )
        (tmp_path / "lab" / "calls_of_bundle.py").write_text(BY_CALL.format(call))
        member = _member(backbone="calls_of_bundle:small")
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(str(tmp_path / "lab"))
            state = _state(member, 0)
            saved = bundle.save(Bundle((member,), CLASSES), [state], tmp_path / "b")
        assert saved.code.keys() == expected
        monkeypatch.syspath_prepend(str(tmp_path / "other"))
        del sys.modules["calls_of_bundle"], sys.modules["blocks_of_bundle"]
        importlib.import_module("blocks_of_bundle")
        return tmp_path / "b", state

    yield save
    del sys.modules["blocks_of_bundle"]


@pytest.mark.parametrize(
    "call",
    [
        "importlib.import_module('blocks_of_bundle')",
        "importlib.import_module(name='blocks_of_bundle')",
        "__import__('blocks_of_bundle')",
    ],
)
def test_what_is_imported_by_a_call_is_the_bundles_own(call, by_call, pixels):
    folder, state = by_call(call)
    image = bundle.load(folder, own_code=True)
    seen = np.stack([next(iter(image.views(Stored(Image.fromarray(p))).values())) for p in pixels])
    scaled = (seen.reshape(len(pixels), -1) / 255 - 0.4) / 0.25
    logits = scaled @ state["1.weight"].numpy().T + state["1.bias"].numpy()
    expected = np.exp(np.maximum(logits, 0))  # Tanh is another's
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(image.predict_probs(pixels), expected, atol=1e-5)


def test_code_that_is_not_brought_is_never_anothers(by_call):
    call = "getattr(importlib, 'import' + '_module')('blocks_of_bundle')"  # which nobody can read
    folder, _ = by_call(call, {"calls_of_bundle.py"})
    match = (
        r"code of calls_of_bundle:small .* \(module blocks_of_bundle is neither installed nor code"
    )
    with pytest.raises(WeightsError, match=match) as error:
        bundle.load(folder, own_code=True)
    assert "\n" not in str(error.value)


def test_code_that_was_changed_or_lies_outside_is_refused(own):
    folder, _ = own
    inside = folder / "code" / "nets_of_bundle.py"
    inside.write_text(inside.read_text() + "# more\n")
    with pytest.raises(WorkspaceError, match=r"nets_of_bundle.py is damaged \(SHA-256"):
        bundle.load(folder, own_code=True)
    for name in ("../nets.py", "/nets.py"):
        _damage(folder, code={name: "0"})
        with pytest.raises(WorkspaceError, match=f"code '{name}' lies outside"):
            bundle.load(folder, own_code=True)


def test_a_bundle_without_its_code_takes_what_is_on_the_path(own, pixels):
    """As bundles were before they kept it."""
    folder, _ = own
    expected = bundle.load(folder, own_code=True).predict_probs(pixels)
    values = json.loads((folder / "bundle.json").read_text())
    del values["code"], values["requires"]
    (folder / "bundle.json").write_text(json.dumps(values))
    found = bundle.load(folder, own_code=True).predict_probs(pixels)
    del sys.modules["nets_of_bundle"]
    np.testing.assert_array_equal(found, expected)


def test_it_prints_as_a_table_of_its_members(make_bundle, tmp_path):
    shown = bundle.load(make_bundle(tmp_path / "vote", 2, threshold=0.25))
    head, columns, *members = repr(shown).splitlines()
    assert head == "Bundle of NORMAL, PNEUMONIA: PNEUMONIA where its probability is 0.2500 or more"
    assert columns.split() == ["member", "backbone", "px", "fit", "color"]
    assert len(members) == 2
    assert shown._repr_html_().count("<tr") == 3


@pytest.fixture(scope="module")
def deep(tmp_path_factory):
    """A bundle whose training images had 12 bits in 16, and its film in 8, 12 and 16 bits."""
    member = _member("a", ranges=(("16", 0, 4095),))
    path = tmp_path_factory.mktemp("deep") / "bundle"
    bundle.save(Bundle((member,), CLASSES), [_state(member, 0)], path)
    film = np.linspace(0.3, 0.9, 40 * 40).reshape(40, 40)
    eight = np.round(film * 255).astype(np.uint8)
    return bundle.load(path), eight, *(np.round(film * n).astype(np.uint16) for n in (4095, 65535))


def test_a_bundle_uses_the_range_of_its_training_images_or_refuses(deep):
    opened, eight, twelve, sixteen = deep
    assert opened.members[0].ranges == (("16", 0, 4095),)
    (of_8,), (of_12,) = opened.predict_probs([_png(eight)]), opened.predict_probs([_png(twelve)])
    assert np.abs(of_8 - of_12).max() < 0.01
    with pytest.raises(
        DataError, match=r"input 1 is a 16-bit .* outside .* 0 to 4095: .*--pixel-range"
    ):
        opened.predict_probs([_png(eight), _png(sixteen)])
    full = opened.with_range((0, 65535))
    assert np.abs(full.predict_probs([_png(sixteen)]) - of_8).max() < 0.01


def test_a_bundle_of_8_bits_takes_what_can_mean_one_thing_only(deep, opened):
    _, eight, twelve, sixteen = deep
    expected = opened.predict_probs([_png(eight)])
    assert np.abs(opened.predict_probs([_png(sixteen)]) - expected).max() < 0.01
    with pytest.raises(DataError, match=r"input 0 is a 16-bit .* such as --pixel-range 0 4095"):
        opened.predict_probs([_png(twelve)])
    said = opened.with_range((0, 4095))
    assert np.abs(said.predict_probs([_png(twelve)]) - expected).max() < 0.01


def test_a_description_from_before_the_ranges_has_none(copy, opened):
    described = json.loads((copy / "bundle.json").read_text())
    for member in described["members"]:
        assert member.pop("ranges") == []
    (copy / "bundle.json").write_text(json.dumps(described))
    assert [member.ranges for member in bundle.load(copy).members] == [(), ()]


def test_a_dark_film_of_significant_bits_is_never_judged_alone(tmp_path, opened):
    """12 bits in 16 that end below 4096: unscaled, or scaled and dark; only the training set tells."""
    dark = significant(_png(np.full((40, 40), 4080, dtype=np.uint16)), 12)
    with pytest.raises(DataError, match="nothing says which are black and white"):
        opened.predict_probs([dark])
    member = _member("a", ranges=(("12 of 16", 0, 65535),))
    bundle.save(Bundle((member,), CLASSES), [_state(member, 0)], tmp_path / "scaled")
    scaled = bundle.load(tmp_path / "scaled")
    expected = scaled.predict_probs([_png(np.full((40, 40), 16, dtype=np.uint8))])
    np.testing.assert_array_equal(scaled.predict_probs([dark]), expected)
    np.testing.assert_array_equal(scaled.with_range((0, 4095)).predict_probs([dark]), expected)
