"""Classifier heads: global pooling with one linear layer, or VGG's classic two layers of 4096."""

from typing import Any

from torch import nn

from pneumoray.errors import StudyError
from pneumoray.models import names

HEADS = ("linear", "vgg")
CLASSIC_FAMILIES = ("vgg", "alexnet")  # published with the 4096-wide head

# First words of tensor names that belong to a head, in timm and torchvision ("aux": GoogLeNet's).
HEAD_WORDS = ("head", "fc", "classifier", "pre_logits", "last_linear", "aux1", "aux2")


def check_head(head: str, backbone: str) -> None:
    """Raise StudyError unless `backbone` can be built with `head`."""
    if head not in HEADS:
        raise StudyError(f"there is no head {head!r}; choose {' or '.join(HEADS)}")
    if head == "vgg" and names.family_of(backbone) not in CLASSIC_FAMILIES:
        raise StudyError(
            f"{backbone} has no head 'vgg' (only {' and '.join(CLASSIC_FAMILIES)} have); "
            "use head: linear"
        )


def pool_vgg(model: Any, num_classes: int, dropout: float) -> None:
    """Give timm's VGG global pooling and one linear layer instead of its 4096-wide head.

    That is 9 million parameters for VGG-11 instead of 129, and 3 times the speed at 64 px.
    """
    from timm.layers import ClassifierHead

    model.pre_logits = nn.Identity()
    model.head = ClassifierHead(model.num_features, num_classes, drop_rate=dropout)
    model.head_hidden_size = model.num_features
    _init_linear(model.head.fc)


def pool_alexnet(model: Any, num_classes: int, dropout: float) -> None:
    """Give torchvision's AlexNet global pooling and one linear layer."""
    linear = nn.Linear(256, num_classes)
    _init_linear(linear)
    model.avgpool = nn.AdaptiveAvgPool2d(1)
    model.classifier = nn.Sequential(nn.Dropout(dropout), linear)


def _init_linear(linear: nn.Linear) -> None:
    nn.init.normal_(linear.weight, 0, 0.01)  # as timm and torchvision start VGG's linear layers
    nn.init.zeros_(linear.bias)


def classifier_prefixes(model: nn.Module) -> tuple[str, ...]:
    """Name prefixes of the layer(s) that give the logits: ('head.fc.',) for VGG.

    Models of timm say it themselves; elsewhere it is the last linear or convolutional layer.
    """
    get_classifier: Any = getattr(model, "get_classifier", None)
    if get_classifier:
        final = get_classifier()
    else:
        final = [m for m in model.modules() if isinstance(m, nn.Linear | nn.Conv2d)][-1:]
    finals = final if isinstance(final, tuple | list) else (final,)
    return tuple(f"{name}." for name, m in model.named_modules() if any(m is f for f in finals))


def count_parameters(model: nn.Module) -> tuple[int, int]:
    """Numbers of parameters of `model`: (total, trainable)."""
    parameters = list(model.parameters())
    return sum(p.numel() for p in parameters), sum(p.numel() for p in parameters if p.requires_grad)
