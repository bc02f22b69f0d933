import itertools
import subprocess
import sys

import pytest
import torch
from torch import nn

from pneumoray.errors import StudyError
from pneumoray.models import freeze, names, zoo
from pneumoray.models.architecture import Architecture
from pneumoray.models.head import count_parameters, head_prefixes

SHIPPED = [backbone for family in names.FAMILIES.values() for backbone in family]
AFTER_THE_STAGES = ("conv_head.", "bn2.")  # of EfficientNet and MobileNet


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def on_paper(backbone, **fields):
    with torch.device("meta"):
        return zoo.build(Architecture(backbone, color="rgb", **fields), 2)


@pytest.mark.parametrize("backbone", SHIPPED)
def test_the_tables_of_stages_hold_every_parameter_in_the_order_of_the_network(backbone):
    model = on_paper(backbone)
    table = names.stages(backbone)
    modules = [module for stage in table.values() for module in stage]
    found = [
        name
        for module in modules
        for name, _ in model.get_submodule(module).named_parameters(module)
    ]
    left_out = (*head_prefixes(model), *AFTER_THE_STAGES)
    assert found == [n for n, _ in model.named_parameters() if not n.startswith(left_out)]


@pytest.mark.parametrize(
    ("backbone", "stages"),
    [
        ("resnet50", "stem layer1 layer2 layer3 layer4"),
        ("resnet18.a1_in1k", "stem layer1 layer2 layer3 layer4"),
        ("resnext50_32x4d", "stem layer1 layer2 layer3 layer4"),
        ("bottleneck_resnet", "stem layer1 layer2 layer3 layer4"),
        ("vgg16_bn", "block1 block2 block3 block4 block5"),
        ("efficientnet_b3", "stem " + " ".join(f"blocks.{i}" for i in range(7))),
        ("mobilenetv1_100", "stem " + " ".join(f"blocks.{i}" for i in range(5))),
        ("densenet121", "stem denseblock1 denseblock2 denseblock3 denseblock4"),
        ("alexnet", "conv1 conv2 conv3 conv4 conv5"),
        ("googlenet", "stem inception3 inception4 inception5"),
        ("convnext_atto", "stem.0 stem.1 stages.0 stages.1 stages.2 stages.3"),  # no table: asked
        ("C8-F-D", ""),
    ],
)
def test_stages_of(backbone, stages):
    assert freeze.stages_of(backbone) == tuple(stages.split())


RESNET18 = {
    "stem": 3 * 64 * 49 + 2 * 64,
    "layer1": 4 * 64 * 64 * 9 + 4 * 2 * 64,
    "layer2": (64 + 3 * 128) * 128 * 9 + 64 * 128 + 5 * 2 * 128,
    "layer3": (128 + 3 * 256) * 256 * 9 + 128 * 256 + 5 * 2 * 256,
    "layer4": (256 + 3 * 512) * 512 * 9 + 256 * 512 + 5 * 2 * 512,
}
VGG11_BN = {  # weights, a bias, and a scale and a shift
    "block1": (3 * 9 + 3) * 64,
    "block2": (64 * 9 + 3) * 128,
    "block3": (128 * 9 + 3) * 256 + (256 * 9 + 3) * 256,
    "block4": (256 * 9 + 3) * 512 + (512 * 9 + 3) * 512,
    "block5": 2 * (512 * 9 + 3) * 512,
}


def separable(*widths):
    """Depthwise 3 x 3 and pointwise convolutions from width to width, with batch norms."""
    pairs = itertools.pairwise(widths)
    return sum(9 * a + 2 * a + a * b + 2 * b for a, b in pairs)


MOBILENET = {
    "stem": 3 * 32 * 9 + 2 * 32,
    "blocks.0": separable(32, 64),
    "blocks.1": separable(64, 128, 128),
    "blocks.2": separable(128, 256, 256),
    "blocks.3": separable(256, *[512] * 6),
    "blocks.4": separable(512, 1024, 1024),
}


