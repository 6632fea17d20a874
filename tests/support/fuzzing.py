"""Fuzzing: strategies for damaged files, limits that every input is held to, and counts that are printed at the end."""

import os
import re
import resource
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from regbench.errors import RegbenchError

T = TypeVar("T")

SECONDS = 10.0
"""An input that takes longer is a hang."""
MEGABYTES = 300.0
"""Memory that an input may take beyond what the process holds already, 10^6 bytes."""
LONGEST_MESSAGE = 20_000
"""Characters."""
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
INPUTS = int(os.environ.get("INPUTS", "10000"))
"""Inputs of each test under the profile `fuzz`."""
INTERESTING = (
    b"",
    b"\0",
    b"\xff",
    b"\0" * 4,
    b"\xff" * 4,
    b"\x7f\xff\xff\xff",
    b"\xff" * 8,
    b"\n",
    b",",
    b'"',
    b"../",
    b"-1",
)
"""What readers of numbers, lengths, cells and paths most often take wrongly."""

# The slice is the same each time, so that `make test` fails for a change alone; `make fuzz` draws by a printed seed.
_COMMON = {
    "deadline": None,
    "database": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
    "phases": [Phase.explicit, Phase.generate, Phase.shrink],
    "print_blob": True,
    "report_multiple_bugs": False,
}
settings.register_profile("slice", settings(max_examples=40, derandomize=True, **_COMMON))  # type: ignore[arg-type]
settings.register_profile("fuzz", settings(max_examples=INPUTS, **_COMMON))  # type: ignore[arg-type]
settings.load_profile("slice")


class HangError(BaseException):
    """An input that took too long; no `Exception`, so that no reader takes it for a damaged file."""


@dataclass
class Tally:
    """How many inputs a test tried, and what came of them."""

    name: str
    read: int = 0
    refused: int = 0

    def attempt(self, reader: Callable[[], T], refusals: tuple[type[Exception], ...] = (RegbenchError,)) -> T | None:
        """Call `reader` within the limits; return its result, or None where it refuses its input in our words."""
        try:
            with limited():
                found = reader()
        except refusals as error:
            check_message(str(error))
            self.refused += 1
            return None
        self.read += 1
        return found


@contextmanager
def limited(seconds: float = SECONDS, megabytes: float = MEGABYTES) -> Iterator[None]:
    """Hold the block to a time and to an amount of memory; HangError and AssertionError otherwise."""
    before, peak = _resident(), _peak()
    signal.signal(signal.SIGALRM, _hang)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    # The process's peak is that of all inputs so far: one that stays below it has not taken more than an earlier one.
    grown = _peak() - before
    assert _peak() == peak or grown < megabytes, f"{grown:.0f} MB for one input"


def check_message(text: str) -> None:
    """Assert that an error can be printed: some lines of text that move no terminal's cursor."""
    lines = text.split("\n")
    assert all(lines), f"an empty line in {text!r}"
    assert len(text) < LONGEST_MESSAGE, f"{len(text):,} characters: {text[:300]!r}"
    assert not any(map(CONTROL.search, lines)), f"a control character in {text!r}"


@st.composite
def damaged(draw: st.DrawFn, contents: Sequence[bytes], most: int = 6) -> bytes:
    """Return one of some valid files after up to `most` edits: bytes overwritten, inserted, removed or repeated."""
    content = draw(st.sampled_from(contents))
    for kind, place, length, bytes_ in draw(st.lists(_EDITS, max_size=most)):
        at = place * len(content) >> 16
        match kind:
            case "overwrite":
                content = content[:at] + bytes_ + content[at + len(bytes_) :]
            case "insert":
                content = content[:at] + bytes_ + content[at:]
            case "remove":
                content = content[:at] + content[at + length :]
            case "repeat":
                content = content[: at + length] + content[at:]
            case "cut":
                content = content[:at]
    return content


_EDITS = st.tuples(
    st.sampled_from(["overwrite", "overwrite", "insert", "remove", "repeat", "cut"]),
    st.integers(0, (1 << 16) - 1),
    st.integers(1, 64),
    st.sampled_from(INTERESTING) | st.binary(min_size=1, max_size=8),
)


@st.composite
def edited(draw: st.DrawFn, texts: Sequence[str], words: Sequence[str], most: int = 6) -> str:
    """Return one of some valid texts after up to `most` edits, each of a whole word or line."""
    tokens = re.findall(r"[\w.+-]+|\s|[^\w\s]", draw(st.sampled_from(texts)))
    for kind, place, word in draw(
        st.lists(st.tuples(_KINDS, st.integers(0, (1 << 16) - 1), _words(tuple(words))), max_size=most)
    ):
        at = place * len(tokens) >> 16
        match kind:
            case "replace":
                tokens[at : at + 1] = [word]
            case "insert":
                tokens.insert(at, word)
            case "remove":
                del tokens[at : at + 1]
            case "move":
                tokens.append(tokens[at] if tokens else word)
            case "cut":
                del tokens[at:]
    return "".join(tokens)


_KINDS = st.sampled_from(["replace", "replace", "replace", "insert", "remove", "move", "cut"])


def _words(words: tuple[str, ...]) -> st.SearchStrategy[str]:
    return st.sampled_from(words) | st.text(max_size=6)


def report_counts(reports: Sequence[pytest.TestReport]) -> list[str]:
    """Return a line for each fuzz test and one for all of them; none where there was none."""
    found = [value for report in reports for name, value in report.user_properties if name == "fuzz"]
    lines = [f"{name}: {read + refused:,} inputs: {read:,} read, {refused:,} refused" for name, read, refused in found]
    total = sum(read + refused for _, read, refused in found)
    return [*sorted(lines), f"{total:,} inputs in {len(found)} fuzz tests"] if found else []


def _hang(number: int, frame: FrameType | None) -> None:
    raise HangError(f"more than {SECONDS:.0f} s for one input")


def _resident() -> float:
    """Return the memory that this process holds, 10^6 bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def _peak() -> float:
    """Return the most memory that this process has held so far, 10^6 bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
