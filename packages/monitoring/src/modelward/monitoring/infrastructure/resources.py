"""Resources: what this machine has and uses at this moment."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from pathlib import Path

from modelward.core.errors import DataError
from modelward.monitoring.infrastructure.records import ResourceSample


def sample_resources(*, disk: str | Path = "/", interval: float = 0.1) -> ResourceSample:
    """Look at processor, memory, disk, network and, where there is one, the graphics processors.

    The shares (`…_ratio`) are in [0, 1]; the processor's is that of `interval` seconds. Network and
    disk transfers are counters since the machine's start. Of graphics processors, by NVML (extra
    `gpu`), `gpu0_ratio` and so on; a machine without one has none of these. Raises `DataError` for a
    folder that is not there.

    >>> sorted(sample_resources().values)[:2]
    ['cpu_count', 'cpu_ratio']
    """
    import psutil

    if not Path(disk).exists():
        raise DataError(f"expected a folder whose disk to look at, got {disk}")
    memory, swap, space = (
        psutil.virtual_memory(),
        psutil.swap_memory(),
        psutil.disk_usage(str(disk)),
    )
    values = {
        "cpu_ratio": psutil.cpu_percent(interval=interval) / 100,
        "cpu_count": float(psutil.cpu_count() or 1),
        "load_1m": psutil.getloadavg()[0],
        "memory_used_bytes": float(memory.total - memory.available),
        "memory_total_bytes": float(memory.total),
        "swap_used_bytes": float(swap.used),
        "disk_used_bytes": float(space.used),
        "disk_total_bytes": float(space.total),
    }
    network = psutil.net_io_counters()
    if network is not None:
        values["network_received_bytes"] = float(network.bytes_recv)
        values["network_sent_bytes"] = float(network.bytes_sent)
    transfers = psutil.disk_io_counters()
    if transfers is not None:
        values["disk_read_bytes"] = float(transfers.read_bytes)
        values["disk_written_bytes"] = float(transfers.write_bytes)
    return ResourceSample(socket.gethostname(), datetime.now(UTC), values | _gpus())


def _gpus() -> dict[str, float]:
    try:
        import pynvml
    except ModuleNotFoundError:  # the extra is not installed
        return {}
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:  # no driver: no graphics processor of NVIDIA here
        return {}
    values: dict[str, float] = {}
    try:
        for number in range(pynvml.nvmlDeviceGetCount()):
            device = pynvml.nvmlDeviceGetHandleByIndex(number)
            memory = pynvml.nvmlDeviceGetMemoryInfo(device)
            values[f"gpu{number}_ratio"] = pynvml.nvmlDeviceGetUtilizationRates(device).gpu / 100
            values[f"gpu{number}_memory_used_bytes"] = float(memory.used)
            values[f"gpu{number}_memory_total_bytes"] = float(memory.total)
    finally:
        pynvml.nvmlShutdown()
    return values
