"""Runs contenders side by side: every round gives each of them one turn, and only the one whose turn it is works."""

import json
import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


class BenchmarkError(Exception):
    """A number could not be measured; there is then no result at all."""


@dataclass(frozen=True)
class Contender:
    """Something that does the same unit of work as the others of its race."""

    name: str
    command: tuple[str, ...]
    processes: int = 1
    """Processes that work at once; each does one unit, so that a turn gives as many."""
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Turn:
    """One measurement."""

    race: str
    contender: str
    round: int
    """From 0; the warm-up is not among the turns."""
    seconds: float
    """Wall seconds a unit: of the turn, divided by the processes that worked in it."""
    cpu_seconds: float
    """CPU seconds a unit."""
    facts: dict[str, Any]
    """What the first process said, such as its accuracy."""


def race(name: str, contenders: list[Contender], rounds: int, log: Path) -> list[Turn]:
    """Give every contender a warm-up turn and then `rounds` measured ones, in turns; return what was measured.

    Raises:
        BenchmarkError: a contender did not start or did not answer; names it and where its output is.
    """
    teams = []
    try:
        for contender in contenders:
            teams.append(_Team(name, contender, log))
        for team in teams:
            team.turn(-1, first=True)
        turns = []
        for number in range(-1, rounds):
            # Each round starts with another contender, so that none always follows the same one.
            shift = (number + 1) % len(teams)
            for team in teams[shift:] + teams[:shift]:
                turn = team.turn(number)
                if number >= 0:
                    turns.append(turn)
                    print(f"  {name}: {team.contender.name}, round {number + 1}: {turn.seconds:.3f} s", flush=True)
        return turns
    finally:
        for team in teams:
            team.stop()


class _Team:
    """The processes of one contender."""

    def __init__(self, name: str, contender: Contender, log: Path) -> None:
        self.race = name
        self.contender = contender
        self.log = log / f"{name}-{contender.name}.log".replace(" ", "-").replace("/", "-")
        # Some machines set these to slow but safe kernels of old OpenBLAS builds.
        inherited = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
        paths = f"{ROOT / 'src'}{os.pathsep}{ROOT}"
        environment = {**inherited, "PYTHONPATH": paths, **contender.environment}
        self.processes = []
        with self.log.open("wb") as stderr:
            for number in range(contender.processes):
                self.processes.append(
                    subprocess.Popen(
                        [*contender.command, str(number)],
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=stderr,
                        env=environment,
                        cwd=ROOT,
                        text=True,
                    )
                )

    def turn(self, number: int, first: bool = False) -> Turn:
        start = time.perf_counter()
        if not first:
            for process in self.processes:
                assert process.stdin is not None
                process.stdin.write("go\n")
                process.stdin.flush()
        answers = [self._answer(process) for process in self.processes]
        seconds = time.perf_counter() - start
        cpu = sum(answer.pop("cpu_seconds", 0.0) for answer in answers)
        units = len(self.processes)
        return Turn(self.race, self.contender.name, number, seconds / units, cpu / units, answers[0])

    def _answer(self, process: "subprocess.Popen[str]") -> dict[str, Any]:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            tail = self.log.read_text(errors="replace").strip().splitlines()[-1:]
            raise BenchmarkError(f"{self.race}: {self.contender.name} ended without an answer: {tail}: see {self.log}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
