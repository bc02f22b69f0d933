"""What fits on nodes of known size, counted by hand; Ray itself is not started here."""

import pytest

from pneumoray.distributed.available import capacity_of
from pneumoray.distributed.capacity import Capacity, this_machine
from pneumoray.distributed.resources import Resources
from pneumoray.errors import ClusterError

CPUS = Capacity(({"CPU": 4.0}, {"CPU": 3.0, "memory": 1e9}))
GPUS = Capacity(({"CPU": 8.0, "GPU": 2.0}, {"CPU": 4.0}))
EMPTY = Capacity(({"CPU": 1.0},), scales=True)


@pytest.mark.parametrize(
    ("capacity", "asked", "device", "slots"),
    [
        (CPUS, Resources(), "cpu", 7),
        (CPUS, Resources(cpus_per_trial=2), "cpu", 3),  # 2 on one node, 1 on the other
        (CPUS, Resources(max_concurrent=3), "cpu", 3),
        (GPUS, Resources(), "cuda", 2),
        (GPUS, Resources(gpus_per_trial=0.5), "cuda", 4),
        (GPUS, Resources(device="cpu"), "cpu", 12),
        (EMPTY, Resources(device="cuda"), "cuda", 1000),
        (EMPTY, Resources(device="cuda", max_concurrent=5), "cuda", 5),
    ],
)
def test_the_device_and_how_many_run_side_by_side(capacity, asked, device, slots):
    resolved = capacity.resolve(asked, workers=1)
    assert resolved.device == device
    assert capacity.slots(resolved) == slots


def test_a_gpu_that_is_not_there_is_refused_with_the_way_out():
    with pytest.raises(ClusterError, match=r"there is none: use --device cpu"):
        CPUS.resolve(Resources(device="cuda"), workers=1)


def test_what_has_no_room_is_refused_with_the_figures():
    with pytest.raises(ClusterError, match=r"8 workers of 1 CPU, and the cluster has room for 7"):
        CPUS.resolve(Resources(), workers=8)
    with pytest.raises(ClusterError, match=r"3 workers of 1 CPU and 1 GPU.* 2; .*--device cpu"):
        GPUS.resolve(Resources(), workers=3)


def test_without_a_cluster_it_is_this_machine():
    assert capacity_of(None) == capacity_of("local") == this_machine()
    assert this_machine().places(Resources()) >= 1
    assert not this_machine().scales
