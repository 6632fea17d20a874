"""The journal of studies: what is stored is read back, and what was damaged is refused in one line."""

import json
from pathlib import Path

import pytest
from support.search_objectives import plan, search

from regbench.errors import IntegrityError
from regbench.search.journal import Journal


def test_scores_are_read_back_to_the_bit(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "studies.journal", plan())
    for scores in ((float("inf"), 0.0), (0.1 + 0.2, 1 / 3)):
        journal.store_scores("key", scores)
        assert Journal(journal.path, plan()).scores("key") == scores
    assert journal.scores("another") is None


@pytest.mark.fault
@pytest.mark.parametrize(
    ("written", "damaged", "reason"),
    [
        ('"value":', '"alue":', "values should be set for a complete trial"),
        (r"[1]}", "[1,1]}", "other directions"),
        ('"state":1', '"state":0', "trial 0 has not ended"),
        (r"\"high\": 0.5", r"\"high\": 0.75", "trial 0 has other ranges"),
        ('"cpu_seconds"', '"cpu_second"', "trial 0 has cpu_seconds None"),
        ('"epochs":6', '"epochs":"six"', "trial 0 has epochs 'six'"),
        ('"completed_rung_0":', '"completed_rung_0":null,"rung":', "trial 0 has objectives that are no numbers"),
    ],
)
def test_a_damaged_trial_is_named(tmp_path: Path, written: str, damaged: str, reason: str) -> None:
    path = tmp_path / "studies.journal"
    search(plan(trials=2), path)
    whole = path.read_text()
    assert written in whole
    path.write_text(whole.replace(written, damaged, 1))
    cure = "move it away, then its studies start again"
    with pytest.raises(IntegrityError, match=rf"studies\.journal: cannot be read: .*{reason}.*: {cure}$"):
        search(plan(trials=2), path)


@pytest.mark.fault
@pytest.mark.parametrize("stored", [["0.5"], ["0.5", "x"], "?", 3, {}])
def test_scores_that_are_no_pair_of_numbers_are_refused(tmp_path: Path, stored: object) -> None:
    journal = Journal(tmp_path / "studies.journal", plan())
    journal.store_scores("key", (0.5, 0.75))
    whole = journal.path.read_text()
    journal.path.write_text(whole.replace('["0.5","0.75"]', json.dumps(stored)))
    with pytest.raises(IntegrityError, match=r"studies\.journal: cannot be read: "):
        Journal(journal.path, plan()).scores("key")
