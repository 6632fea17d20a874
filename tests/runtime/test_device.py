"""`compute.precision: auto` takes bfloat16 where it is measured to be faster, and keeps to its answer."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from regbench.config.compute import Compute
from regbench.errors import InputError
from regbench.runtime import device as device_module
from regbench.runtime import precision
from regbench.runtime.arithmetic import prepare
from regbench.runtime.device import Hardware, device, precision_sentence, resolve_hardware

AUTO = Compute(device="cpu", precision="auto")


class Benchmark:
    """Stands in for the measurement: returns the seconds it is told to, and counts how often it is asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.float32, self.bfloat16 = 1.0, 1.0
        self.asked: list[tuple[str, int]] = []
        self.meanwhile: Callable[[], Any] = lambda: None
        monkeypatch.setattr(precision, "measure", self)
        monkeypatch.setattr(precision, "processor", lambda: "Fast 1")
        monkeypatch.setattr(device_module, "is_supported", lambda device: True)

    def __call__(self, device: str, threads: int) -> tuple[float, float]:
        self.asked.append((device, threads))
        self.meanwhile()
        return self.float32, self.bfloat16


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Benchmark:
    return Benchmark(monkeypatch)


@pytest.mark.parametrize(
    ("float32", "expected"),
    [(1.19, "float32"), (1.2, "bfloat16"), (1.21, "bfloat16"), (1.0, "float32"), (0.03, "float32"), (29, "bfloat16")],
)
def test_bfloat16_is_taken_where_it_is_at_least_1_2_times_as_fast(
    float32: float, expected: str, benchmark: Benchmark, tmp_path: Path
) -> None:
    benchmark.float32 = float32
    hardware = resolve_hardware(AUTO.model_copy(update={"threads": 3}), tmp_path / "memory.json")
    assert hardware == Hardware("cpu", 3, expected)  # type: ignore[arg-type]
    assert benchmark.asked == [("cpu", 3)]


@pytest.mark.parametrize("kind", ["float32", "bfloat16"])
def test_a_precision_that_is_given_is_taken_as_it_is(kind: str, benchmark: Benchmark, tmp_path: Path) -> None:
    compute = Compute.model_validate({"device": "cpu", "precision": kind})
    assert resolve_hardware(compute, tmp_path / "memory.json").precision == kind
    assert precision_sentence(compute, tmp_path / "memory.json") == ""
    assert not benchmark.asked and not list(tmp_path.iterdir())


def test_without_instructions_for_bfloat16_nothing_is_measured(
    benchmark: Benchmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = tmp_path / "memory.json"
    benchmark.float32 = 2
    assert resolve_hardware(AUTO, memory).precision == "bfloat16"
    monkeypatch.setattr(device_module, "is_supported", lambda device: False)
    benchmark.asked.clear()
    # Another model of the same name may have answered: what this one has not, it does not take.
    assert resolve_hardware(AUTO, memory).precision == "float32" and not benchmark.asked


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({}, False),
        ({"avx512_f": True, "avx512_bf16": False, "amx_bf16": False}, False),
        ({"avx512_bf16": True}, True),
        ({"amx_bf16": True}, True),
        ({"architecture": "aarch64", "bf16": True}, True),
    ],
)
def test_instructions_are_what_the_processor_says(
    flags: dict[str, object], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: flags)
    assert precision.is_supported("cpu") == expected


def test_an_answer_is_remembered_whatever_a_later_measurement_would_say(benchmark: Benchmark, tmp_path: Path) -> None:
    memory = tmp_path / "folder" / "memory.json"
    benchmark.float32 = 1.9
    first = resolve_hardware(AUTO, memory)
    content = memory.read_bytes()
    benchmark.float32 = 0.5
    assert resolve_hardware(AUTO, memory) == first and memory.read_bytes() == content
    assert len(benchmark.asked) == 1
    assert [path.name for path in memory.parent.iterdir()] == ["memory.json"]


