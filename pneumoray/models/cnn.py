"""The plain convolutional network of a layer string."""

from collections import OrderedDict

from torch import nn

from pneumoray.models.architecture import Architecture
from pneumoray.models.layers import describe

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}


def build(architecture: Architecture, num_classes: int) -> nn.Module:
    """A module for each layer of the string that is `architecture.backbone`: 'c1', 'p2', 'f3', 'd4'.

    Weights are drawn from torch's global generator. Those before an activation start as He et al.
    (2015) have them for ReLU: torch's own shrink the signal 2.4 times a layer.
    Raises StudyError as `layers.describe`.
    """
    table = describe(architecture, num_classes)
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    width = architecture.in_chans
    for i, layer in enumerate(table):
        module: nn.Module
        match layer.kind:
            case "convolution":
                module = _convolution(width, layer.shape[0], architecture)
            case "pooling":
                module = nn.MaxPool2d(2)
            case "flatten":
                module = nn.Flatten()
            case "dense" if i < len(table) - 1:
                module = _hidden(width, layer.shape[0], architecture)
            case "dense":
                # behind a hidden layer dropout has been already
                dropout = architecture.dropout if table[i - 1].kind == "flatten" else 0.0
                dense = nn.Linear(width, layer.shape[0])
                module = nn.Sequential(OrderedDict(dropout=nn.Dropout(dropout), dense=dense))
        modules[f"{layer.token[0].lower()}{layer.position}"] = module
        width = layer.shape[0]
    return nn.Sequential(modules)


def _convolution(channels: int, filters: int, architecture: Architecture) -> nn.Sequential:
    kernel = architecture.kernel_size
    total = kernel - 1 if architecture.padding == "same" else 0
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    if total % 2:  # an even kernel: one pixel more after than before, which Conv2d can't do
        parts["pad"] = nn.ZeroPad2d((total // 2, total - total // 2) * 2)
        total = 0
    parts["convolution"] = nn.Conv2d(
        channels, filters, kernel, padding=total // 2, bias=not architecture.batch_norm
    )
    if architecture.batch_norm:
        parts["norm"] = nn.BatchNorm2d(filters)
    parts["activation"] = ACTIVATIONS[architecture.activation]()
    return _started(nn.Sequential(parts))


def _hidden(in_features: int, units: int, architecture: Architecture) -> nn.Sequential:
    parts: OrderedDict[str, nn.Module] = OrderedDict(
        dense=nn.Linear(in_features, units),
        activation=ACTIVATIONS[architecture.activation](),
        dropout=nn.Dropout(architecture.dropout),
    )
    return _started(nn.Sequential(parts))


def _started(parts: nn.Sequential) -> nn.Sequential:
    for part in parts:
        if isinstance(part, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
            if part.bias is not None:
                nn.init.zeros_(part.bias)
    return parts
