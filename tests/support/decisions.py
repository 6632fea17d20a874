"""A history of decisions."""

from dataclasses import replace

from regbench.config.retraining import Gate
from regbench.retraining.decision_record import Party, Record, decision_key

SCORES = {"error_percent": 5.0, "low": 4.0, "high": 6.5, "log_loss": 0.2, "calibration_error": 0.01}
SCORES |= {"megabytes": 5.6, "milliseconds": 0.4}


def party(number: int) -> Party:
    return Party(str(number), f"key-{number}", "l2", "128", SCORES)


def decision(outcome: str, champion: int | None, challenger: int | None, **fields: object) -> Record:
    parties = {"champion": champion and party(champion), "challenger": challenger and party(challenger)}
    key = decision_key(outcome, champion, challenger)
    record = Record(outcome=outcome, reasons=("Because.",), key=key, gate=Gate().model_dump(), **parties)  # type: ignore[arg-type]
    return replace(record, **fields).dated()  # type: ignore[arg-type]


HISTORY = [
    decision("promoted", None, 1),
    decision("kept", 1, 2),
    decision("promoted", 1, 3),
    decision("rejected", 3, None),
    decision("rolled back", 3, 1),
    decision("promoted", 1, 4),
]
