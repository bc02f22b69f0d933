"""From a backbone's name to a module that gives logits."""

from typing import Any

import torch
from torch import nn

from pneumoray.errors import StudyError
from pneumoray.models import head as heads
from pneumoray.models import names


def build(
    backbone: str,
    num_classes: int,
    in_chans: int,
    *,
    head: str = "linear",
    dropout: float = 0.0,
    image_size: int = 224,
) -> nn.Module:
    """A network with random weights, drawn from torch's global generator, in channels_last.

    It maps (B, in_chans, image_size, image_size) float32 to logits (B, num_classes); one image
    of zeros is sent through to be sure. `head`: 'linear' is global pooling and one linear layer,
    'vgg' the classic 4096-wide head of VGG and AlexNet.

    Raises StudyError for an unknown backbone or head, or images too small for the network.
    """
    names.check_backbone(backbone)
    heads.check_head(head, backbone)
    if ":" in backbone:
        model = _own(backbone, num_classes, in_chans)
    elif backbone in names.TORCHVISION:
        model = _from_torchvision(backbone, num_classes, in_chans, head, dropout)
    else:
        model = _from_timm(
            backbone, num_classes, in_chans, head=head, dropout=dropout, image_size=image_size
        )
    model = model.to(memory_format=torch.channels_last)
    _check_logits(model, backbone, num_classes, in_chans, image_size)
    return model


def fold_rgb(weight: torch.Tensor) -> torch.Tensor:
    """A stem's weight (out, 3, h, w) as one for grey (out, 1, h, w), by summing over the colours.

    On grey g it gives what the RGB stem gives on (g, g, g). Random weights keep the variance
    that fits their smaller fan-in.
    """
    return weight.sum(dim=1, keepdim=True)


def _from_timm(
    backbone: str, num_classes: int, in_chans: int, *, head: str, dropout: float, image_size: int
) -> nn.Module:
    import timm  # 4 s with torchvision: only where a network is built

    pool = names.family_of(backbone) == "vgg" and head == "linear"
    options: dict[str, Any] = {}
    if pool:
        options["mlp_ratio"] = 1 / 4096  # the wide head goes at once: don't draw 120 M numbers
    try:
        pretrained = timm.get_pretrained_cfg(backbone)
        if pretrained and pretrained.fixed_input_size:  # transformers with a table of positions
            options["img_size"] = image_size
        model = timm.create_model(
            backbone, num_classes=num_classes, in_chans=in_chans, drop_rate=dropout, **options
        )
    except Exception as error:
        raise StudyError(
            f"timm can't build {backbone} for {image_size} px ({first_line(error)}); "
            "try another image_size or backbone"
        ) from error
    if pool:
        heads.pool_vgg(model, num_classes, dropout)
    return model


def _from_torchvision(
    backbone: str, num_classes: int, in_chans: int, head: str, dropout: float
) -> nn.Module:
    import torchvision

    options = {"dropout": dropout, "num_classes": num_classes}
    if backbone == "googlenet":
        model: Any = torchvision.models.googlenet(aux_logits=False, init_weights=True, **options)
        model.conv1.conv = _stem(model.conv1.conv, in_chans)
    else:
        model = torchvision.models.alexnet(**options)
        model.features[0] = _stem(model.features[0], in_chans)
        if head == "linear":
            heads.pool_alexnet(model, num_classes, dropout)
    return model


def _stem(conv: nn.Conv2d, in_chans: int) -> nn.Conv2d:
    """`conv` itself for RGB, or made over to take grey images."""
    if in_chans == 3:
        return conv
    if in_chans != 1:
        raise StudyError(f"networks of torchvision take 1 or 3 channels, not {in_chans}")
    conv.weight = nn.Parameter(fold_rgb(conv.weight.detach()))
    conv.in_channels = 1
    return conv


def _own(backbone: str, num_classes: int, in_chans: int) -> nn.Module:
    model = names.own_function(backbone)(num_classes=num_classes, in_chans=in_chans)
    if not isinstance(model, nn.Module):
        raise StudyError(
            f"{backbone} returned {type(model).__name__}; "
            "it has to take num_classes and in_chans and return a torch.nn.Module"
        )
    return model


def _check_logits(
    model: nn.Module, backbone: str, num_classes: int, in_chans: int, image_size: int
) -> None:
    """Send one image through in evaluation mode, which changes nothing in the model."""
    device = next((p.device for p in model.parameters()), None)
    images = torch.zeros(1, in_chans, image_size, image_size, device=device)
    model.eval()
    try:
        with torch.no_grad():
            logits = model(images)
    except Exception as error:
        raise StudyError(
            f"{backbone} can't take images of {image_size} px with {in_chans} channel(s) "
            f"({first_line(error)}); try a larger image_size"
        ) from error
    finally:
        model.train()
    shape = tuple(getattr(logits, "shape", ()))
    if shape != (1, num_classes):
        raise StudyError(
            f"{backbone} gives {shape or type(logits).__name__} for one image, "
            f"not logits of shape (1, {num_classes})"
        )


def first_line(error: Exception) -> str:
    """What `error` says, fit for a message of one line."""
    return (str(error) or type(error).__name__).splitlines()[0]
