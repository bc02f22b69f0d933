import time

import psutil
import pytest

from pneumoray.distributed.usage import Usage

OF_MLFLOW = {  # the names of its own system metrics
    "cpu_utilization_percentage",
    "system_memory_usage_megabytes",
    "system_memory_usage_percentage",
    "disk_usage_megabytes",
    "disk_available_megabytes",
    "disk_usage_percentage",
    "network_receive_megabytes",
    "network_transmit_megabytes",
}


def test_the_machine_is_measured_under_mlflows_own_names():
    found = Usage().read()
    assert set(found) == OF_MLFLOW
    memory = psutil.virtual_memory()
    expected = 100 * memory.used / memory.total
    assert found["system_memory_usage_percentage"] == pytest.approx(expected, abs=10)
    assert all(0 <= value <= 100 for name, value in found.items() if "percentage" in name)


def test_the_processor_is_measured_since_the_last_reading():
    usage = Usage()
    usage.read()
    end = time.monotonic() + 0.3
    while time.monotonic() < end:  # one core is busy
        pass
    assert usage.read()["cpu_utilization_percentage"] > 50 / (psutil.cpu_count() or 1)