def test_another_processor_thread_count_or_pytorch_is_measured_again(
    benchmark: Benchmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = tmp_path / "memory.json"
    benchmark.float32 = 1.9
    resolve_hardware(AUTO, memory)
    benchmark.float32 = 0.5
    two = AUTO.model_copy(update={"threads": 2})
    assert resolve_hardware(two, memory).precision == "float32" and len(benchmark.asked) == 2
    with monkeypatch.context() as patch:
        patch.setattr(precision, "processor", lambda: "Slow 2")
        assert resolve_hardware(AUTO, memory).precision == "float32" and len(benchmark.asked) == 3
    with monkeypatch.context() as patch:
        patch.setattr(torch, "__version__", "3.0")
        assert resolve_hardware(AUTO, memory).precision == "float32" and len(benchmark.asked) == 4
    assert resolve_hardware(AUTO, memory).precision == "bfloat16" and len(benchmark.asked) == 4
    assert len(json.loads(memory.read_text())["bfloat16_speedup"]) == 4


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"{}",
        b'{"other": 1}',
        b'{"bfloat16_speedup": {"%s": "fast"}}',
        b'{"bfloat16_speedup": {"%s": NaN}}',
        b'{"bfloat16_speedup": {"%s": 0}}',
        b"[" * 100_000,
    ],
)
def test_a_broken_memory_is_measured_again_and_replaced(content: bytes, benchmark: Benchmark, tmp_path: Path) -> None:
    memory = tmp_path / "memory.json"
    memory.write_bytes(content.replace(b"%s", precision.measurement_name("cpu", 1).encode()))
    benchmark.float32 = 1.9
    assert resolve_hardware(AUTO, memory).precision == "bfloat16"
    assert resolve_hardware(AUTO, memory).precision == "bfloat16" and len(benchmark.asked) == 1


def test_of_two_processes_that_measure_at_once_the_first_answer_holds(benchmark: Benchmark, tmp_path: Path) -> None:
    memory = tmp_path / "memory.json"
    answer = {"bfloat16_speedup": {precision.measurement_name("cpu", 1): 1.3}}
    benchmark.meanwhile = lambda: memory.write_text(json.dumps(answer))
    assert resolve_hardware(AUTO, memory).precision == "bfloat16"
    assert json.loads(memory.read_text()) == answer


@pytest.mark.parametrize(
    ("float32", "sentence"),
    [
        (1.94, "compute.precision = auto: bfloat16, 1.94 times as fast as float32 on Fast 1"),
        (1.1, "compute.precision = auto: float32: bfloat16 is only 1.1 times as fast on Fast 1"),
        (1 / 29, "compute.precision = auto: float32: bfloat16 takes 29 times as long on Fast 1"),
    ],
)
def test_the_sentence_says_what_is_taken_and_why(
    float32: float, sentence: str, benchmark: Benchmark, tmp_path: Path
) -> None:
    benchmark.float32 = float32
    resolve_hardware(AUTO, tmp_path / "memory.json")
    assert precision_sentence(AUTO, tmp_path / "memory.json") == sentence and len(benchmark.asked) == 1


def test_the_sentence_without_instructions(
    benchmark: Benchmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_module, "is_supported", lambda device: False)
    sentence = "compute.precision = auto: float32: Fast 1 has no instructions for bfloat16"
    assert precision_sentence(AUTO, tmp_path / "memory.json") == sentence and not benchmark.asked


def test_a_real_measurement_gives_an_answer_that_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the processor has no instructions for bfloat16: it takes long then, but ends."""
    monkeypatch.setattr(device_module, "is_supported", lambda device: True)
    memory = tmp_path / "memory.json"
    threads = torch.get_num_threads()
    hardware = resolve_hardware(AUTO, memory)
    assert (hardware.device, hardware.threads) == ("cpu", 1) and hardware.precision in ("float32", "bfloat16")
    assert hardware.precision in precision_sentence(AUTO, memory) and torch.get_num_threads() == threads
    monkeypatch.setattr(precision, "measure", None)
    assert resolve_hardware(AUTO, memory) == hardware


def test_hardware_can_be_a_key_and_travel_to_another_process() -> None:
    hardware = Hardware("cpu", 2, "bfloat16")
    assert pickle.loads(pickle.dumps(hardware)) == hardware and len({hardware, Hardware("cpu", 2, "bfloat16")}) == 1
    with pytest.raises(AttributeError):
        hardware.threads = 3  # type: ignore[misc]


@pytest.mark.parametrize("runs_on", [Compute(threads=2), Hardware("cpu", 2, "float32")])
def test_a_process_gets_its_threads(runs_on: Compute | Hardware) -> None:
    before = torch.get_num_threads()
    prepare(runs_on)
    found = torch.get_num_threads()
    torch.set_num_threads(before)
    assert found == 2


def test_a_gpu_is_taken_if_there_is_one_and_missed_if_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert [device(Compute.model_validate({"device": name})) for name in ("auto", "cuda", "cpu")] == [
        "cuda",
        "cuda",
        "cpu",
    ]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device(Compute()) == "cpu"
    for call in (lambda: device(Compute(device="cuda")), lambda: resolve_hardware(Compute(device="cuda"), tmp_path)):
        with pytest.raises(InputError, match=r"compute\.device = 'cuda': no GPU is visible to PyTorch: set it to auto"):
            call()
