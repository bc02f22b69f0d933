import pytest
import torch
from torch import nn

from pneumoray.errors import StudyError
from pneumoray.models import head, zoo


def test_count_parameters_tells_frozen_ones_apart():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    model[0].requires_grad_(False)
    assert head.count_parameters(model) == (3 * 4 + 4 + 4 * 2 + 2, 4 * 2 + 2)


@pytest.mark.parametrize(
    ("backbone", "kind", "prefix"),
    [
        ("vgg11", "linear", "head.fc."),
        ("vgg11", "vgg", "head.fc."),
        ("resnet18", "linear", "fc."),
        ("efficientnet_b0", "linear", "classifier."),
        ("alexnet", "linear", "classifier.1."),
        ("alexnet", "vgg", "classifier.6."),
        ("googlenet", "linear", "fc."),
    ],
)
def test_the_classifier_is_the_layer_that_gives_the_logits(backbone, kind, prefix):
    with torch.device("meta"):
        model = zoo.build(backbone, 5, 1, head=kind)
    assert head.classifier_prefixes(model) == (prefix,)
    assert model.state_dict()[f"{prefix}weight"].shape[0] == 5


def test_the_classic_head_of_vgg_takes_small_images():
    model = zoo.build("vgg11", 2, 1, head="vgg", image_size=64)
    assert model(torch.zeros(2, 1, 64, 64)).shape == (2, 2)
    assert head.count_parameters(model)[0] > 100e6


@pytest.mark.parametrize(
    ("kind", "backbone", "message"),
    [
        ("mlp", "vgg11", "no head 'mlp'; choose linear or vgg"),
        ("vgg", "resnet18", "resnet18 has no head 'vgg'.*use head: linear"),
    ],
)
def test_heads_that_are_not_there_are_refused(kind, backbone, message):
    with pytest.raises(StudyError, match=message):
        head.check_head(kind, backbone)
