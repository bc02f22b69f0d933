"""A residual network of bottleneck blocks, [3, 4, 6, 5] of them, built by hand.

He et al., Deep Residual Learning for Image Recognition (2016), with two more blocks at the end than
ResNet-50 has, and the stride of a stage's first block on its 3 x 3 convolution, as usual today.
"""

from torch import Tensor, nn

NUM_BLOCKS = (3, 4, 6, 5)
FILTERS = (64, 128, 256, 512)
EXPANSION = 4  # of the last convolution of a block


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3 and 1 x 1 convolutions beside a skip: (B, C, H, W) to (B, 4 F, H/s, W/s).

    The skip is the identity where shapes allow it, else a projection by a 1 x 1 convolution.
    """

    def __init__(self, in_chans: int, filters: int, stride: int) -> None:
        super().__init__()
        out_chans = EXPANSION * filters
        self.conv1 = nn.Conv2d(in_chans, filters, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        self.conv3 = nn.Conv2d(filters, out_chans, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_chans)
        self.relu = nn.ReLU(inplace=True)
        self.skip: nn.Module = nn.Identity()
        if stride != 1 or in_chans != out_chans:
            projection = nn.Conv2d(in_chans, out_chans, 1, stride, bias=False)
            self.skip = nn.Sequential(projection, nn.BatchNorm2d(out_chans))

    def forward(self, images: Tensor) -> Tensor:
        features = self.relu(self.bn1(self.conv1(images)))
        features = self.relu(self.bn2(self.conv2(features)))
        return self.relu(self.bn3(self.conv3(features)) + self.skip(images))


class BottleneckResNet(nn.Module):
    """A stem of stride 4, four stages, global average pooling, dropout and one linear layer."""

    def __init__(self, num_logits: int, in_chans: int, dropout: float) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(in_chans, FILTERS[0], 7, stride=2, padding=3, bias=False),
            nn.BatchNorm2d(FILTERS[0]),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        width = FILTERS[0]
        for i, (num_blocks, filters) in enumerate(zip(NUM_BLOCKS, FILTERS, strict=True), start=1):
            blocks = []
            for j in range(num_blocks):
                stride = 2 if j == 0 and i > 1 else 1
                blocks.append(Bottleneck(width, filters, stride))
                width = EXPANSION * filters
            self.add_module(f"layer{i}", nn.Sequential(*blocks))
        self.avgpool: nn.Module = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.fc: nn.Module = nn.Linear(width, num_logits)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) to logits (B, num_logits)."""
        features = self.stem(images)
        for i in range(1, len(NUM_BLOCKS) + 1):
            features = self.get_submodule(f"layer{i}")(features)
        return self.fc(self.dropout(self.avgpool(features).flatten(1)))
