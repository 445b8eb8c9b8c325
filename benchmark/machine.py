"""Where and with what a model ran: hardware, versions, peak memory."""

from __future__ import annotations

import os
import platform
import resource
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from benchmark.results import Hardware

PROGRAMS = ("synthatoms", "numpy", "scipy", "scikit-learn", "torch", "quippy-ase")
MIB = 1024**2


def describe_hardware() -> Hardware:
    """Return processor, usable cores, memory and operating system of this machine."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Hardware(
        cpu=_cpu_name(), cores=cores, memory_gib=round(psutil.virtual_memory().total / 1024**3, 1), platform=platform.platform(terse=True)
    )


def describe_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that models use, where installed."""
    found = {"python": platform.python_version()}
    for name in PROGRAMS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def reset_peak_memory() -> None:
    """Start measuring peak memory anew, where the system can (Linux); elsewhere the peak is that of the process."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def peak_memory_mib() -> float:
    """Return the largest resident memory of this process since `reset_peak_memory` [MiB]."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        scale = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / MIB
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
