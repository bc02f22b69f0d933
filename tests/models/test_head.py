import subprocess
import sys

import pytest
import torch
from torch import nn

from pneumoray.errors import StudyError
from pneumoray.models import head, zoo
from pneumoray.models.architecture import Architecture


def test_count_parameters_tells_frozen_ones_apart():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    model[0].requires_grad_(False)
    assert head.count_parameters(model) == (3 * 4 + 4 + 4 * 2 + 2, 4 * 2 + 2)


@pytest.mark.parametrize(
    ("backbone", "kind", "hidden", "prefix", "last"),
    [
        ("vgg11", "linear", (), "head.fc.", "weight"),
        ("vgg11", "vgg", (), "head.fc.", "weight"),
        ("vgg11", "flatten", (16,), "head.fc.", "4.weight"),
        ("resnet18", "linear", (), "fc.", "weight"),
        ("resnet18", "linear", (16, 8), "fc.", "6.weight"),
        ("efficientnet_b0", "linear", (), "classifier.", "weight"),
        ("efficientnet_b0", "linear", (16,), "classifier.", "4.weight"),
        ("alexnet", "linear", (), "classifier.1.", "weight"),
        ("alexnet", "vgg", (), "classifier.6.", "weight"),
        ("alexnet", "flatten", (), "classifier.", "2.weight"),
        ("googlenet", "linear", (), "fc.", "weight"),
        ("googlenet", "linear", (16,), "fc.", "4.weight"),
        ("bottleneck_resnet", "linear", (), "fc.", "weight"),
        ("bottleneck_resnet", "flatten", (16,), "fc.", "4.weight"),
        ("C8-P-F-D16-D", "linear", (), "d5.dense.", "weight"),
    ],
)
def test_the_classifier_is_what_gives_the_logits(backbone, kind, hidden, prefix, last):
    with torch.device("meta"):
        model = zoo.build(Architecture(backbone, head=kind, hidden=hidden), 5)
    assert head.classifier_prefixes(model) == (prefix,)
    assert model.state_dict()[f"{prefix}{last}"].shape[0] == 5
    assert list(model.state_dict())[-2] == f"{prefix}{last}"


def test_the_classic_head_of_vgg_takes_small_images():
    model = zoo.build(Architecture("vgg11", 64, head="vgg"), 2)
    assert model(torch.zeros(2, 1, 64, 64)).shape == (2, 2)
    assert head.count_parameters(model)[0] > 100e6


@pytest.mark.parametrize(
    ("kind", "backbone", "hidden", "message"),
    [
        ("mlp", "vgg11", (), "no head 'mlp'; choose linear, flatten, vgg"),
        ("vgg", "resnet18", (), "resnet18 has no head 'vgg'.*use head: linear"),
        ("vgg", "vgg11", (16,), r"head 'vgg' of vgg11 .* hidden \[16\]"),
        ("flatten", "C64-P-F-D", (), "layer string C64-P-F-D .* no head 'flatten'"),
        ("linear", "C64-P-F-D", (16,), r"layer string C64-P-F-D .* no hidden \[16\]"),
        ("linear", "own_networks:tiny", (16,), r"own backbone own_networks:tiny .* no hidden"),
    ],
)
def test_heads_that_are_not_there_are_refused(kind, backbone, hidden, message):
    with pytest.raises(StudyError, match=message) as error:
        head.check_head(kind, backbone, hidden)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("kind", "backbone", "hidden"),
    [("linear", "C64-P-F-D", ()), ("vgg", "alexnet", ()), ("flatten", "resnet50", (16, 8))],
)
def test_heads_that_are_there_pass(kind, backbone, hidden):
    head.check_head(kind, backbone, hidden)


def test_checking_a_head_needs_no_torch():
    code = (
        "import sys; from pneumoray.models import head; head.check_head('flatten', 'vgg16', (16,));"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
