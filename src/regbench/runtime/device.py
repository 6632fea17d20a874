"""Chooses what a training computes on: device, threads and precision."""

from pathlib import Path

import torch

from regbench.config.compute import Compute
from regbench.errors import InputError
from regbench.runtime.hardware import Device, Hardware
from regbench.runtime.precision import bfloat16_speedup, device_name, faster_precision, is_supported


def resolve_hardware(compute: Compute, memory: Path) -> Hardware:
    """Return what trainings run on; `precision: auto` is measured once per machine and remembered in `memory`.

    Raises:
        InputError: a GPU is asked for and there is none.
        CalledProcessError: the benchmark behind `precision: auto` failed.
    """
    kind = device(compute)
    if compute.precision != "auto":
        return Hardware(kind, compute.threads, compute.precision)
    if not is_supported(kind):
        return Hardware(kind, compute.threads, "float32")
    speedup = bfloat16_speedup(kind, compute.threads, memory)
    return Hardware(kind, compute.threads, faster_precision(speedup))


def precision_sentence(compute: Compute, memory: Path) -> str:
    """Return a line for the terminal: what `precision: auto` takes and why; empty where it is not asked for.

    Raises:
        InputError, CalledProcessError: as `resolve_hardware`.
    """
    if compute.precision != "auto":
        return ""
    hardware = resolve_hardware(compute, memory)
    name = device_name(hardware.device)
    taken = f"compute.precision = auto: {hardware.precision}"
    if not is_supported(hardware.device):
        return f"{taken}: {name} has no instructions for bfloat16"
    speedup = bfloat16_speedup(hardware.device, hardware.threads, memory)
    if hardware.precision == "bfloat16":
        return f"{taken}, {speedup:.3g} times as fast as float32 on {name}"
    if speedup >= 1:
        return f"{taken}: bfloat16 is only {speedup:.3g} times as fast on {name}"
    return f"{taken}: bfloat16 takes {1 / speedup:.3g} times as long on {name}"


def device(compute: Compute) -> Device:
    """Return `cpu` or `cuda`.

    Raises:
        InputError: a GPU is asked for and there is none.
    """
    available = torch.cuda.is_available()
    if compute.device == "cuda" and not available:
        raise InputError("params.yaml: compute.device = 'cuda': no GPU is visible to PyTorch: set it to auto or cpu")
    return "cuda" if available and compute.device != "cpu" else "cpu"
