"""Train a zoo of image classifiers on Ray, compare them fairly, vote the best, test once."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pneumoray.bundle import load as load_bundle
    from pneumoray.stages.board import leaderboard
    from pneumoray.stages.compare import compare
    from pneumoray.stages.models import load_model
    from pneumoray.stages.train import train_all
    from pneumoray.stages.vote import ensemble

__all__ = [  # dir() shows these
    "compare",
    "ensemble",
    "leaderboard",
    "load_bundle",
    "load_model",
    "train_all",
]
__version__ = "0.1.0"

_WHERE = {
    "train_all": (".stages.train", "train_all"),
    "compare": (".stages.compare", "compare"),
    "ensemble": (".stages.vote", "ensemble"),
    "leaderboard": (".stages.board", "leaderboard"),
    "load_bundle": (".bundle", "load"),
    "load_model": (".stages.models", "load_model"),
}


def __getattr__(name: str) -> Any:
    """Import Ray, MLflow and torch only when something that needs them is asked for."""
    if name not in _WHERE:
        raise AttributeError(f"module 'pneumoray' has no attribute {name!r}")
    import importlib

    module, attribute = _WHERE[name]
    return getattr(importlib.import_module(module, __name__), attribute)


def __dir__() -> list[str]:
    """The functions that people call; modules that were imported are not among them."""
    return __all__
