"""Bundle: what gets deployed. Weights of one or more members, preprocessing, classes, threshold.

    BUNDLE/bundle.json         everything but the tensors, and the SHA-256 of each file of them
           NAME.safetensors    the weights of each member

Opening one runs no code from the folder. This module and what it imports are shipped inside an
MLflow model, so it needs neither an installed pneumoray nor Ray nor MLflow.
"""

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import safetensors
import safetensors.torch
import torch
from PIL import Image
from torch import Tensor, nn

from pneumoray import artifact
from pneumoray.data import image as images_
from pneumoray.errors import DataError, WeightsError, WorkspaceError
from pneumoray.models import zoo
from pneumoray.models.architecture import Architecture

if TYPE_CHECKING:  # pydantic and YAML stay out of what is shipped
    from pneumoray.config import Config

FORMAT = 2
DESCRIPTION = "bundle.json"
_SMALLEST_PROB = 1e-12  # as in evaluation/calibration.py

Images = Sequence[bytes | np.ndarray] | np.ndarray


@dataclass(frozen=True)
class Member:
    """One network and how it sees images. `mean` and `std` are per channel, on [0, 1]."""

    name: str
    family: str
    architecture: Architecture
    image_fit: images_.Fit
    crop_fraction: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    weights: str = ""  # the file in the bundle, and its hash: `save` fills them in
    sha256: str = ""

    @classmethod
    def of(
        cls, config: "Config", name: str, mean: Sequence[float], std: Sequence[float]
    ) -> "Member":
        """The member that a trial's configuration and normalisation describe."""
        return cls(
            name,
            config.family,
            config.architecture,
            config.image_fit,
            config.crop_fraction,
            tuple(mean),
            tuple(std),
        )

    @property
    def backbone(self) -> str:
        return self.architecture.backbone


@dataclass(frozen=True)
class Bundle:
    """Members that vote with equal weight, then the temperature, then the threshold on classes[1].

    `models` are the members' networks in evaluation mode; a Bundle that only describes has none.
    """

    members: tuple[Member, ...]
    classes: tuple[str, ...]
    temperature: float = 1.0
    threshold: float | None = None  # None: the largest probability decides
    info: dict[str, Any] = field(default_factory=dict)
    models: tuple[nn.Module, ...] = field(default=(), repr=False, compare=False)

    def predict_probs(self, images: Images, batch_size: int = 64) -> np.ndarray:
        """Class probabilities (N, C) float64 of encoded images (bytes), or of uint8 pixels.

        Pixels are (N, H, W), (N, H, W, 1) or (N, H, W, 3), or a list of images without the N. Any
        size does: each member resizes as its training images were. Raises DataError for an image
        that can't be used, naming its position.
        """
        assert self.models, "a bundle that only describes can't predict: use bundle.load"
        probs = np.empty((len(images), len(self.classes)))
        for start in range(0, len(images), batch_size):
            stop = min(start + batch_size, len(images))
            decoded = [_decode(images[i], i) for i in range(start, stop)]
            votes = [
                _probs(model, member, decoded)
                for model, member in zip(self.models, self.members, strict=True)
            ]
            probs[start:stop] = np.mean(votes, axis=0)
        return probs if self.temperature == 1.0 else _scaled(probs, self.temperature)

    def predict(self, images: Images, batch_size: int = 64) -> pd.DataFrame:
        """A row an image: prob_CLASS for each class, and the `predicted` class."""
        probs = self.predict_probs(images, batch_size)
        chosen = probs.argmax(axis=1)
        if self.threshold is not None and len(self.classes) == 2:
            chosen = (probs[:, 1] >= self.threshold).astype(int)
        table = pd.DataFrame(probs, columns=[f"prob_{name}" for name in self.classes])
        return table.assign(predicted=np.asarray(self.classes, dtype=object)[chosen])


def save(bundle: Bundle, weights: Sequence[Path | Mapping[str, Tensor]], folder: Path) -> Bundle:
    """Write `bundle` to `folder`, whole or absent, and return its description with hashes.

    `weights` are one safetensors file or state dict a member, in the members' order.
    """
    assert len(weights) == len(bundle.members) > 0, "one set of weights a member"
    members = []
    with artifact.whole_folder(folder) as draft:
        for i, (member, source) in enumerate(zip(bundle.members, weights, strict=True)):
            stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", member.name)
            file = draft / (f"{i}-{stem}.safetensors" if len(weights) > 1 else "model.safetensors")
            if isinstance(source, Path):
                shutil.copyfile(source, file)
            else:
                state = {key: tensor.detach().cpu().clone() for key, tensor in source.items()}
                safetensors.torch.save_file(
                    {key: tensor.contiguous() for key, tensor in state.items()}, file
                )
            sha256 = artifact.sha256_file(file)
            members.append(replace(member, weights=file.name, sha256=sha256))
        saved = replace(bundle, members=tuple(members), models=())
        description = {key: value for key, value in asdict(saved).items() if key != "models"}
        artifact.write_json(draft / DESCRIPTION, {"format": FORMAT} | description)
    return saved


