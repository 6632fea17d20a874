"""Measure once per machine whether bfloat16 is faster than float32, and remembers the answer."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import torch
from pydantic import BaseModel, ConfigDict, Field

from regbench.config.section import Precision
from regbench.files import read_json, write_json
from regbench.runtime.machine import processor

WORTHWHILE = 1.2
"""Minimum speedup of bfloat16 over float32 for bfloat16 to be used."""
INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")
"""Flags of processors, x86 and ARM, that multiply bfloat16 numbers; others convert each one, which is slow."""


class Memory(BaseModel):
    """The file in which answers are remembered."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bfloat16_speedup: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = {}
    """Seconds in float32 divided by seconds in bfloat16, by what was measured (`measurement_name`)."""


def is_supported(device: str) -> bool:
    """Return whether the device has instructions for bfloat16."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    flags = torch.cpu.get_capabilities()
    return any(flags.get(flag, False) for flag in INSTRUCTIONS)


def device_name(device: str) -> str:
    """Return the model of the processor or GPU."""
    return torch.cuda.get_device_name() if device == "cuda" else processor()


def measurement_name(device: str, threads: int) -> str:
    """Return the key of an answer: processor or GPU, device, threads, version of PyTorch."""
    return f"{device_name(device)}, {device}, threads {threads}, torch {torch.__version__}"


def bfloat16_speedup(device: str, threads: int, memory: Path) -> float:
    """Return the speedup of bfloat16 over float32: read it from `memory`, else measure it and write it there.

    The answer decides the bits of a trained network, so noise must not change it from run to run. A memory that
    cannot be read is replaced.
    """
    name = measurement_name(device, threads)
    if (known := _read(memory).get(name)) is not None:
        return known
    float32, bfloat16 = measure(device, threads)
    # Another process may have measured meanwhile: the first answer holds for all.
    answers = _read(memory)
    if name not in answers:
        answers |= {name: float32 / bfloat16}
        write_json(memory, Memory(bfloat16_speedup=answers).model_dump())
    return answers[name]


def faster_precision(speedup: float) -> Precision:
    """Return the precision to take where bfloat16 is `speedup` times as fast as float32."""
    return "bfloat16" if speedup >= WORTHWHILE else "float32"


def measure(device: str, threads: int) -> tuple[float, float]:
    """Return the seconds of a training step's matrix products in float32 and in bfloat16.

    Raises:
        CalledProcessError: the benchmark failed; its output is in the terminal.
    """
    command = [sys.executable, "-m", "regbench.runtime.precision_benchmark", device, str(threads)]
    paths = [str(Path(__file__).resolve().parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    float32, bfloat16 = json.loads(done.stdout)
    return float(float32), float(bfloat16)


def _read(memory: Path) -> dict[str, float]:
    try:
        return Memory.model_validate(read_json(memory)).bfloat16_speedup
    except (OSError, ValueError, RecursionError):  # pydantic's ValidationError and broken JSON are ValueErrors
        return {}
