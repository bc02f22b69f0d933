"""What a cluster or this machine can hold: on which device trials run, and how many side by side."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from pneumoray.data.read import num_cores
from pneumoray.distributed.resources import Resources
from pneumoray.errors import ClusterError

_MANY = 1000  # trials at once, where the cluster grows to what is asked for


@dataclass(frozen=True)
class Capacity:
    """The resources of each node, and whether more nodes start when asked: then size says nothing."""

    nodes: tuple[Mapping[str, float], ...]
    scales: bool = False

    @property
    def num_gpus(self) -> float:
        return sum(node.get("GPU", 0) for node in self.nodes)

    def resolve(self, resources: Resources, workers: int) -> Resources:
        """Choose the device of `auto`. Raises ClusterError for a trial that doesn't fit."""
        if resources.device == "cuda" and not self.num_gpus and not self.scales:
            raise ClusterError(
                "--device cuda wants a GPU, and there is none: use --device cpu, or a machine or "
                "cluster that has one"
            )
        device = resources.device
        if device == "auto":
            device = "cuda" if self.num_gpus else "cpu"
        chosen = replace(resources, device=device)
        places = self.places(chosen)
        if places < workers and not self.scales:
            each = " and ".join(
                f"{amount:g} {kind}" for kind, amount in chosen.per_worker().items()
            )
            on_cpus = "; or use --device cpu" if device == "cuda" else ""
            raise ClusterError(
                f"a trial needs {workers} workers of {each}, and the cluster has room for {places}; "
                f"lower --workers or what each takes, or add nodes{on_cpus}"
            )
        return chosen

    def slots(self, resources: Resources) -> int:
        """How many workers run side by side: as many as fit, or as are allowed where nodes come and go."""
        if self.scales:
            return resources.max_concurrent or _MANY
        places = max(1, self.places(resources))
        return min(places, resources.max_concurrent or places)

    def places(self, resources: Resources) -> int:
        """How many workers the present nodes hold, none of them split over two."""
        per_worker = resources.per_worker()
        return sum(
            min(int(node.get(kind, 0) / amount) for kind, amount in per_worker.items())
            for node in self.nodes
        )


def this_machine() -> Capacity:
    """The cores and GPUs here, as far as torch can use them; needs no ray."""
    import torch

    return Capacity(({"CPU": num_cores(), "GPU": torch.cuda.device_count()},))


def grows_when_asked() -> bool:
    """Whether this process is in a cluster that starts nodes when asked (KubeRay)."""
    return "KUBERAY_GEN_RAY_START_CMD" in os.environ
