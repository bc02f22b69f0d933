"""Heads that are built here: dense layers in place of a network's own."""

import itertools
from typing import Any

from torch import nn

from pneumoray.errors import StudyError
from pneumoray.models import names
from pneumoray.models.architecture import Architecture

# Networks that are not timm's: what pools, and what gives the logits.
PARTS = {
    "alexnet": ("avgpool", "classifier"),
    "googlenet": ("avgpool", "fc"),
    names.BOTTLENECK: ("avgpool", "fc"),
}


class DenseHead(nn.Sequential):
    """Hidden layers with ReLU, dropout, and the layer that gives the logits.

    Takes (B, in_features), or a feature map of as many values, which it flattens.
    """

    def __init__(
        self, in_features: int, hidden: tuple[int, ...], dropout: float, num_logits: int
    ) -> None:
        widths = (in_features, *hidden)
        layers: list[nn.Module] = [nn.Flatten()]
        for width, next_width in itertools.pairwise(widths):
            layers += [nn.Linear(width, next_width), nn.ReLU()]
        super().__init__(*layers, nn.Dropout(dropout), nn.Linear(widths[-1], num_logits))


def is_asked(architecture: Architecture) -> bool:
    """Whether the architecture has a DenseHead instead of the network's own last layer."""
    return architecture.head == "flatten" or bool(architecture.hidden)


def remove_head(model: Any, architecture: Architecture) -> str:
    """Make `model` give features, and return the name of the module where a DenseHead goes.

    The features are pooled, unless the head is 'flatten'. Raises StudyError where that can't be.
    """
    flatten = architecture.head == "flatten"
    if parts := PARTS.get(architecture.backbone):
        pool, slot = parts
        model.set_submodule(slot, nn.Identity())
        if flatten:
            model.set_submodule(pool, nn.Identity())
        return slot
    try:
        model.reset_classifier(0, *([""] if flatten else []))
        empty = model.get_classifier()
    except Exception as error:  # each network of timm has its own idea of what it can't
        raise no_place(
            architecture, f"timm: {(str(error) or repr(error)).splitlines()[0]}"
        ) from error
    slots = [name for name, module in model.named_modules() if module is empty]
    if len(slots) != 1 or not isinstance(empty, nn.Identity):
        raise no_place(architecture, "it has not one last layer")
    return slots[0]


def no_place(architecture: Architecture, reason: str) -> StudyError:
    asked = "flatten" if architecture.head == "flatten" else "linear"
    hidden = f" and hidden {list(architecture.hidden)}" if architecture.hidden else ""
    return StudyError(
        f"{architecture.backbone} can't have head {asked!r}{hidden} ({reason}); "
        f"{', '.join(names.FAMILIES)} can"
    )


def pool_vgg(model: Any, num_logits: int, dropout: float) -> None:
    """Give timm's VGG global pooling and one linear layer instead of its 4096-wide head.

    That is 9 million parameters for VGG-11 instead of 129, and 3 times the speed at 64 px.
    """
    from timm.layers import ClassifierHead

    model.pre_logits = nn.Identity()
    model.head = ClassifierHead(model.num_features, num_logits, drop_rate=dropout)
    model.head_hidden_size = model.num_features
    _init_linear(model.head.fc)


def pool_alexnet(model: Any, num_logits: int, dropout: float) -> None:
    """Give torchvision's AlexNet global pooling and one linear layer."""
    linear = nn.Linear(256, num_logits)
    _init_linear(linear)
    model.avgpool = nn.AdaptiveAvgPool2d(1)
    model.classifier = nn.Sequential(nn.Dropout(dropout), linear)


def _init_linear(linear: nn.Linear) -> None:
    nn.init.normal_(linear.weight, 0, 0.01)  # as timm and torchvision start VGG's linear layers
    nn.init.zeros_(linear.bias)
