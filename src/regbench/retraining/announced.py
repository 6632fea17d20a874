"""Tracks which decisions are already in MLflow, by a receipt on this machine."""

from pathlib import Path

from regbench.files import read_json
from regbench.retraining.decision_record import Record
from regbench.tracking.store import Store


def receipt_of(store: Store, state: Path) -> Path:
    """Return the file that records which decisions a store has; `state` is the folder of receipts."""
    return state / store.receipt.name.replace("tracked-", "decisions-")


def logged_so_far(receipt: Path, records: list[Record]) -> int:
    """Return how many decisions are in MLflow; 0 if the receipt belongs to another log or is unreadable."""
    try:
        found = read_json(receipt)
        done = int(found["logged"])
        return done if records[done - 1].key == found["last"] else 0
    except (OSError, ValueError, TypeError, KeyError, IndexError):
        return 0