@pytest.mark.parametrize(
    ("backbone", "stages", "width"),
    [
        ("resnet18", RESNET18, 512),
        ("vgg11_bn", VGG11_BN, 512),
        ("mobilenetv1_100", MOBILENET, 1024),
    ],
)
def test_parameters_total_and_trainable_by_hand(backbone, stages, width):
    head = (width + 1) * 2
    trainable = total = sum(stages.values()) + head
    for stage, parameters in stages.items():
        model = on_paper(backbone)
        freeze.freeze(model, backbone, stage)
        trainable -= parameters
        assert count_parameters(model) == (total, trainable), stage
    assert trainable == head
    for stage, expected in (("none", total), ("backbone", head)):
        model = on_paper(backbone)
        freeze.freeze(model, backbone, stage)
        assert count_parameters(model) == (total, expected)


@pytest.mark.parametrize(
    ("backbone", "fields", "head_parameters"),
    [
        ("resnet50", {"hidden": (16,)}, 2049 * 16 + 17 * 2),
        ("vgg11", {"head": "vgg"}, 25_089 * 4096 + 4097 * 4096 + 4097 * 2),
        ("alexnet", {"head": "vgg"}, 9_217 * 4096 + 4097 * 4096 + 4097 * 2),
        ("alexnet", {}, 257 * 2),
        ("googlenet", {"head": "flatten"}, 1024 * 49 * 2 + 2),
        ("efficientnet_b0", {}, 1281 * 2),
        ("mobilenetv3_small_100", {}, 1025 * 2),
        ("densenet121", {"output": "sigmoid"}, 1025),
        ("bottleneck_resnet", {"hidden": (16,), "output": "sigmoid"}, 2049 * 16 + 17),
        ("vit_tiny_patch16_224", {}, 193 * 2),
        ("convnext_atto", {}, 2 * 320 + 321 * 2),  # its norm belongs to its head
    ],
)
def test_with_the_backbone_frozen_the_head_alone_is_trained(backbone, fields, head_parameters):
    model = on_paper(backbone, **fields)
    total = count_parameters(model)[0]
    freeze.freeze(model, backbone, "backbone")
    assert count_parameters(model) == (total, head_parameters)


@pytest.mark.parametrize(
    ("backbone", "more"),
    [("resnet50", set()), ("resnetrs50", {"maxpool"})],  # with a convolution
)
def test_layer2_of_a_resnet_freezes_what_comes_before_too(backbone, more):
    model = on_paper(backbone)
    freeze.freeze(model, backbone, "layer2")
    live = {name.split(".")[0] for name, p in model.named_parameters() if p.requires_grad}
    frozen = {name.split(".")[0] for name, p in model.named_parameters() if not p.requires_grad}
    assert frozen == {"conv1", "bn1", "layer1", "layer2"} | more
    assert live == {"layer3", "layer4", "fc"}


BATCH_NORM_AND_DROPOUT = nn.BatchNorm2d | nn.Dropout


@pytest.mark.parametrize(
    ("backbone", "stage"),
    [("resnet18", "layer2"), ("vgg11_bn", "block3"), ("densenet121", "backbone")],
)
def test_frozen_batch_norms_stay_in_evaluation_mode_and_the_others_follow(backbone, stage):
    model = on_paper(backbone, dropout=0.5)
    freeze.freeze(model, backbone, stage)
    frozen = {m for m in model.modules() if [p for p in m.parameters() if not p.requires_grad]}
    for mode in (True, False, True):
        model.train(mode)
        for module in model.modules():
            if isinstance(module, BATCH_NORM_AND_DROPOUT):
                assert module.training == (mode and module not in frozen)


def test_dropout_inside_the_frozen_front_is_off_and_that_of_the_head_is_on():
    model = on_paper("convnext_atto", dropout=0.5)
    model.stages[0].add_module("dropout", nn.Dropout(0.5))
    freeze.freeze(model, "convnext_atto", "stages.1")
    model.train()
    assert not model.stages[0].dropout.training
    assert model.head.drop.training


