"""Names of backbones and their families. The tables need no torch; other names ask timm."""

import importlib
from collections.abc import Callable
from typing import Any

from pneumoray.errors import StudyError, did_you_mean

TORCHVISION = ("alexnet", "googlenet")  # what timm lacks

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
}
_FAMILY_OF = {backbone: family for family, names in FAMILIES.items() for backbone in names}


def family_of(backbone: str) -> str:
    """The family of `backbone`: 'vgg16_bn' -> 'vgg'; 'module:function' -> 'function'.

    Raises StudyError for an unknown name.
    """
    if backbone in _FAMILY_OF:
        return _FAMILY_OF[backbone]
    check_backbone(backbone)
    if ":" in backbone:
        return backbone.partition(":")[2]
    import timm

    return timm.models.model_entrypoint(backbone).__module__.rpartition(".")[2]


def known_backbones() -> list[str]:
    """Every backbone that can be named: timm's, and those that torchvision adds. Sorted."""
    import timm

    return sorted({*timm.list_models(), *TORCHVISION})


def check_backbone(backbone: str) -> None:
    """Raise StudyError, with near names, unless `backbone` can be built.

    A name of timm may carry the tag of its weights ('resnet18.a1_in1k').
    """
    if backbone in _FAMILY_OF:
        return
    if ":" in backbone:
        own_function(backbone)
        return
    import timm

    if not timm.is_model(backbone):
        raise StudyError(
            f"there is no backbone {backbone!r}; any timm model, "
            f"{', '.join(TORCHVISION)} or module:function will do"
            + did_you_mean(backbone, known_backbones())
        )


def own_function(backbone: str) -> Callable[..., Any]:
    """The function that 'module:function' names. Raises StudyError when it can't be imported."""
    module_name, _, name = backbone.partition(":")
    try:
        function = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise StudyError(
            f"backbone {backbone!r} can't be imported ({error}); "
            "install its module, or put the module's folder on PYTHONPATH"
        ) from None
    if not callable(function):
        raise StudyError(f"backbone {backbone!r} is no function but {type(function).__name__}")
    return function
