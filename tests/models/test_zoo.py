import re

import pytest
import torch
import torchvision
from torch import nn

from pneumoray.errors import StudyError
from pneumoray.models import names, zoo
from pneumoray.models.architecture import Architecture
from pneumoray.models.head import count_parameters

SHIPPED = [backbone for family in names.FAMILIES.values() for backbone in family]
SMALL = [
    "vgg11",
    "resnet18",
    "efficientnet_b0",
    "tf_efficientnet_lite0",
    "mobilenetv1_100",
    "mobilenetv2_100",
    "mobilenetv3_small_100",
    "densenet121",
    "alexnet",
    "googlenet",
    "bottleneck_resnet",
    "C8-P-C16-P-F-D16-D",
]

# RGB, 1000 classes. Lite: TensorFlow's release and timm's model cards; MobileNet v1: its paper.
PUBLISHED_MILLIONS = {
    "tf_efficientnet_lite0": 4.65,
    "tf_efficientnet_lite1": 5.42,
    "tf_efficientnet_lite2": 6.09,
    "tf_efficientnet_lite3": 8.20,
    "tf_efficientnet_lite4": 13.01,
    "mobilenetv1_100": 4.23,
}
# timm's name -> torchvision's, whose published counts are exact
IN_TORCHVISION = {
    "mobilenetv2_100": "mobilenet_v2",
    "mobilenetv3_small_100": "mobilenet_v3_small",
    "mobilenetv3_large_100": "mobilenet_v3_large",
}


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("backbone", SHIPPED)
def test_every_shipped_backbone_takes_grey_images_of_64_px(backbone):
    with torch.device("meta"):  # shapes only: no memory, no arithmetic
        model = zoo.build(Architecture(backbone, 64), 3)  # raises unless it gives (1, 3) logits
    stem = next(module for module in model.modules() if isinstance(module, nn.Conv2d))
    assert stem.in_channels == stem.weight.shape[1] == 1


@pytest.mark.parametrize("backbone", SMALL)
def test_logits_are_finite_and_every_parameter_learns(backbone):
    model = zoo.build(Architecture(backbone, 64), 3)
    logits = model(torch.rand(4, 1, 64, 64))
    nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2, 0])).backward()
    assert logits.shape == (4, 3)
    assert logits.isfinite().all()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def published() -> list[tuple[str, int]]:
    cases = []
    for backbone in SHIPPED:
        name = IN_TORCHVISION.get(backbone, backbone)
        if name in torchvision.models.list_models(module=torchvision.models):
            weights = torchvision.models.get_model_weights(name)
            cases.append((backbone, next(iter(weights)).meta["num_params"]))
    return cases


@pytest.mark.parametrize(("backbone", "num_parameters"), published())
def test_parameters_are_as_many_as_torchvision_publishes(backbone, num_parameters):
    classic = names.family_of(backbone) in ("vgg", "alexnet")
    with torch.device("meta"):
        model = zoo.build(
            Architecture(backbone, color="rgb", head="vgg" if classic else "linear"), 1000
        )
    assert count_parameters(model) == (num_parameters, num_parameters)


def test_torchvision_publishes_most_of_the_shipped_backbones():
    assert len(published()) == 8 + 5 + 8 + 3 + 4 + 2  # or the test above would check nothing


@pytest.mark.parametrize(("backbone", "millions"), PUBLISHED_MILLIONS.items())
def test_parameters_are_as_many_as_published(backbone, millions):
    with torch.device("meta"):
        model = zoo.build(Architecture(backbone, color="rgb"), 1000)
    assert count_parameters(model)[0] / 1e6 == pytest.approx(millions, abs=0.005)


def test_vgg_is_pooled_by_default():
    with torch.device("meta"):
        model = zoo.build(Architecture("vgg11"), 2)
    features = 9_220_480 - 2 * 9 * 64  # the published convolutions, less two stem channels
    assert count_parameters(model)[0] == features + 512 * 2 + 2


@pytest.mark.parametrize("backbone", ["vgg11", "resnet18", "googlenet"])
def test_the_global_seed_decides_the_weights(backbone):
    def weights(seed):
        torch.manual_seed(seed)
        return torch.cat([p.flatten() for p in zoo.build(Architecture(backbone), 2).parameters()])

    first, second, other = weights(1), weights(1), weights(2)
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_a_new_network_is_in_training_mode_untouched_and_channels_last():
    model = zoo.build(Architecture("resnet18", 64), 2)
    assert model.training
    assert model.bn1.num_batches_tracked == 0
    assert model.layer1[0].conv1.weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    "backbone",
    [
        "vgg11",
        "alexnet",
        "googlenet",
        "mobilenetv3_small_100",
        "bottleneck_resnet",
        "C8-F-D",
        "C8-F-D9-D",
    ],
)
def test_dropout_acts_on_the_head_in_training_only(backbone):
    model = zoo.build(Architecture(backbone, 64, dropout=0.5), 2)
    images = torch.rand(2, 1, 64, 64)
    assert not torch.equal(model(images), model(images))
    model.eval()
    assert torch.equal(model(images), model(images))


