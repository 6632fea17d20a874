"""What the job decided, one record a decision, in a file that is only ever appended to (`decisions.jsonl`).

A decision that moves the alias is written down twice. `pending.json` holds the whole record before the alias is moved,
the log holds it afterwards. Killed in between, the next job sees from the registry whether the move happened, and
completes or forgets it: see `Log.recover`.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from regbench.errors import IntegrityError, reason_of
from regbench.files import open_to_append, write_json

Outcome = Literal["promoted", "kept", "rejected", "rolled back"]
MOVES = ("promoted", "rolled back")
"""Outcomes after which another version is champion."""


Finite = Annotated[float, Field(allow_inf_nan=False)]
Numbers = Mapping[str, Finite | None]
"""None is a number that was not finite."""


@dataclass(frozen=True)
class Party:
    """One of the two models, with its scores on the test images."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    version: str
    key: str
    """Hash of the network."""
    variant: str
    seed: str
    scores: Numbers = field(default_factory=dict)
    """As `promotion.summary`; empty where nothing was evaluated."""


@dataclass(frozen=True)
class Record:
    """One decision."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    outcome: Outcome
    reasons: tuple[str, ...]
    """A sentence each."""
    raw: str = ""
    """Where the images came from, `data.raw`."""
    data_hash: str = ""
    """Of all images and labels, as the data report has it."""
    images: Mapping[str, int] = field(default_factory=dict)
    """Split -> number of images."""
    champion: Party | None = None
    """The champion before."""
    challenger: Party | None = None
    """Whoever wanted its place; in a rollback, whoever got it back."""
    difference: Numbers = field(default_factory=dict)
    """Points of accuracy that the challenger is ahead: mean, low, high; and p_value, discordant images."""
    lost_classes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    """Drift of the new data that was no reason to stop, a line each."""
    drift: Mapping[str, Any] = field(default_factory=dict)
    """The drift report; empty where there were no new images or no champion."""
    gate: Mapping[str, Any] = field(default_factory=dict)
    """The section `retrain.gate` at the time of the decision."""
    commit: str = ""
    dirty: str = ""
    """`true` where code or parameters were not committed."""
    key: str = ""
    """Hash of what the decision followed from: equal keys, equal decisions."""
    time: str = ""
    """UTC, ISO 8601; for people only: the order of the log is the order of the decisions."""

    @property
    def in_use(self) -> Party | None:
        """The champion after the decision."""
        return self.challenger if self.outcome in MOVES else self.champion

    @classmethod
    def from_json(cls, text: bytes) -> "Record":
        """Rebuild what `to_json` and JSON made; ValueError for other fields, types or values."""
        record = _RECORDS.validate_json(text, strict=True)
        if record.outcome in MOVES and record.challenger is None:
            raise ValueError(f"outcome = {record.outcome!r}: challenger must name who became champion")
        if record.gate:
            _JudgedBy.model_validate(record.gate)
        if record.time:
            datetime.fromisoformat(record.time)
        return record

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON knows it: a number that is not finite becomes null."""
        found: dict[str, Any] = json.loads(json.dumps(asdict(self)), parse_constant=lambda _: None)
        return found

    def dated(self) -> "Record":
        """Return the record with the time of now."""
        return replace(self, time=datetime.now(UTC).isoformat(timespec="seconds"))


_RECORDS = TypeAdapter(Record)


class _JudgedBy(BaseModel):
    """What the page shows of a gate; other settings come and go with versions."""

    rule: str
    margin: Finite
    confidence: Finite
    horizon: Annotated[int, Field(ge=1)] = 1


def decision_key(*parts: Any) -> str:
    """Return the hash of what a decision follows from."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


class Log:
    """The decisions of a project, oldest first; whoever appends holds the job's lock."""

    def __init__(self, folder: Path) -> None:
        self.path, self.pending = folder / "decisions.jsonl", folder / "pending.json"

    def read(self) -> list[Record]:
        """Return all records; a last line that a crash cut off does not count.

        Raises:
            IntegrityError: another line is not a record.
        """
        if not self.path.exists():
            return []
        whole = self.path.read_bytes().rpartition(b"\n")[0]
        records = []
        for number, line in enumerate(whole.split(b"\n") if whole else [], start=1):
            try:
                records.append(Record.from_json(line))
            except ValueError as error:
                raise IntegrityError(
                    f"{self.path}: line {number}: not a decision ({reason_of(error)}): restore the file from a backup"
                ) from None
        return records

    def append(self, record: Record) -> None:
        """Add a record, unless the log ends with it already, and flush it to disk."""
        line = json.dumps(record.to_json(), sort_keys=True, allow_nan=False).encode() + b"\n"
        with open_to_append(self.path) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - len(line)))
            if file.read() != line:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())

    def begin(self, record: Record) -> None:
        """Write down a move of the alias that is about to be made."""
        write_json(self.pending, record.to_json())

    def finish(self) -> None:
        """Append the move that was begun, which has been made."""
        self.append(self._begun())
        self.forget()

    def forget(self) -> None:
        """Drop the move that was begun."""
        self.pending.unlink(missing_ok=True)

    def recover(self, champion: str | None) -> None:
        """Complete or forget a move that an earlier job began, by the version number that is champion now.

        Raises:
            IntegrityError: its record cannot be read.
        """
        if self.pending.exists():
            begun = self._begun()
            made = begun.in_use is not None and begun.in_use.version == champion
            self.finish() if made else self.forget()

    def _begun(self) -> Record:
        try:
            return Record.from_json(self.pending.read_bytes())
        except ValueError as error:
            raise IntegrityError(
                f"{self.pending}: not a decision ({reason_of(error)}): restore the file from a backup, or remove it if "
                "the registry's champion is the one that the log ends with"
            ) from None


def champions(records: list[Record]) -> list[Party]:
    """Return the champion and those before it, the present one last; a rollback takes the last one away."""
    line: list[Party] = []
    for record in records:
        if record.outcome == "promoted" and record.challenger:
            line.append(record.challenger)
        elif record.outcome == "rolled back" and line:
            line.pop()
    return line


def rolled_back(records: list[Record]) -> dict[str, str]:
    """Return the keys of the networks that were taken back, with the time."""
    return {r.champion.key: r.time for r in records if r.outcome == "rolled back" and r.champion}
