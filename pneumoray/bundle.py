"""Bundle: what gets deployed. Weights of one or more members, preprocessing, classes, threshold.

    BUNDLE/bundle.json         everything but the tensors, and the SHA-256 of each file of them
           NAME.safetensors    the weights of each member
           code/               the modules of backbones named module:function, and what they import

Opening one runs no code but that, and only when it is allowed to. This module and what it imports
are shipped inside an MLflow model, so it needs neither an installed pneumoray nor Ray nor MLflow.
"""

import html
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from pneumoray import artifact, inputs
from pneumoray.data import image as images_
from pneumoray.data.depth import CLASSES, shown
from pneumoray.data.said import Range
from pneumoray.data.stored import Stored
from pneumoray.errors import WeightsError, WorkspaceError
from pneumoray.member import Member, device_of
from pneumoray.models import own_code as owned
from pneumoray.models import private
from pneumoray.predictions import PROB, apply_temperature

__all__ = ["Bundle", "Images", "Member", "Views", "describe", "load", "save"]

FORMAT = 2
DESCRIPTION = "bundle.json"
CODE = "code"

Images = Sequence[inputs.Input] | np.ndarray | bytes
Views = dict[images_.ImageSettings, np.ndarray]  # (H, W, channels) uint8 of one image


@dataclass(frozen=True, repr=False)
class Bundle:
    """Members that vote with equal weight, then the temperature, then the threshold on classes[1].

    `models` are the members' networks in evaluation mode; a Bundle that only describes has none.
    `code` are the files below code/ with their SHA-256, `requires` what they need installed.
    """

    members: tuple[Member, ...]
    classes: tuple[str, ...]
    temperature: float = 1.0
    threshold: float | None = None  # None: the largest probability decides
    info: dict[str, Any] = field(default_factory=dict)
    code: dict[str, str] = field(default_factory=dict)
    requires: tuple[str, ...] = ()
    models: tuple[nn.Module, ...] = field(default=(), repr=False, compare=False)

    @property
    def device(self) -> torch.device:
        return device_of(self.models[0])

    def summary(self) -> pd.DataFrame:
        """A row a member: its name, its backbone, the side in pixels that it sees, fit and colour."""
        views = [member.view for member in self.members]
        return pd.DataFrame(
            {
                "member": [member.name for member in self.members],
                "backbone": [member.backbone for member in self.members],
                "px": [view.size for view in views],
                "fit": [view.fit for view in views],
                "color": [view.color for view in views],
            }
        )

    @property
    def title(self) -> str:
        """What it tells apart, and by which rule."""
        rule = "the largest probability decides"
        if self.threshold is not None and len(self.classes) == 2:
            rule = f"{self.classes[1]} where its probability is {self.threshold:.4f} or more"
        return f"Bundle of {', '.join(self.classes)}: {rule}"

    def __repr__(self) -> str:
        return f"{self.title}\n{self.summary().to_string(index=False)}"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self.title)}</p>{self.summary().to_html(index=False)}"

    def views(self, stored: Stored) -> Views:
        """An image as the members see it, resized once for those that see it alike.

        Raises DataError for one whose values can't be understood by the ranges of theirs.
        """
        views = dict.fromkeys(member.view for member in self.members)
        films = {ranges: shown(stored, ranges) for ranges in {view.ranges for view in views}}
        return {view: images_.viewed(films[view.ranges], view) for view in views}

    def with_range(self, range_: Range) -> "Bundle":
        """One for which these values are black and white in every image that does not say it."""
        said = tuple((depth, *range_) for depth in CLASSES)
        members = []
        for member in self.members:  # what significant bits tell stays as it was in training
            kept = tuple(one for one in member.ranges if one[0] not in CLASSES)
            members.append(replace(member, ranges=said + kept))
        return replace(self, members=tuple(members))

    def member_probs(self, seen: Sequence[Views]) -> np.ndarray:
        """Class probabilities (members, N, C) float64 of N images' `views`, in one batch."""
        assert self.models, "a bundle that only describes can't predict: use bundle.load"
        pixels = {view: np.stack([views[view] for views in seen]) for view in seen[0]}
        pairs = zip(self.models, self.members, strict=True)
        return np.stack([member.probs(model, pixels[member.view]) for model, member in pairs])

    def vote(self, member_probs: np.ndarray) -> np.ndarray:
        """(N, C) of (members, N, C): the members' mean, then the temperature."""
        return apply_temperature(member_probs.mean(axis=0), self.temperature)

    def table(self, member_probs: np.ndarray) -> pd.DataFrame:
        """A row an image, of (members, N, C): what the vote says, what decided, how sure it is.

        `predicted`, the class; prob_CLASS for each class; `threshold`, from which on a probability
        of `threshold_class` is a call of it (both None where the largest probability decides);
        `disagreement`, the largest less the smallest probability that a member gives the positive
        class, or of several classes the predicted one (None where there is one member only).
        """
        probs = self.vote(member_probs)
        chosen = probs.argmax(axis=1)
        decides = self.threshold is not None and len(self.classes) == 2
        if decides:
            chosen = (probs[:, 1] >= self.threshold).astype(int)
        table = pd.DataFrame(probs, columns=[PROB + name for name in self.classes])
        table.insert(0, "predicted", np.asarray(self.classes, dtype=object)[chosen])
        judged = np.ones_like(chosen) if len(self.classes) == 2 else chosen
        spread = np.ptp(member_probs, axis=0)[np.arange(len(chosen)), judged]
        return table.assign(
            threshold=self.threshold if decides else None,
            threshold_class=self.classes[1] if decides else None,
            disagreement=spread if len(self.members) > 1 else None,
        )

    def predict_probs(self, images: Images, batch_size: int = 64) -> np.ndarray:
        """The vote's probabilities (N, C) float64 of images as bytes or pixels; see `predict`."""
        return self.vote(self._member_probs(images, batch_size))

    def predict(self, images: Images, batch_size: int = 64) -> pd.DataFrame:
        """The `table` of encoded images (bytes) or pixels, in any number and size.

        Pixels are uint8, one image (H, W), (H, W, 1) or (H, W, 3), or N of them; `inputs.listed`
        has the rule. Each member resizes as its training images were. Raises DataError for an
        image that can't be used, naming its position, and for pixels that may be read in two ways.
        """
        return self.table(self._member_probs(images, batch_size))

    def _member_probs(self, images: Images, batch_size: int) -> np.ndarray:
        given = inputs.listed(images)
        batches = [np.empty((len(self.members), 0, len(self.classes)))]
        for start in range(0, len(given), batch_size):
            stop = min(start + batch_size, len(given))
            seen = [inputs.seen(given[i], i, self.views) for i in range(start, stop)]
            batches.append(self.member_probs(seen))
        return np.concatenate(batches, axis=1)


