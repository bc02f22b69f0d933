"""What training takes of the machine, epoch by epoch, as MLflow's own system metrics name it."""

import os

import psutil

_MEGABYTE = 1e6


class Usage:
    """Measures the machine that it is made on: all of its processes, not only this one."""

    def __init__(self) -> None:
        psutil.cpu_percent()  # the next call is of the time since this one
        self._network = psutil.net_io_counters()

    def read(self, device: str = "cpu") -> dict[str, float]:
        """Processor's load since the last reading; memory, disk and the network's sum, now.

        Percentages are of 0 to 100. Of a CUDA device, its memory in use.
        """
        memory, disk = psutil.virtual_memory(), psutil.disk_usage(os.sep)
        found = {
            "cpu_utilization_percentage": psutil.cpu_percent(),
            "system_memory_usage_megabytes": memory.used / _MEGABYTE,
            "system_memory_usage_percentage": 100 * memory.used / memory.total,
            "disk_usage_megabytes": disk.used / _MEGABYTE,
            "disk_available_megabytes": disk.free / _MEGABYTE,
            "disk_usage_percentage": disk.percent,
        }
        if self._network is not None:  # None: a machine without a network
            network = psutil.net_io_counters()
            for way, name in (("recv", "receive"), ("sent", "transmit")):
                since = getattr(network, f"bytes_{way}") - getattr(self._network, f"bytes_{way}")
                found[f"network_{name}_megabytes"] = since / _MEGABYTE
        if device.startswith("cuda"):
            import torch

            free, total = torch.cuda.mem_get_info(device)
            found["gpu_0_memory_usage_megabytes"] = (total - free) / _MEGABYTE
            found["gpu_0_memory_usage_percentage"] = 100 * (total - free) / total
        return {name: round(value, 1) for name, value in found.items()}
