import pytest
import torch
from torch import nn

from pneumoray.errors import StudyError
from pneumoray.models import zoo
from pneumoray.models.architecture import Architecture
from pneumoray.models.dense import DenseHead
from pneumoray.models.head import count_parameters

# Parameters less the classifier, RGB: published totals of torchvision (of Keras: MobileNet) less
# the classifier of 1000 classes.
FEATURES = {
    "resnet18": 11_689_512 - 513_000,
    "resnet50": 25_557_032 - 2_049_000,
    "vgg16": 14_714_688,
    "mobilenetv1_100": 3_206_976,
    "mobilenetv3_small_100": 2_542_856 - 1_025_000,
    "efficientnet_b0": 5_288_548 - 1_281_000,
    "densenet121": 7_978_856 - 1_025_000,
    "googlenet": 6_624_904 - 1_025_000,
    "alexnet": 2_469_696,
    "bottleneck_resnet": 32_433_216,
}
SMALL = ("vgg11", "resnet18", "mobilenetv3_small_100", "alexnet", "googlenet", "bottleneck_resnet")


@pytest.mark.parametrize(
    ("backbone", "fields", "head_parameters"),
    [
        ("resnet50", {"hidden": (16,)}, (2048 + 1) * 16 + 17 * 2),
        ("resnet50", {"head": "flatten"}, 2048 * 7 * 7 * 2 + 2),
        ("resnet18", {"hidden": (16, 8)}, (512 + 1) * 16 + 17 * 8 + 9 * 2),
        ("resnet18", {"head": "flatten", "image_size": 64}, 512 * 2 * 2 * 2 + 2),
        ("vgg16", {"head": "flatten", "hidden": (256,)}, (512 * 7 * 7 + 1) * 256 + 257 * 2),
        ("vgg16", {"hidden": (16,)}, 513 * 16 + 17 * 2),
        ("mobilenetv1_100", {"hidden": (16,)}, 1025 * 16 + 17 * 2),
        ("mobilenetv1_100", {"head": "flatten"}, 1024 * 7 * 7 * 2 + 2),
        ("mobilenetv3_small_100", {"head": "flatten"}, 1024 * 7 * 7 * 2 + 2),
        ("efficientnet_b0", {"hidden": (16,)}, 1281 * 16 + 17 * 2),
        ("densenet121", {"head": "flatten"}, 1024 * 7 * 7 * 2 + 2),
        ("googlenet", {"head": "flatten", "hidden": (16,)}, (1024 * 7 * 7 + 1) * 16 + 17 * 2),
        ("alexnet", {"head": "flatten", "hidden": (16,)}, (256 * 6 * 6 + 1) * 16 + 17 * 2),
        ("alexnet", {"hidden": (16,)}, 257 * 16 + 17 * 2),
        ("bottleneck_resnet", {"head": "flatten"}, 2048 * 7 * 7 * 2 + 2),
        ("resnet50", {"hidden": (16,), "output": "sigmoid"}, 2049 * 16 + 17),
    ],
)
def test_parameters_are_as_many_as_counted_by_hand(backbone, fields, head_parameters):
    with torch.device("meta"):
        model = zoo.build(Architecture(backbone, color="rgb", **fields), 2)
    expected = FEATURES[backbone] + head_parameters
    assert count_parameters(model) == (expected, expected)


def test_resnet50_under_the_small_head_has_23_540_850_parameters():
    with torch.device("meta"):
        model = zoo.build(Architecture("resnet50", color="rgb", hidden=(16,), dropout=0.5), 2)
    assert count_parameters(model)[0] == 23_540_850


def test_a_dense_head_is_hidden_layers_dropout_and_the_last_layer():
    head = DenseHead(12, (5, 4), 0.5, 3)
    kinds = [nn.Flatten, nn.Linear, nn.ReLU, nn.Linear, nn.ReLU, nn.Dropout, nn.Linear]
    assert [type(layer) for layer in head] == kinds
    assert [tuple(p.shape) for p in head.parameters()] == [
        (5, 12),
        (5,),
        (4, 5),
        (4,),
        (3, 4),
        (3,),
    ]
    assert head(torch.zeros(2, 3, 2, 2)).shape == head(torch.zeros(2, 12)).shape == (2, 3)


@pytest.mark.parametrize("backbone", SMALL)
@pytest.mark.parametrize("head", ["linear", "flatten"])
def test_every_parameter_learns_under_a_dense_head(backbone, head):
    torch.manual_seed(0)
    model = zoo.build(Architecture(backbone, 64, head=head, hidden=(16,), dropout=0.1), 3)
    nn.functional.cross_entropy(model(torch.rand(4, 1, 64, 64)), torch.arange(4) % 3).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("backbone", [*SMALL, "densenet121", "efficientnet_b0"])
def test_dropout_acts_once_before_the_last_layer(backbone):
    with torch.device("meta"):
        model = zoo.build(Architecture(backbone, 64, hidden=(16,), dropout=0.5), 2)
    assert [m.p for m in model.modules() if isinstance(m, nn.Dropout) and m.p] == [0.5]
    assert not getattr(model, "drop_rate", 0)
    (head,) = (module for module in model.modules() if isinstance(module, DenseHead))
    assert isinstance(head[-2], nn.Dropout)


def test_flatten_reads_the_feature_map_as_it_is():
    torch.manual_seed(0)
    model = zoo.build(Architecture("resnet18", 64, head="flatten"), 2).eval()
    images = torch.rand(2, 1, 64, 64)
    features = model.forward_features(images)
    assert features.shape == (2, 512, 2, 2)
    expected = features.reshape(2, 2048) @ model.fc[-1].weight.T + model.fc[-1].bias
    torch.testing.assert_close(model(images), expected)


def test_a_transformer_takes_hidden_layers_and_has_no_map_to_flatten():
    with torch.device("meta"):
        model = zoo.build(Architecture("vit_tiny_patch16_224", hidden=(16,)), 2)
        assert count_parameters(model.head)[0] == 193 * 16 + 17 * 2
        with pytest.raises(
            StudyError, match=r"vit_tiny.* can't have head 'flatten' .*resnet.* can"
        ) as e:
            zoo.build(Architecture("vit_tiny_patch16_224", head="flatten"), 2)
    assert "\n" not in str(e.value)
