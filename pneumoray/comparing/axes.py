"""Axes: the settings in which configurations differ."""

from collections.abc import Iterable
from typing import Any

from pneumoray.config import Config
from pneumoray.settings import Settings

NOT_ITS_OWN = ""  # in place of a setting that says nothing of a configuration
_UNITS = {
    "image_size": "px",
    "kernel_size": "px",
    "batch_size": "images",
    "rotate": "degrees",
    "warmup_epochs": "epochs",
    "step_epochs": "epochs",
    "patience": "epochs",
}


def with_unit(axis: str) -> str:
    """'image_size (px)'; what is counted or has no unit stays as it is."""
    return f"{axis} ({_UNITS[axis]})" if axis in _UNITS else axis


def setting(config: Config, field: str) -> Any:
    """A field's value, or '' where it says nothing of this configuration (momentum of adam)."""
    return NOT_ITS_OWN if field in config.unused else getattr(config, field)


def varying(configs: Iterable[Config]) -> list[str]:
    """The fields in which the configurations differ: backbone, then as Settings has them, less seed.

    A configuration of which a field says nothing does not differ by it.
    """
    configs = list(configs)
    fields = ["backbone", *(field for field in Settings.model_fields if field != "seed")]
    return [
        field
        for field in fields
        if len({setting(config, field) for config in configs} - {NOT_ITS_OWN}) > 1
    ]
