import platform
import re
from pathlib import Path

import pytest

from regbench.runtime.machine import peak_megabytes, processor, software


def test_the_first_processor_is_named_as_linux_names_it(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: AMD EPYC: 7B13\nmodel name\t: other\n")
    assert processor(tmp_path / "cpuinfo") == "AMD EPYC: 7B13"


def test_elsewhere_python_says_what_it_knows(tmp_path: Path) -> None:
    assert processor(tmp_path / "none") in (platform.processor(), platform.machine())


def test_versions_of_what_the_numbers_depend_on_are_named() -> None:
    assert re.fullmatch(r"python 3\.\d+\.\d+, numpy \d[^,]*, torch \d[^,]*", software())


def test_memory_is_what_linux_says_it_was_at_most() -> None:
    before = peak_megabytes()
    held = bytearray(round(1e6 * before) + 200_000_000)
    status = Path("/proc/self/status").read_text()
    kilobytes = int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0])
    assert peak_megabytes() == pytest.approx(1.024 * kilobytes / 1000, rel=0.02) and peak_megabytes() > before + 150
    del held
