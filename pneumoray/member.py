"""Member: one network of a Bundle, and how it sees images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from pneumoray.data.depth import Ranges
from pneumoray.data.image import Fit, ImageSettings
from pneumoray.errors import StudyError, WeightsError
from pneumoray.models import private, zoo
from pneumoray.models.architecture import Architecture

if TYPE_CHECKING:  # pydantic and YAML stay out of what is shipped
    from pneumoray.config import Config


@dataclass(frozen=True)
class Member:
    """One network and how it sees images. `mean` and `std` are per channel, on [0, 1]."""

    name: str
    family: str
    architecture: Architecture
    image_fit: Fit
    crop_fraction: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    ranges: Ranges = ()  # of depth classes: which values are black and white
    weights: str = ""  # the file in the bundle, and its hash: `bundle.save` fills them in
    sha256: str = ""

    @classmethod
    def of(
        cls,
        config: "Config",
        name: str,
        mean: Sequence[float],
        std: Sequence[float],
        ranges: Ranges = (),
    ) -> "Member":
        """The member that a trial's configuration, normalisation and pack describe."""
        return cls(
            name,
            config.family,
            config.architecture,
            config.image_fit,
            config.crop_fraction,
            tuple(mean),
            tuple(std),
            ranges,
        )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Member":
        """The member that `dataclasses.asdict` made `values` of.

        Raises ValueError, KeyError or TypeError for any other, and for weights outside the bundle.
        """
        if unknown := values.keys() - {field.name for field in fields(cls)}:
            raise ValueError(f"unknown keys {sorted(unknown)}")
        if Path(values["weights"]).name != values["weights"]:
            raise ValueError(f"weights {values['weights']!r} lie outside")
        architecture = Architecture.from_dict(values["architecture"])
        given = {key: tuple(values[key]) for key in ("mean", "std")}
        given["ranges"] = tuple(map(tuple, values.get("ranges", ())))
        return cls(**{**values, **given, "architecture": architecture})

    @property
    def backbone(self) -> str:
        return self.architecture.backbone

    @property
    def view(self) -> ImageSettings:
        """The shape that every image is brought to before this member sees it."""
        architecture = self.architecture
        return ImageSettings(
            architecture.image_size,
            self.image_fit,
            architecture.color,
            self.crop_fraction,
            self.ranges,
        )

    def build(
        self, state: Mapping[str, Tensor], num_classes: int, names: Mapping[str, str]
    ) -> nn.Module:
        """The member's network with the weights of `state`, in evaluation mode.

        `names` are the private names of top-level modules, which a backbone `module:function` has.
        Leaves torch's random state alone. Raises WeightsError when the weights don't fit, and when
        what such a backbone imports is missing.
        """
        try:
            with torch.random.fork_rng(devices=[]):  # first weights are drawn, and overwritten
                model = zoo.build(_renamed(self.architecture, names), num_classes)
        except (StudyError, ImportError) as error:
            if not names:
                raise
            reason = " ".join(str(error.__cause__ or error).split())
            raise WeightsError(
                f"the code of {self.backbone} that the model brought can't be run ({reason}); install "
                "what it needs, or save the model again where all of its code is found"
            ) from error
        try:
            model.load_state_dict(state)
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]
            raise WeightsError(
                f"the weights of {self.name} don't fit {self.backbone} ({reason})"
            ) from None
        return model.eval().requires_grad_(False)

    def probs(self, model: nn.Module, pixels: np.ndarray) -> np.ndarray:
        """(N, C) float64 of (N, H, W, channels) uint8 in the member's view, by its network `model`.

        The arithmetic is that of data/batches.py and predictions.py.
        """
        device = device_of(model)
        mean, std = (
            torch.tensor(v, device=device).view(1, -1, 1, 1) for v in (self.mean, self.std)
        )
        with torch.inference_mode():
            moved = torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2)
            images = moved.float().div_(255).sub_(mean).div_(std)
            logits = model(images.contiguous(memory_format=torch.channels_last))
            return logits.double().softmax(dim=1).cpu().numpy()


def _renamed(architecture: Architecture, names: Mapping[str, str]) -> Architecture:
    module, colon, function = architecture.backbone.partition(":")
    renamed = private.rename(module, names) if colon else module
    return replace(architecture, backbone=renamed + colon + function)


def device_of(model: nn.Module) -> torch.device:
    return next((p.device for p in model.parameters()), torch.device("cpu"))
