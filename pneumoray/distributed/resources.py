"""What a trial takes of a machine, and where it runs. Needs no ray."""

import os
from dataclasses import dataclass


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