def load(folder: Path | str, *, device: str = "cpu", own_code: bool = False) -> Bundle:
    """Open the bundle in `folder`, ready to predict. Verifies every hash, and runs no code in it.

    A member whose backbone is `module:function` needs that module imported, which runs it: allow
    that with `own_code` where the bundle comes from someone trusted. Raises WorkspaceError when the
    folder is no bundle or is damaged, WeightsError when the weights don't fit.
    """
    folder = Path(folder)
    described = describe(folder)
    models = []
    for member in described.members:
        if ":" in member.backbone and not own_code:
            raise WeightsError(
                f"bundle {folder} needs the code of backbone {member.backbone}; "
                "open it with own_code=True if you trust who made it"
            )
        state = _verified(folder, member)
        models.append(_network(member, state, len(described.classes)).to(device))
    return replace(described, models=tuple(models))


def describe(folder: Path) -> Bundle:
    """The bundle in `folder` without its networks: nothing but bundle.json is read."""
    if not (folder / DESCRIPTION).is_file():
        raise WorkspaceError(
            f"{folder} is no bundle: it has no {DESCRIPTION}; name a bundle's folder"
        )
    values = artifact.read_json(folder / DESCRIPTION)
    try:
        if (found := values.pop("format")) != FORMAT:
            raise ValueError(f"format {found}, this version reads {FORMAT}")
        members = tuple(_member(member) for member in values.pop("members"))
        if not members or len(values["classes"]) < 2:
            raise ValueError(f"{len(members)} members and {len(values['classes'])} classes")
        return Bundle(members, **values | {"classes": tuple(values["classes"])})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WorkspaceError(
            f"bundle {folder} can't be understood ({type(error).__name__}: {error}); "
            "fetch or make it again, or update pneumoray"
        ) from None


def _member(values: dict[str, Any]) -> Member:
    if unknown := values.keys() - {field.name for field in fields(Member)}:
        raise ValueError(f"unknown keys {sorted(unknown)}")
    if Path(values["weights"]).name != values["weights"]:
        raise ValueError(f"weights {values['weights']!r} lie outside")
    architecture = Architecture.from_dict(values["architecture"])
    statistics = {key: tuple(values[key]) for key in ("mean", "std")}
    return Member(**values | statistics | {"architecture": architecture})


def _verified(folder: Path, member: Member) -> dict[str, Tensor]:
    """The tensors of a member's file, whose bytes are those that were saved."""
    file = folder / member.weights
    try:
        sha256 = artifact.sha256_file(file)
    except OSError as error:
        raise WorkspaceError(
            f"bundle {folder} lacks {member.weights} ({error.strerror}); fetch it again"
        ) from None
    if sha256 != member.sha256:
        raise WorkspaceError(
            f"{file} is damaged (SHA-256 is not that in {DESCRIPTION}); fetch the bundle again"
        )
    try:
        return safetensors.torch.load_file(file)
    except safetensors.SafetensorError as error:
        raise WeightsError(f"{file} is no safetensors file ({error}); save it as one") from None


def _network(member: Member, state: Mapping[str, Tensor], num_classes: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):  # first weights are drawn, and overwritten
        model = zoo.build(member.architecture, num_classes)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(
            f"the weights of {member.name} don't fit {member.backbone} ({reason})"
        ) from None
    return model.eval().requires_grad_(False)


def _decode(source: bytes | np.ndarray, position: int) -> Image.Image:
    try:
        if isinstance(source, bytes | bytearray | memoryview):
            return images_.decode(bytes(source))
        if isinstance(source, np.ndarray):
            return images_.from_array(source)
    except DataError as error:
        raise DataError(f"input {position}: {error}") from None
    raise DataError(
        f"input {position} is of type {type(source).__name__}; give an image as bytes or pixels"
    )


def _probs(model: nn.Module, member: Member, decoded: Sequence[Image.Image]) -> np.ndarray:
    """(N, C) float64 of one member, with the arithmetic of data/batches.py and predictions.py."""
    size, color = member.architecture.image_size, member.architecture.color
    arrays = [
        images_.to_array(image, size, member.image_fit, color, crop_fraction=member.crop_fraction)
        for image in decoded
    ]
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    mean, std = (
        torch.tensor(v, device=device).view(1, -1, 1, 1) for v in (member.mean, member.std)
    )
    with torch.inference_mode():
        pixels = torch.from_numpy(np.stack(arrays)).to(device).permute(0, 3, 1, 2)
        images = pixels.float().div_(255).sub_(mean).div_(std)
        logits = model(images.contiguous(memory_format=torch.channels_last))
        return logits.double().softmax(dim=1).cpu().numpy()


def _scaled(probs: np.ndarray, temperature: float) -> np.ndarray:
    """`softmax(log(probs) / temperature)`, as evaluation/calibration.py does with SciPy."""
    logits = np.log(np.clip(probs, _SMALLEST_PROB, None)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
