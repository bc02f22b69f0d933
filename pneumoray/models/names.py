"""Names of backbones, their families and stages. The tables need no torch; other names ask timm."""

import functools
import importlib
import re
from collections.abc import Callable
from typing import Any

from pneumoray.errors import StudyError, did_you_mean, some_of

TORCHVISION = ("alexnet", "googlenet")  # what timm lacks
BOTTLENECK = "bottleneck_resnet"  # ours
LAYERS = "layers"  # the family of layer strings
_PLACES = ("hf-hub", "hf_hub", "local-dir")  # what timm lets stand before a name and a colon

# A family is the module of timm that defines the architecture. These names are answered without
# importing timm (5 s); a test holds the table against timm's own.
FAMILIES: dict[str, tuple[str, ...]] = {
    "vgg": tuple(f"vgg{depth}{norm}" for depth in (11, 13, 16, 19) for norm in ("", "_bn")),
    "resnet": ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"),
    "efficientnet": (
        *(f"{origin}efficientnet_b{scale}" for origin in ("", "tf_") for scale in range(8)),
        *(f"{origin}efficientnet_lite{scale}" for origin in ("", "tf_") for scale in range(5)),
        "mobilenetv1_100",
        "mobilenetv2_100",
    ),
    "mobilenetv3": ("mobilenetv3_small_100", "mobilenetv3_large_100"),
    "densenet": ("densenet121", "densenet161", "densenet169", "densenet201"),
    "alexnet": ("alexnet",),
    "googlenet": ("googlenet",),
    "bottleneck": (BOTTLENECK,),
}
_FAMILY_OF = {backbone: family for family, names in FAMILIES.items() for backbone in names}

Stages = dict[str, tuple[str, ...]]

_RESIDUAL: Stages = {f"layer{i}": (f"layer{i}",) for i in range(1, 5)}
_STAGES: dict[str, Stages] = {
    "resnet": {"stem": ("conv1", "bn1", "maxpool"), **_RESIDUAL},
    "bottleneck": {"stem": ("stem",), **_RESIDUAL},
    "densenet": {
        "stem": ("features.conv0", "features.norm0"),
        **{
            f"denseblock{i}": (f"features.denseblock{i}", f"features.transition{i}")
            for i in (1, 2, 3)
        },
        "denseblock4": ("features.denseblock4", "features.norm5"),
    },
    "alexnet": {f"conv{i}": (f"features.{at}",) for i, at in enumerate((0, 3, 6, 8, 10), start=1)},
    "googlenet": {
        "stem": ("conv1", "conv2", "conv3"),
        **{
            f"inception{i}": tuple(f"inception{i}{letter}" for letter in letters)
            for i, letters in ((3, "ab"), (4, "abcde"), (5, "ab"))
        },
    },
}
_VGG_CONVOLUTIONS = {
    "11": (1, 1, 2, 2, 2),
    "13": (2, 2, 2, 2, 2),
    "16": (2, 2, 3, 3, 3),
    "19": (2, 2, 4, 4, 4),
}
_NUM_BLOCKS = {"mobilenetv1_100": 5, "mobilenetv3_small_100": 6}  # others of timm's builder have 7


def is_layer_string(backbone: str) -> bool:
    """Whether `backbone` is written as layers, as 'C64-P-F-D', be they possible or not."""
    return re.match(r"[A-Z]\d*(-|$)", backbone) is not None


def family_of(backbone: str) -> str:
    """The family of `backbone`: 'vgg16_bn' -> 'vgg'; 'module:function' -> 'function'.

    Layer strings are a family of their own, and an old name has the family of its network. Raises
    StudyError for an unknown name.
    """
    if backbone in _FAMILY_OF:
        return _FAMILY_OF[backbone]
    _check_network(backbone)
    if is_layer_string(backbone):
        return LAYERS
    if ":" in backbone:
        return backbone.partition(":")[2]
    import timm

    # of an old name the function is timm's own _registry, which is no family
    return timm.models.model_entrypoint(present_name(backbone)).__module__.rpartition(".")[2]


@functools.cache
def present_name(backbone: str) -> str:
    """What timm calls a network now: 'tv_resnet50' -> 'resnet50.tv_in1k'; any other name stays.

    timm still builds what it has renamed, but knows its weights by the present name alone.
    """
    if backbone in _FAMILY_OF or is_layer_string(backbone) or ":" in backbone:
        return backbone
    import timm

    return timm.models.get_deprecated_models().get(backbone) or backbone