@pytest.mark.parametrize(
    ("backbone", "stage", "last_frozen", "first_live"),
    [
        ("resnet18", "layer2", "layer2", "layer3"),
        ("vgg11_bn", "block2", "features.6", "features.8"),
        ("efficientnet_b0", "blocks.1", "blocks.1", "blocks.2"),
        ("alexnet", "conv2", "features.3", "features.6"),
        ("googlenet", "inception3", "inception3b", "inception4a"),
        ("bottleneck_resnet", "stem", "stem", "layer1"),
        ("vit_tiny_patch16_224", "blocks.3", "blocks.3", "blocks.4"),
        ("densenet121", "denseblock2", "features.transition2", "features.denseblock3"),
    ],
)
def test_no_graph_is_built_over_the_frozen_front(backbone, stage, last_frozen, first_live):
    model = zoo.build(Architecture(backbone, 64), 2)
    freeze.freeze(model, backbone, stage)
    built = {}
    for name in (last_frozen, first_live):
        model.get_submodule(name).register_forward_hook(
            lambda module, images, features, name=name: built.update({name: features.requires_grad})
        )
    model.train()(torch.rand(2, 1, 64, 64)).sum().backward()
    assert built == {last_frozen: False, first_live: True}


@pytest.mark.parametrize(
    ("backbone", "stage", "message"),
    [
        ("resnet50", "conv3_x", "no stage 'conv3_x'.*none, backbone, stem, layer1, layer2, layer3"),
        ("vgg16", "layer2", "vgg16 has no stage 'layer2'.*block1, block2, block3, block4, block5"),
        ("mobilenetv1_100", "blocks.5", "no stage 'blocks.5'.*blocks.3, blocks.4$"),
        ("C64-P-F-D", "backbone", "C64-P-F-D is a layer string; use freeze: none"),
        ("C64-P-F-D", "c1", "C64-P-F-D is a layer string; use freeze: none"),
        ("math:floor", "stem", "math:floor can't be asked for its stages"),
    ],
)
def test_a_stage_that_is_not_there_is_refused_in_one_line(backbone, stage, message):
    with pytest.raises(StudyError, match=message) as error:
        freeze.check_freeze(backbone, stage)
    assert "\n" not in str(error.value)


def test_nothing_is_refused_of_what_is_there():
    for backbone, stage in (("C64-P-F-D", "none"), ("vgg16", "backbone"), ("resnet50", "layer2")):
        freeze.check_freeze(backbone, stage)


def test_checking_a_named_stage_needs_no_torch():
    code = (
        "import sys; from pneumoray.models import freeze; freeze.check_freeze('resnet50', 'layer2');"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.fixture
def own_backbone(tmp_path, monkeypatch):
    (tmp_path / "own_stages.py").write_text(
        "from torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self, num_classes, in_chans):\n"
        "        super().__init__()\n"
        "        self.front = nn.Conv2d(in_chans, 4, 3)\n"
        "        self.middle = nn.Sequential(nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3))\n"
        "        self.end = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(),\n"
        "                                 nn.Linear(4, 4), nn.Linear(4, num_classes))\n"
        "    def forward(self, images):\n"
        "        return self.end(self.middle(self.front(images)))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return "own_stages:Net"


def test_an_own_backbone_is_asked_for_its_modules(own_backbone):
    assert freeze.stages_of(own_backbone) == ("front", "middle.0", "middle.2", "end.2")
    model = zoo.build(Architecture(own_backbone, 16), 2)
    freeze.freeze(model, own_backbone, "middle.0")
    assert count_parameters(model) == (40 + 8 + 148 + 20 + 10, 148 + 20 + 10)
    assert not model.train().middle[0].training
    assert model.middle[2].training


def test_of_an_own_backbone_all_but_the_last_layer_can_be_frozen(own_backbone):
    model = zoo.build(Architecture(own_backbone, 16), 2)
    freeze.freeze(model, own_backbone, "backbone")
    assert [n for n, p in model.named_parameters() if p.requires_grad] == [
        "end.3.weight",
        "end.3.bias",
    ]
