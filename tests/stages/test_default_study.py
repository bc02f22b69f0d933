"""Which study is taken where none is named, and what is said about it."""

import pytest

from pneumoray.distributed.capacity import Capacity
from pneumoray.errors import StudyError
from pneumoray.stages import default_study as module
from pneumoray.stages.default_study import default_study

HERE, THERE = None, "10.0.0.1:6379"


@pytest.fixture
def asked(monkeypatch):
    """Sets what clusters and machines can hold; returns the addresses that were asked."""
    addresses = []

    def set_to(gpus, scales=False):
        def capacity_of(address):
            addresses.append(address)
            return Capacity(({"CPU": 2.0, "GPU": gpus},), scales)

        monkeypatch.setattr(module, "capacity_of", capacity_of)
        return addresses

    return set_to


@pytest.mark.parametrize(
    ("gpus", "scales", "address", "name", "why"),
    [
        (0, False, HERE, "xray-64", "for CPUs: no GPU here"),
        (0, False, THERE, "xray-64", "for CPUs: no GPU in the cluster"),
        (2, False, HERE, "xray", "for GPUs: 2 GPU(s) here"),
        (2, False, THERE, "xray", "for GPUs: 2 GPU(s) in the cluster"),
        (1, True, THERE, "xray", "for GPUs: 1 GPU(s) in the cluster"),
    ],
)
def test_the_study_suits_the_cluster_and_says_so(asked, gpus, scales, address, name, why):
    said, addresses = [], asked(gpus, scales)
    assert default_study("auto", address, said.append) == name
    assert addresses == [address]
    assert [event["text"] for event in said] == [
        f"study {name}, {why}; choose another with --study NAME ('pneumoray studies' lists them)"
    ]


@pytest.mark.parametrize(("device", "name"), [("cpu", "xray-64"), ("cuda", "xray")])
def test_a_device_that_is_wanted_decides_and_nobody_is_asked(asked, device, name):
    said, addresses = [], asked(gpus=1)
    assert default_study(device, THERE, said.append) == name
    assert f"study {name}" in said[0]["text"]
    assert f"--device {device}" in said[0]["text"]
    assert addresses == []


def test_a_cluster_that_starts_nodes_when_asked_is_not_judged_by_its_size(asked):
    asked(gpus=0, scales=True)
    with pytest.raises(StudyError, match=r"--study xray \(for GPUs\) or --study xray-64"):
        default_study("auto", THERE)
