"""The record of one decision; the log, MLflow's runs and the page are made from it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

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
    """As `decision.summary` returns them; empty where nothing was evaluated."""


@dataclass(frozen=True)
class Record:
    """One decision."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    outcome: Outcome
    reasons: tuple[str, ...]
    """One sentence per reason."""
    raw: str = ""
    """Where the images came from, `data.raw`."""
    data_hash: str = ""
    """Hash of all images and labels, as in the data report."""
    images: Mapping[str, int] = field(default_factory=dict)
    """Split -> number of images."""
    champion: Party | None = None
    """The champion before the decision."""
    challenger: Party | None = None
    """The model compared with the champion; in a rollback, the model that becomes champion again."""
    difference: Numbers = field(default_factory=dict)
    """Gain of the challenger in points of accuracy: mean, low, high; and p_value, discordant images."""
    lost_classes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    """Drift of the new data that did not stop the job, one line each."""
    drift: Mapping[str, Any] = field(default_factory=dict)
    """The drift report; empty where there were no new images or no champion."""
    gate: Mapping[str, Any] = field(default_factory=dict)
    """The section `retrain.gate` that the decision used."""
    commit: str = ""
    dirty: str = ""
    """`true` where code or parameters were not committed."""
    key: str = ""
    """Hash of the decision's inputs: equal keys mean equal decisions."""
    time: str = ""
    """UTC, ISO 8601; for people only: the order of the log is the order of the decisions."""

    @property
    def in_use(self) -> Party | None:
        """The champion after the decision."""
        return self.challenger if self.outcome in MOVES else self.champion

    @classmethod
    def from_json(cls, text: bytes) -> "Record":
        """Rebuild a record from the JSON text of `to_json`; ValueError for other fields, types or values."""
        record = _RECORDS.validate_json(text, strict=True)
        if record.outcome in MOVES and record.challenger is None:
            raise ValueError(f"outcome = {record.outcome!r}: challenger must name who became champion")
        if record.gate:
            _JudgedBy.model_validate(record.gate)
        if record.time:
            datetime.fromisoformat(record.time)
        return record

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values: a number that is not finite becomes null."""
        found: dict[str, Any] = json.loads(json.dumps(asdict(self)), parse_constant=lambda _: None)
        return found

    def dated(self) -> "Record":
        """Return the record with the current time."""
        return replace(self, time=datetime.now(UTC).isoformat(timespec="seconds"))


_RECORDS = TypeAdapter(Record)


class _JudgedBy(BaseModel):
    """What the page shows of a gate; other settings come and go with versions."""

    rule: str
    margin: Finite
    confidence: Finite
    horizon: Annotated[int, Field(ge=1)] = 1


def decision_key(*parts: Any) -> str:
    """Return the hash of the inputs of a decision."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
