"""From an architecture to a module that gives logits."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from pneumoray.errors import StudyError
from pneumoray.models import cnn, dense, names
from pneumoray.models import head as heads
from pneumoray.models.architecture import Architecture
from pneumoray.models.bottleneck import BottleneckResNet


def build(architecture: Architecture, num_classes: int) -> nn.Module:
    """A network with random weights, drawn from torch's global generator, in channels_last.

    It maps (B, in_chans, image_size, image_size) float32 to logits (B, num_classes); one image
    of zeros is sent through to be sure. With output 'sigmoid' the one logit z of the last layer
    comes out as the pair (0, z): its softmax is (1 - sigmoid(z), sigmoid(z)), and cross-entropy of
    the pair is binary cross-entropy of z.

    Raises StudyError for an unknown backbone or head, layers that don't fit on each other, one
    logit for more than two classes, or images too small for the network.
    """
    names.check_backbone(architecture.backbone)
    heads.check_head(architecture.head, architecture.backbone, architecture.hidden)
    num_logits = architecture.num_logits(num_classes)
    if names.is_layer_string(architecture.backbone):
        model = cnn.build(architecture, num_classes)
    elif dense.is_asked(architecture):
        model = create(replace(architecture, dropout=0.0), num_logits)
        _add_dense_head(model, architecture, num_logits)
    else:
        model = create(architecture, num_logits)
    if architecture.output == "sigmoid":
        model.register_forward_hook(_as_pair)
    model = model.to(memory_format=torch.channels_last)
    shape = tuple(getattr(logits := _of_zeros(model, architecture), "shape", ()))
    if shape != (1, num_classes):
        raise StudyError(
            f"{architecture.backbone} gives {shape or type(logits).__name__} for one image, "
            f"not logits of shape (1, {num_classes})"
        )
    return model


def create(architecture: Architecture, num_logits: int) -> nn.Module:
    """The named network with its own head of `num_logits`, as its maker or `head: vgg` has it."""
    backbone, in_chans = architecture.backbone, architecture.in_chans
    if ":" in backbone:
        return _own(backbone, num_logits, in_chans)
    if backbone == names.BOTTLENECK:
        return BottleneckResNet(num_logits, in_chans, architecture.dropout)
    if backbone in names.TORCHVISION:
        return _from_torchvision(architecture, num_logits)
    return _from_timm(architecture, num_logits)


def fold_rgb(weight: torch.Tensor) -> torch.Tensor:
    """A stem's weight (out, 3, h, w) as one for grey (out, 1, h, w), by summing over the colours.

    On grey g it gives what the RGB stem gives on (g, g, g). Random weights keep the variance
    that fits their smaller fan-in.
    """
    return weight.sum(dim=1, keepdim=True)


def _from_timm(architecture: Architecture, num_logits: int) -> nn.Module:
    import timm  # 4 s with torchvision: only where a network is built

    backbone = names.present_name(architecture.backbone)
    size, dropout = architecture.image_size, architecture.dropout
    pool = names.family_of(backbone) == "vgg" and architecture.head != "vgg"
    options: dict[str, Any] = {"num_classes": num_logits, "in_chans": architecture.in_chans}
    if pool:
        options["mlp_ratio"] = 1 / 4096  # the wide head goes at once: don't draw 120 M numbers
    try:
        pretrained = timm.get_pretrained_cfg(backbone)
        if pretrained and pretrained.fixed_input_size:  # transformers with a table of positions
            options["img_size"] = size
        model = timm.create_model(backbone, drop_rate=dropout, **options)
    except Exception as error:
        raise StudyError(
            f"timm can't build {backbone} for {size} px ({first_line(error)}); "
            "try another image_size or backbone"
        ) from error
    if pool:
        dense.pool_vgg(model, num_logits, dropout)
    return model


def _from_torchvision(architecture: Architecture, num_logits: int) -> nn.Module:
    import torchvision

    in_chans, dropout = architecture.in_chans, architecture.dropout
    if architecture.backbone == "googlenet":
        model: Any = torchvision.models.googlenet(
            num_classes=num_logits, dropout=dropout, aux_logits=False, init_weights=True
        )
        model.conv1.conv = _stem(model.conv1.conv, in_chans)
    else:
        model = torchvision.models.alexnet(num_classes=num_logits, dropout=dropout)
        model.features[0] = _stem(model.features[0], in_chans)
        if architecture.head == "linear":
            dense.pool_alexnet(model, num_logits, dropout)
    return model


def _stem(conv: nn.Conv2d, in_chans: int) -> nn.Conv2d:
    """`conv` itself for RGB, or made over to take grey images."""
    if in_chans == 3:
        return conv
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


def _add_dense_head(model: nn.Module, architecture: Architecture, num_logits: int) -> None:
    slot = dense.remove_head(model, architecture)
    features = _of_zeros(model, architecture)
    wants_map = architecture.head == "flatten" and architecture.backbone not in dense.PARTS
    if features.ndim != (4 if wants_map else 2):
        shape = " x ".join(map(str, features.shape[1:]))
        raise dense.no_place(architecture, f"it gives {shape} for one image")
    head = dense.DenseHead(
        features[0].numel(), architecture.hidden, architecture.dropout, num_logits
    )
    model.set_submodule(slot, head)


def _as_pair(model: nn.Module, images: tuple[Tensor], logit: Tensor) -> Tensor:
    """A forward hook, so that the network's tensors keep their names: (B, 1) to (B, 2)."""
    return nn.functional.pad(logit, (1, 0))


def _of_zeros(model: nn.Module, architecture: Architecture) -> Any:
    """What comes out for one image of zeros in evaluation mode, which changes nothing in the model."""
    size, in_chans = architecture.image_size, architecture.in_chans
    device = next((p.device for p in model.parameters()), None)
    images = torch.zeros(1, in_chans, size, size, device=device)
    model.eval()
    try:
        with torch.no_grad():
            return model(images)
    except Exception as error:
        raise StudyError(
            f"{architecture.backbone} can't take images of {size} px with {in_chans} channel(s) "
            f"({first_line(error)}); try a larger image_size"
        ) from error
    finally:
        model.train()


def first_line(error: Exception) -> str:
    """What `error` says, fit for a message of one line."""
    return (str(error) or type(error).__name__).splitlines()[0]
