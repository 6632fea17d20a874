"""The log of decisions: an append-only file with one record per decision (`decisions.jsonl`).

A decision that moves the alias is written twice. `pending.json` holds the whole record before the alias is moved, and
the log holds it afterwards. After a kill in between, the next job sees from the registry whether the move happened. It
then completes or drops the move: see `Log.recover`.
"""

import json
import os
from pathlib import Path

from regbench.errors import IntegrityError, reason_of
from regbench.files import open_to_append, write_json
from regbench.retraining.decision_record import Party, Record


class Log:
    """The decisions of a project, oldest first; to append, a process must hold the job's lock."""

    def __init__(self, folder: Path) -> None:
        self.path, self.pending = folder / "decisions.jsonl", folder / "pending.json"

    def read(self) -> list[Record]:
        """Return all records; a last line that a crash cut off does not count.

        Raises:
            IntegrityError: another line is not a record.
        """
        if not self.path.exists():
            return []
        records = []
        for number, line in enumerate(self.path.read_bytes().split(b"\n")[:-1], start=1):
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
            if not self._ends_with(record):
                file.write(line)
                file.flush()
                os.fsync(file.fileno())

    def begin(self, record: Record) -> None:
        """Write the record of a move of the alias, before the move."""
        write_json(self.pending, record.to_json())

    def finish(self) -> None:
        """Append the pending move to the log, after the alias was moved."""
        self.append(self._begun())
        self.forget()

    def forget(self) -> None:
        """Drop the pending move."""
        self.pending.unlink(missing_ok=True)

    def recover(self, champion: str | None) -> None:
        """Complete or drop a move that an earlier job began; `champion` is the version number of the present champion.

        Raises:
            IntegrityError: the record of the move cannot be read.
        """
        if self.pending.exists():
            begun = self._begun()
            made = begun.in_use is not None and begun.in_use.version == champion
            self.finish() if made else self.forget()

    def _ends_with(self, record: Record) -> bool:
        """Return whether the last line is a record, however it is written."""
        lines = self.path.read_bytes().split(b"\n")[:-1]
        try:
            return bool(lines) and Record.from_json(lines[-1]) == record
        except ValueError:
            return False

    def _begun(self) -> Record:
        try:
            return Record.from_json(self.pending.read_bytes())
        except ValueError as error:
            raise IntegrityError(
                f"{self.pending}: not a decision ({reason_of(error)}): restore the file from a backup, or remove it if "
                "the registry's champion is the one that the log ends with"
            ) from None


def champions(records: list[Record]) -> list[Party]:
    """Return all champions in order, the present one last; a rollback removes the last one."""
    line: list[Party] = []
    for record in records:
        if record.outcome == "promoted" and record.challenger:
            line.append(record.challenger)
        elif record.outcome == "rolled back" and line:
            line.pop()
    return line


def rolled_back(records: list[Record]) -> dict[str, str]:
    """Return the keys of the networks that were rolled back, with the time."""
    return {r.champion.key: r.time for r in records if r.outcome == "rolled back" and r.champion}
