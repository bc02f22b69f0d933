"""What is available to a study: the cluster that is named, else this machine."""

from pneumoray.distributed.capacity import Capacity, this_machine
from pneumoray.distributed.resources import is_remote


def capacity_of(address: str | None) -> Capacity:
    """The capacity of the cluster at `address` (default: RAY_ADDRESS), else of this machine.

    Raises ClusterError in one line when the cluster can't be reached.
    """
    if not is_remote(address):
        return this_machine()
    from pneumoray.distributed import runtime  # Ray loads only where there is a cluster

    with runtime.cluster(address):
        return runtime.capacity()
