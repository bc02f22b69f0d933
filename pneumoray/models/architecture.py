"""Architecture: all that decides a network's shape, apart from the number of classes."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from pneumoray.errors import StudyError

Head = Literal["linear", "flatten", "vgg"]
Output = Literal["softmax", "sigmoid"]
Padding = Literal["same", "valid"]

MOST_WIDE = 65_536  # units or filters of one layer; more is a slip of the keyboard


@dataclass(frozen=True)
class Architecture:
    """A network as a table of settings, which JSON can hold.

    `backbone` is a name or a layer string; the fields from `filters` on are of layer strings alone.
    With output "sigmoid" the network's last layer gives one logit, for two classes.
    """

    backbone: str
    image_size: int = 224  # pixels, of both sides
    color: Literal["grey", "rgb"] = "grey"
    head: Head = "linear"
    hidden: tuple[int, ...] = ()
    dropout: float = 0.0
    output: Output = "softmax"
    filters: tuple[int, ...] = (64, 128)
    units: int = 128
    kernel_size: int = 3
    padding: Padding = "same"
    activation: str = "relu"
    batch_norm: bool = False

    @property
    def in_chans(self) -> int:
        return 1 if self.color == "grey" else 3

    def num_logits(self, num_classes: int) -> int:
        """How many numbers the last layer gives for one image: one for each class, or one logit.

        Raises StudyError for one logit where there are more than two classes.
        """
        if self.output == "softmax":
            return num_classes
        if num_classes != 2:
            raise StudyError(
                f"{self.backbone} has output sigmoid, one logit for two classes, and there are "
                f"{num_classes}; use output: softmax"
            )
        return 1

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Architecture":
        """The architecture that `dataclasses.asdict` and JSON made a table of.

        Raises ValueError for keys that this version does not know.
        """
        if unknown := values.keys() - {field.name for field in fields(cls)}:
            raise ValueError(f"unknown keys {sorted(unknown)} of an architecture")
        lists = {key: tuple(values[key]) for key in ("hidden", "filters") if key in values}
        return cls(**{**values, **lists})