def save(
    bundle: Bundle,
    weights: Sequence[Path | Mapping[str, Tensor]],
    folder: Path,
    root: Path | None = None,
) -> Bundle:
    """Write `bundle` to `folder`, whole or absent, and return its description with hashes.

    `weights` are one safetensors file or state dict a member, in the members' order. The modules of
    backbones named `module:function` come with it, as they are now. A bundle that is there is
    replaced. Raises WorkspaceError for anything else there, and for a `folder` outside of `root`, by
    default its parent; StudyError where the code of a backbone can't be found.
    """
    assert len(weights) == len(bundle.members) > 0, "one set of weights a member"
    own = owned.find(member.backbone for member in bundle.members)
    members = []
    with artifact.whole_folder(folder, root=root or folder.parent, holds=DESCRIPTION) as draft:
        for i, (member, source) in enumerate(zip(bundle.members, weights, strict=True)):
            stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", member.name)[:100]
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
        code = own.copy_to(draft / CODE)
        saved = replace(
            bundle, members=tuple(members), code=code, requires=own.requirements(), models=()
        )
        description = {key: value for key, value in asdict(saved).items() if key != "models"}
        artifact.write_json(draft / DESCRIPTION, {"format": FORMAT} | description)
    return saved


def load(folder: Path | str, *, device: str = "cpu", own_code: bool = False) -> Bundle:
    """Open the bundle in `folder`, ready to predict. Verifies every hash, and runs no code in it.

    A member whose backbone is `module:function` runs the code in the bundle: allow that with
    `own_code` where the bundle comes from someone trusted. That code has names of its own, so that
    it is neither another's module of the same name nor in its way. Raises WorkspaceError when the
    folder is no bundle or is damaged, WeightsError when the weights don't fit.
    """
    folder = Path(folder)
    described = describe(folder)
    for member in described.members:
        if owned.is_own(member.backbone) and not own_code:
            raise WeightsError(
                f"bundle {folder} needs the code of backbone {member.backbone}: allow it with "
                "--own-code (in Python own_code=True) if you trust who made it"
            )
    code = {
        name: _verified(folder, f"{CODE}/{name}", sha256).read_bytes()
        for name, sha256 in described.code.items()
    }
    names = private.install(code, folder / CODE) if code else {}
    models = []
    for member in described.members:
        state = _tensors(folder, member)
        models.append(member.build(state, len(described.classes), names).to(device))
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
        members = tuple(Member.from_dict(member) for member in values.pop("members"))
        if not members or len(values["classes"]) < 2:
            raise ValueError(f"{len(members)} members and {len(values['classes'])} classes")
        for path in map(PurePosixPath, values.get("code", {})):
            if path.is_absolute() or ".." in path.parts:
                raise ValueError(f"code {str(path)!r} lies outside")
        lists = {key: tuple(values[key]) for key in ("classes", "requires") if key in values}
        return Bundle(members, **values | lists)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WorkspaceError(
            f"bundle {folder} can't be understood ({type(error).__name__}: {error}); "
            "fetch or make it again, or update pneumoray"
        ) from None


def _verified(folder: Path, name: str, sha256: str) -> Path:
    """The file of that name, whose bytes are those that were saved."""
    file = folder / name
    try:
        found = artifact.sha256_file(file)
    except OSError as error:
        raise WorkspaceError(
            f"bundle {folder} lacks {name} ({error.strerror}); fetch it again"
        ) from None
    if found != sha256:
        raise WorkspaceError(
            f"{file} is damaged (SHA-256 is not that in {DESCRIPTION}); fetch the bundle again"
        )
    return file


def _tensors(folder: Path, member: Member) -> dict[str, Tensor]:
    file = _verified(folder, member.weights, member.sha256)
    try:
        return safetensors.torch.load_file(file)
    except safetensors.SafetensorError as error:
        raise WeightsError(f"{file} is no safetensors file ({error}); save it as one") from None