def known_backbones() -> list[str]:
    """Every backbone that has a name: timm's, torchvision's and ours. Sorted."""
    import timm

    return sorted({*timm.list_models(), *TORCHVISION, BOTTLENECK})


def check_backbone(backbone: str) -> None:
    """Raise StudyError, with near names, unless `backbone` can be built.

    A name of timm may carry the tag of its weights ('resnet18.a1_in1k'), and may be one that timm
    has given up for another. A layer string passes as it is: `layers.describe` knows whether its
    layers fit on each other.
    """
    _check_network(backbone)
    present = present_name(backbone)
    network, dot, tag = present.partition(".")
    if not dot or ":" in backbone:
        return
    import timm

    known = [name.partition(".")[2] for name in timm.list_models(network, include_tags=True)]
    if tag not in known and present != backbone:
        near = [f"{network}.{one}" for one in known if one.startswith(tag)]
        raise StudyError(
            f"timm has renamed {backbone} to {present}, and has no such weights any more: take "
            f"{some_of(near, 8) if near else network}"
        )
    if tag not in known:
        choice = f"its tags are {some_of(known, 8)}" if any(known) else "timm has none of it"
        raise StudyError(
            f"{network} has no weights {tag!r}: {choice}, or leave the tag out{did_you_mean(tag, known)}"
        )


def _check_network(backbone: str) -> None:
    if backbone in _FAMILY_OF or is_layer_string(backbone):
        return
    if ":" in backbone:
        own_function(backbone)
        return
    import timm

    if not timm.is_model(backbone):
        raise StudyError(
            f"there is no backbone {backbone!r}; any timm model, "
            f"{', '.join(TORCHVISION)}, {BOTTLENECK}, a layer string as C64-P-F-D "
            "or module:function will do" + did_you_mean(backbone, known_backbones())
        )


def stages(backbone: str) -> Stages:
    """Stage -> the modules it consists of, in the order of the forward pass.

    Empty where no table says it: then the network has to be asked (freeze.py).
    """
    if ":" in backbone:
        return {}
    family = family_of(backbone)
    name = present_name(backbone).partition(".")[0]  # without the tag of its weights
    if family == "resnet":  # all of timm's have the same stages
        return _STAGES[family]
    if name not in _FAMILY_OF:
        return {}
    if family == "vgg":
        return _vgg_stages(name)
    if family in ("efficientnet", "mobilenetv3"):
        blocks = [f"blocks.{i}" for i in range(_NUM_BLOCKS.get(name, 7))]
        return {"stem": ("conv_stem", "bn1"), **{block: (block,) for block in blocks}}
    return _STAGES[family]


def _vgg_stages(name: str) -> Stages:
    """A block is what lies before a pooling layer."""
    per_convolution = 3 if name.endswith("_bn") else 2  # with batch norm and ReLU
    found: Stages = {}
    start = 0
    for i, num_convolutions in enumerate(_VGG_CONVOLUTIONS[name[3:5]], start=1):
        end = start + num_convolutions * per_convolution
        found[f"block{i}"] = tuple(f"features.{at}" for at in range(start, end))
        start = end + 1
    return found


def own_function(backbone: str) -> Callable[..., Any]:
    """The function that 'module:function' names. Raises StudyError when it can't be imported."""
    module_name, _, name = backbone.partition(":")
    if module_name.lower() in _PLACES:
        raise StudyError(
            f"backbone {backbone!r} is a place: name the network, as resnet18.a1_in1k, and say where "
            "its weights are with weights: hub, or weights: FOLDER"
        )
    if not all(map(str.isidentifier, (*module_name.split("."), name))):
        raise StudyError(
            f"backbone {backbone!r} can't be imported: write module:function, as my_nets:small"
        )
    try:
        function = getattr(importlib.import_module(module_name), name)
    except Exception as error:  # it is someone's code: it may do anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise StudyError(
            f"backbone {backbone!r} can't be imported ({reason}); "
            "install its module, or put the module's folder on PYTHONPATH"
        ) from error
    if not callable(function):
        raise StudyError(f"backbone {backbone!r} is no function but {type(function).__name__}")
    return function
