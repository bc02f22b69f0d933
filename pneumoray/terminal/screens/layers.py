"""The shapes and parameters of a layer string."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pneumoray.terminal.table import Table

if TYPE_CHECKING:
    from pneumoray.config import Config
    from pneumoray.models.layers import Layer


def show_layers(found: Sequence["Layer"], config: "Config") -> None:
    """Print the shapes and parameters of a layer string."""
    size, channels = config.image_size, config.in_chans
    title = f"{config.backbone} on {channels} x {size} x {size}"
    table = Table(title, "", "layer", "shape", "parameters", words=("layer",), keys=2)
    for layer in found:
        shape = " x ".join(map(str, layer.shape))
        table.add_row(str(layer.position), layer.words, shape, f"{layer.parameters:,}")
    total = sum(layer.parameters for layer in found)
    table.add_row("", "total", "", f"{total:,}", style="bold")
    table.show()
