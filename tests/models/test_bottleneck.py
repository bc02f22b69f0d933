import pytest
import torch
from torchvision.models.resnet import Bottleneck as TorchvisionBottleneck
from torchvision.models.resnet import ResNet

from pneumoray.models.bottleneck import Bottleneck, BottleneckResNet


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return BottleneckResNet(1, 3, dropout=0.0).eval()


def test_parameters_by_hand():
    def block(in_chans, filters):
        """Three convolutions without bias, each with a scale and a shift for every filter."""
        convolutions = in_chans * filters + 9 * filters**2 + filters * 4 * filters
        return convolutions + 2 * (filters + filters + 4 * filters)

    def stage(in_chans, filters, num_blocks):
        projection = in_chans * 4 * filters + 2 * 4 * filters
        identity_blocks = (num_blocks - 1) * block(4 * filters, filters)
        return block(in_chans, filters) + projection + identity_blocks

    expected = 3 * 49 * 64 + 2 * 64  # stem
    expected += stage(64, 64, 3) + stage(256, 128, 4) + stage(512, 256, 6) + stage(1024, 512, 5)
    expected += 2048 + 1  # one logit
    with torch.device("meta"):
        model = BottleneckResNet(1, 3, dropout=0.0)
    assert sum(p.numel() for p in model.parameters()) == expected == 32_435_265


def test_logits_are_those_of_torchvisions_blocks_with_the_same_weights(model):
    reference = ResNet(TorchvisionBottleneck, [3, 4, 6, 5], num_classes=1).eval()
    theirs = {
        name.replace("stem.0.", "conv1.")
        .replace("stem.1.", "bn1.")
        .replace("skip", "downsample"): t
        for name, t in model.state_dict().items()
    }
    reference.load_state_dict(theirs)
    images = torch.rand(2, 3, 90, 90)
    with torch.no_grad():
        torch.testing.assert_close(model(images), reference(images))


def test_shapes_of_the_stages_at_180_px(model):
    shapes = []
    features = torch.zeros(1, 3, 180, 180)
    with torch.no_grad():
        for stage in (model.stem, model.layer1, model.layer2, model.layer3, model.layer4):
            features = stage(features)
            shapes.append(tuple(features.shape[1:]))
    assert shapes == [(64, 45, 45), (256, 45, 45), (512, 23, 23), (1024, 12, 12), (2048, 6, 6)]


def test_the_first_block_of_a_stage_projects_and_the_others_are_identities(model):
    for stage in (model.layer1, model.layer2, model.layer3, model.layer4):
        projects = [any(True for _ in block.skip.parameters()) for block in stage]
        assert projects == [True] + [False] * (len(stage) - 1)


def test_a_block_whose_convolutions_give_nothing_lets_its_input_pass():
    block = Bottleneck(256, 64, stride=1).eval()
    torch.nn.init.zeros_(block.bn3.weight)
    images = torch.randn(2, 256, 8, 8)
    assert torch.equal(block(images), images.relu())


@pytest.mark.parametrize(("num_logits", "in_chans"), [(84, 1), (1, 3)])
def test_any_number_of_logits_and_channels(num_logits, in_chans):
    model = BottleneckResNet(num_logits, in_chans, dropout=0.5).eval()
    assert model(torch.zeros(2, in_chans, 64, 64)).shape == (2, num_logits)