def test_a_transformer_takes_the_size_it_is_asked_for():
    model = zoo.build(Architecture("vit_tiny_patch16_224", 64), 2)
    assert model(torch.zeros(1, 1, 64, 64)).shape == (1, 2)


@pytest.mark.parametrize(
    ("backbone", "size", "message"),
    [
        ("alexnet", 32, "alexnet can't take images of 32 px .*larger image_size"),
        ("vgg11", 16, "vgg11 can't take images of 16 px"),
        ("resnet81", 64, "no backbone 'resnet81'.*did you mean"),
        ("C64-P-D128", 32, r"position 3 \(D128\)"),
    ],
)
def test_what_can_not_be_built_is_one_line(backbone, size, message):
    with pytest.raises(StudyError, match=message) as caught:
        zoo.build(Architecture(backbone, size), 2)
    assert "\n" not in str(caught.value)


@pytest.fixture
def own_module(tmp_path, monkeypatch):
    (tmp_path / "own_networks.py").write_text(
        "from torch import nn\n"
        "def tiny(num_classes, in_chans):\n"
        "    return nn.Sequential(nn.Conv2d(in_chans, 4, 3), nn.AdaptiveAvgPool2d(1),\n"
        "                         nn.Flatten(), nn.Linear(4, num_classes))\n"
        "def headless(num_classes, in_chans):\n"
        "    return nn.Conv2d(in_chans, 4, 3)\n"
        "def nothing(num_classes, in_chans):\n"
        "    return None\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return "own_networks"


def test_an_own_function_is_a_backbone(own_module):
    model = zoo.build(Architecture(f"{own_module}:tiny", 32), 3)
    assert model(torch.zeros(2, 1, 32, 32)).shape == (2, 3)
    assert names.family_of(f"{own_module}:tiny") == "tiny"


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("headless", "gives (1, 4, 30, 30) for one image, not logits of shape (1, 3)"),
        ("nothing", "returned NoneType"),
    ],
)
def test_an_own_function_without_logits_is_refused(own_module, function, message):
    with pytest.raises(StudyError, match=re.escape(message)):
        zoo.build(Architecture(f"{own_module}:{function}", 32), 3)


def test_one_logit_for_more_than_two_classes_is_refused():
    with pytest.raises(
        StudyError, match=r"resnet18 has output sigmoid.*there are 12.*softmax"
    ) as error:
        zoo.build(Architecture("resnet18", 64, output="sigmoid"), 12)
    assert "\n" not in str(error.value)


ONE_LOGIT = [
    "resnet18",
    "alexnet",
    "googlenet",
    "bottleneck_resnet",
    "C4-P-F-D",
    "own_networks:tiny",
]


@pytest.mark.parametrize("backbone", ONE_LOGIT)
def test_the_pair_of_one_logit_is_binary_cross_entropy(backbone, own_module):
    model = zoo.build(Architecture(backbone, 64, output="sigmoid"), 2)
    twin = zoo.build(Architecture(backbone, 64, output="sigmoid"), 2)
    twin.load_state_dict(model.state_dict())
    twin._forward_hooks.clear()  # the network as it is: one logit
    model.eval(), twin.eval()
    images, labels = torch.rand(4, 1, 64, 64), torch.tensor([0, 1, 1, 0])

    pair, logit = model(images), twin(images)
    assert pair.shape == (4, 2)
    assert logit.shape == (4, 1)
    torch.testing.assert_close(pair.softmax(1)[:, 1], logit[:, 0].sigmoid())
    loss = nn.functional.cross_entropy(pair, labels)
    expected = nn.functional.binary_cross_entropy_with_logits(logit[:, 0], labels.float())
    torch.testing.assert_close(loss, expected)
    loss.backward()
    expected.backward()
    for (name, one), two in zip(model.named_parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(one.grad, two.grad, msg=name)


def test_one_logit_leaves_the_names_of_tensors_as_they_are():
    two = zoo.build(Architecture("resnet18", 64), 2).state_dict()
    one = zoo.build(Architecture("resnet18", 64, output="sigmoid"), 2).state_dict()
    assert list(one) == list(two)
    assert one["fc.weight"].shape == (1, 512)
    assert two["fc.weight"].shape == (2, 512)
