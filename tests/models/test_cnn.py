import math
import warnings

import pytest
import torch
from torch import nn

from pneumoray.models import cnn, layers
from pneumoray.models.architecture import Architecture


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize(
    "architecture",
    [
        Architecture("C4-C4-P-C8-C8-P-F-D16-D", 16),
        Architecture("C-P-C-P-C-F-D-D-D", 23, "rgb", filters=(3, 5), units=7, batch_norm=True),
        Architecture("C4-P-C4-F-D", 17, kernel_size=4, output="sigmoid"),
        Architecture("C4-C4-P-F-D", 17, kernel_size=5, padding="valid"),
        Architecture("F-D", 8),
    ],
)
def test_the_network_is_what_the_table_says(architecture):
    described = layers.describe(architecture, 2)
    features = torch.rand(3, architecture.in_chans, *[architecture.image_size] * 2)
    model = cnn.build(architecture, 2)
    assert len(model) == len(described)
    for layer, module in zip(described, model, strict=True):
        features = module(features)
        assert tuple(features.shape[1:]) == layer.shape
        assert sum(p.numel() for p in module.parameters()) == layer.parameters


def test_modules_are_named_by_letter_and_position():
    model = cnn.build(Architecture("C4-P-F-D8-D", 8, batch_norm=True), 2)
    assert [name for name, _ in model.named_children()] == ["c1", "p2", "f3", "d4", "d5"]
    assert "c1.convolution.weight" in model.state_dict()
    assert [name for name, _ in model.c1.named_children()] == ["convolution", "norm", "activation"]
    assert [name for name, _ in model.d4.named_children()] == ["dense", "activation", "dropout"]


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4, 5])
def test_same_padding_is_torchs_own(kernel_size):
    model = cnn.build(Architecture("C4-F-D", 9, kernel_size=kernel_size), 2)
    convolution = model.c1.convolution
    images = torch.rand(2, 1, 9, 9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns that an even kernel costs a copy
        expected = nn.functional.conv2d(
            images, convolution.weight, convolution.bias, padding="same"
        ).relu()
    torch.testing.assert_close(model.c1(images), expected)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "elu", "gelu", "silu", "tanh"])
def test_every_activation_is_torchs_function_of_that_name(name):
    model = cnn.build(Architecture("C4-F-D8-D", 8, activation=name), 2)
    function = getattr(nn.functional, name, torch.tanh)
    features = torch.randn(10)
    for module in (model.c1.activation, model.d3.activation):
        torch.testing.assert_close(module(features), function(features))


@pytest.mark.parametrize(
    ("string", "expected"),
    [("C4-F-D", {"d3": 0.4}), ("C4-F-D8-D8-D", {"d3": 0.4, "d4": 0.4})],
)
def test_dropout_stands_once_before_each_layer_that_reads_dense_features(string, expected):
    model = cnn.build(Architecture(string, 8, dropout=0.4), 2)
    found = {
        name: part.p
        for name, module in model.named_children()
        for part in module.children()
        if isinstance(part, nn.Dropout) and part.p
    }
    assert found == expected


def test_signals_keep_their_size_through_many_layers():
    model = cnn.build(Architecture("-".join(["C64"] * 8) + "-F-D", 16), 2)
    with torch.no_grad():
        features = model[:8](torch.randn(4, 1, 16, 16))
    assert 0.3 < float(features.square().mean().sqrt()) < 3
    weight = model.c2.convolution.weight.detach()
    assert float(weight.std()) == pytest.approx(math.sqrt(2 / (64 * 9)), rel=0.05)
    assert not model.c2.convolution.bias.any()
