import platform
import re
from pathlib import Path

from regbench.machine import processor, software


def test_the_first_processor_is_named_as_linux_names_it(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: AMD EPYC: 7B13\nmodel name\t: other\n")
    assert processor(tmp_path / "cpuinfo") == "AMD EPYC: 7B13"


def test_elsewhere_python_says_what_it_knows(tmp_path: Path) -> None:
    assert processor(tmp_path / "none") in (platform.processor(), platform.machine())


def test_versions_of_what_the_numbers_depend_on_are_named() -> None:
    assert re.fullmatch(r"python 3\.\d+\.\d+, numpy \d[^,]*, torch \d[^,]*", software())
