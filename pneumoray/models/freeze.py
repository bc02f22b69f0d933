"""Freezing: which stages a backbone has, and keeping the first of them as they are.

Frozen means: no gradients, so that autograd builds no graph over the front, and evaluation mode for
good, so that batch norms keep their statistics and nothing is dropped out.
"""

from collections.abc import Iterable, Iterator
from types import MethodType
from typing import TYPE_CHECKING, Any

from pneumoray.errors import StudyError
from pneumoray.models import names
from pneumoray.models.architecture import Architecture

if TYPE_CHECKING:
    from torch import nn


def stages_of(backbone: str) -> tuple[str, ...]:
    """Names of the backbone's stages, in the order of the forward pass; none of a layer string."""
    if names.is_layer_string(backbone):
        return ()
    return tuple(names.stages(backbone) or _stages_in(_on_paper(backbone)))


def check_freeze(backbone: str, stage: str) -> None:
    """Raise StudyError unless `stage` is 'none', 'backbone' or a stage of `backbone`."""
    if stage == "none":
        return
    if names.is_layer_string(backbone):
        raise StudyError(
            f"freeze {stage!r} is for a backbone with stages, and {backbone} is a layer string; "
            "use freeze: none"
        )
    if stage != "backbone" and stage not in (stages := stages_of(backbone)):
        raise StudyError(
            f"{backbone} has no stage {stage!r} to freeze up to; "
            f"choose none, backbone, {', '.join(stages)}"
        )


def freeze(model: "nn.Module", backbone: str, stage: str) -> None:
    """Freeze nothing ('none'), all but the head ('backbone'), or all up to and including `stage`.

    Raises StudyError for a stage that `backbone` has not.
    """
    from pneumoray.models.head import head_prefixes

    check_freeze(backbone, stage)
    if stage == "none":
        return
    if stage == "backbone":
        head = head_prefixes(model)
        frozen = list(_without(model, head))
        for name, parameter in model.named_parameters():  # some belong to no module but the whole
            if not name.startswith(head):
                parameter.requires_grad_(False)
    else:
        stages = names.stages(backbone) or _stages_in(model)
        last = list(stages).index(stage)
        frozen = [name for part in list(stages.values())[: last + 1] for name in part]
        for parameter in model.parameters(recurse=False):  # as a transformer's table of positions
            parameter.requires_grad_(False)
    for name in frozen:
        _freeze(model.get_submodule(name))


def _freeze(module: Any) -> None:
    module.requires_grad_(False)
    module.eval()
    module.train = MethodType(_stay, module)  # of this one module: what it holds follows it


def _stay(module: "nn.Module", mode: bool = True) -> "nn.Module":
    """In place of `train`, which the whole network's `train` calls for each of its parts."""
    return module


def _without(model: "nn.Module", head: Iterable[str], inside: str = "") -> Iterator[str]:
    """Names of the largest modules that hold tensors, and nothing of the head."""
    for name, module in _children(model, inside):
        prefix = f"{name}."
        if prefix.startswith(tuple(head)) or not _holds_tensors(module):
            continue
        if any(part.startswith(prefix) for part in head):
            yield from _without(module, head, prefix)
        else:
            yield name


def _stages_in(model: "nn.Module") -> names.Stages:
    """The stages of a network that no table knows: its parts in the order they were made.

    Those are its modules, a sequence of modules counting as each of them ('blocks.0').
    """
    from torch import nn

    from pneumoray.models.head import head_prefixes

    head = head_prefixes(model)
    found: list[str] = []
    for name, module in _children(model):
        is_sequence = isinstance(module, nn.Sequential | nn.ModuleList)
        parts = _children(module, f"{name}.") if is_sequence else [(name, module)]
        found += [part for part, held in parts if _holds_tensors(held)]
    return {
        part: (part,)
        for part in found
        if not f"{part}.".startswith(head) and not any(h.startswith(f"{part}.") for h in head)
    }


def _children(model: "nn.Module", prefix: str = "") -> list[tuple[str, "nn.Module"]]:
    return [(f"{prefix}{name}", module) for name, module in model.named_children()]


def _holds_tensors(module: "nn.Module") -> bool:
    return any(True for _ in module.parameters()) or any(True for _ in module.buffers())


def _on_paper(backbone: str) -> "nn.Module":
    """The network without memory for its weights, to be asked."""
    import torch

    from pneumoray.models import zoo

    try:
        with torch.device("meta"):
            return zoo.create(Architecture(backbone, color="rgb"), 2)
    except Exception as error:  # an own function may do anything
        raise StudyError(
            f"{backbone} can't be asked for its stages ({zoo.first_line(error)}); "
            "use freeze: none or backbone"
        ) from error
