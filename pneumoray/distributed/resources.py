"""What a trial takes of a machine, and where it runs. Needs no ray."""

import os
import secrets
import sys
from dataclasses import dataclass

_TOKEN = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")


@dataclass(frozen=True)
class Resources:
    """What one worker of a trial takes. Never part of a trial's identity."""

    device: str = "auto"  # auto | cpu | cuda
    cpus_per_trial: int = 1
    gpus_per_trial: float = 1.0  # a race trial may take a fraction of a card
    max_concurrent: int | None = None

    def per_worker(self) -> dict[str, float]:
        gpus = {"GPU": self.gpus_per_trial} if self.device == "cuda" else {}
        return {"CPU": float(self.cpus_per_trial)} | gpus


def is_remote(address: str | None) -> bool:
    """Whether `address`, or RAY_ADDRESS, names a running cluster."""
    return (address or os.environ.get("RAY_ADDRESS") or "local") != "local"


def keep_token_private(address: str | None) -> None:
    """Give a cluster that starts here a token for itself alone. Call it before Ray is imported.

    Without one, Ray would make a token in the home folder, and turn authentication on for every
    cluster to come. Where Ray is imported already, or a token is named, nothing is changed.
    """
    named = any(name in os.environ for name in _TOKEN)
    if not (is_remote(address) or named or "ray" in sys.modules):
        os.environ.update({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)})
