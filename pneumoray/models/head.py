"""The head of a network: which heads there are, and where it begins. Needs no torch of its own."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pneumoray.errors import StudyError
from pneumoray.models import names

if TYPE_CHECKING:
    from torch import nn

HEADS = ("linear", "flatten", "vgg")
CLASSIC_FAMILIES = ("vgg", "alexnet")  # published with the 4096-wide head

# First words of tensor names that belong to a head, in timm and torchvision ("aux": GoogLeNet's).
HEAD_WORDS = ("head", "fc", "classifier", "pre_logits", "last_linear", "aux1", "aux2")


def check_head(head: str, backbone: str, hidden: Sequence[int] = ()) -> None:
    """Raise StudyError unless `backbone` can be built with `head` and its hidden layers.

    What only the network of timm can tell, whether it has a feature map, is left to `zoo.build`.
    """
    if head not in HEADS:
        raise StudyError(f"there is no head {head!r}; choose {', '.join(HEADS)}")
    is_string = names.is_layer_string(backbone)
    if (head != "linear" or hidden) and (is_string or ":" in backbone):
        asked = f"head {head!r}" if head != "linear" else f"hidden {list(hidden)}"
        raise StudyError(
            f"{'layer string' if is_string else 'own backbone'} {backbone} ends as it says itself, "
            f"so it takes no {asked}; leave out head and hidden"
        )
    if head != "vgg":
        return
    if names.family_of(backbone) not in CLASSIC_FAMILIES:
        raise StudyError(
            f"{backbone} has no head 'vgg' (only {' and '.join(CLASSIC_FAMILIES)} have); "
            "use head: linear or flatten"
        )
    if hidden:
        raise StudyError(
            f"head 'vgg' of {backbone} has its own hidden layers of 4096, hidden {list(hidden)} "
            "does not go with it; use head: linear or flatten"
        )


def classifier_prefixes(model: "nn.Module") -> tuple[str, ...]:
    """Name prefixes of what gives the logits: ('head.fc.',) for VGG, ('fc.',) with hidden layers too.

    Models of timm say it themselves, and a DenseHead is one by itself; elsewhere it is the last
    linear or convolutional layer.
    """
    from torch import nn

    from pneumoray.models.dense import DenseHead

    get_classifier: Any = getattr(model, "get_classifier", None)
    dense = [module for module in model.modules() if isinstance(module, DenseHead)]
    if dense:
        final: Any = dense
    elif get_classifier:
        final = get_classifier()
    else:
        final = [m for m in model.modules() if isinstance(m, nn.Linear | nn.Conv2d)][-1:]
    finals = final if isinstance(final, tuple | list) else (final,)
    return tuple(f"{name}." for name, m in model.named_modules() if any(m is f for f in finals))


def head_prefixes(model: "nn.Module") -> tuple[str, ...]:
    """Name prefixes of all that follows the backbone: the classifier, and what a head adds to it."""
    return (*(f"{word}." for word in HEAD_WORDS), *classifier_prefixes(model))


def count_parameters(model: "nn.Module") -> tuple[int, int]:
    """Numbers of parameters of `model`: (total, trainable)."""
    parameters = list(model.parameters())
    return sum(p.numel() for p in parameters), sum(p.numel() for p in parameters if p.requires_grad)
