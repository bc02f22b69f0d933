"""default_study: the study that suits the machine, where none is named."""

from pneumoray.distributed.available import capacity_of
from pneumoray.distributed.resources import is_remote
from pneumoray.errors import StudyError
from pneumoray.stages.prepare import OnEvent

FOR_GPUS, FOR_CPUS = "xray", "xray-64"


def default_study(
    device: str = "auto", address: str | None = None, on_event: OnEvent = lambda event: None
) -> str:
    """`xray` where there is a GPU, `xray-64` where there is none; says which, and how to choose another.

    `device` 'cuda' or 'cpu' decides it; 'auto' asks the cluster at `address` (default: RAY_ADDRESS),
    else this machine. Raises StudyError for a cluster without a GPU that starts nodes when asked: it
    may get one.
    """
    on_gpus, why = device == "cuda", f"--device {device}"
    if device == "auto":
        place = "in the cluster" if is_remote(address) else "here"
        capacity = capacity_of(address)
        on_gpus = capacity.num_gpus > 0
        if capacity.scales and not on_gpus:
            raise StudyError(
                "this cluster starts nodes when asked, so whether it has GPUs can't be seen: name a "
                f"study, as --study {FOR_GPUS} (for GPUs) or --study {FOR_CPUS} (for CPUs)"
            )
        why = f"{capacity.num_gpus:g} GPU(s) {place}" if on_gpus else f"no GPU {place}"
    name, suited = (FOR_GPUS, "GPUs") if on_gpus else (FOR_CPUS, "CPUs")
    text = (
        f"study {name}, for {suited}: {why}; choose another with --study NAME "
        "('pneumoray studies' lists them)"
    )
    on_event({"type": "note", "text": text})
    return name
