"""The decision log and the page that is made from it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from support.decisions import HISTORY, decision

from regbench.config.retraining import Gate
from regbench.errors import IntegrityError
from regbench.retraining.decision_log import Log, champions, rolled_back
from regbench.retraining.page import write_page
from regbench.retraining.wording import comparisons, markdown, numbers


def test_what_is_appended_is_read_back(tmp_path: Path) -> None:
    log = Log(tmp_path / "new")
    assert log.read() == []
    for record in HISTORY:
        log.append(record)
    assert log.read() == HISTORY
    log.append(HISTORY[-1])  # the crash came after the write
    assert log.read() == HISTORY


def test_the_last_record_is_known_however_it_is_written(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.path.write_text(json.dumps(HISTORY[0].to_json(), separators=(" , ", " : ")) + "\n", encoding="utf-8")
    log.append(HISTORY[0])
    assert log.read() == HISTORY[:1]


@pytest.mark.fault
def test_a_line_that_a_crash_cut_off_is_written_anew(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.append(HISTORY[0])
    whole = log.path.read_bytes()
    log.append(HISTORY[1])
    for length in (len(whole) + 1, log.path.stat().st_size - 1):
        log.path.write_bytes((whole + log.path.read_bytes()[len(whole) :])[:length])
        assert log.read() == HISTORY[:1]
        log.append(HISTORY[1])
        assert log.read() == HISTORY[:2]


@pytest.mark.fault
@pytest.mark.parametrize("line", ["{", '{"outcome": "kept"}', "[]", '{"champion": 1}'])
def test_a_broken_line_is_named(tmp_path: Path, line: str) -> None:
    log = Log(tmp_path)
    log.append(HISTORY[0])
    with log.path.open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(IntegrityError, match=r"decisions\.jsonl: line 2: not a decision"):
        log.read()


@pytest.mark.fault
def test_a_log_that_is_one_blank_line_is_no_empty_log(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.path.write_bytes(b"\n")
    with pytest.raises(IntegrityError, match=r"decisions\.jsonl: line 1: not a decision"):
        log.read()


def test_numbers_that_json_does_not_know_become_null(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.append(decision("kept", 1, 2, difference={"mean": float("nan"), "low": float("-inf"), "high": 1.0}))
    text = log.path.read_text()
    assert json.loads(text, parse_constant=pytest.fail)["difference"] == {"mean": None, "low": None, "high": 1.0}


def test_the_line_of_champions_follows_promotions_and_rollbacks() -> None:
    numbers = [[party.version for party in champions(HISTORY[:end])] for end in range(len(HISTORY) + 1)]
    assert numbers == [[], ["1"], ["1"], ["1", "3"], ["1", "3"], ["1"], ["1", "4"]]
    assert rolled_back(HISTORY) == {"key-3": HISTORY[4].time}


@pytest.mark.fault
@pytest.mark.parametrize(("champion", "made"), [("3", True), ("1", False), (None, False)])
def test_a_move_that_was_begun_is_completed_or_forgotten_by_what_the_registry_says(
    tmp_path: Path, champion: str | None, made: bool
) -> None:
    log = Log(tmp_path)
    log.append(HISTORY[0])
    log.begin(HISTORY[2])
    log.recover(champion)
    log.recover(champion)
    assert log.read() == [HISTORY[0], *([HISTORY[2]] if made else [])]
    assert not log.pending.exists()


@pytest.mark.fault
@pytest.mark.parametrize("content", ["", "{", '{"outcome": ', "[]", "null", '{"champion": 1}'])
def test_a_begun_move_that_cannot_be_read_is_one_line(tmp_path: Path, content: str) -> None:
    log = Log(tmp_path)
    log.append(HISTORY[0])
    log.pending.write_text(content)
    for act in (log.finish, lambda: log.recover("1")):
        with pytest.raises(
            IntegrityError, match=r"pending\.json: not a decision .*: restore the file from a backup"
        ) as e:
            act()
        assert "\n" not in str(e.value)
    assert log.read() == [HISTORY[0]] and log.pending.exists()


@pytest.mark.fault
def test_a_move_that_was_logged_already_is_not_logged_twice(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.begin(HISTORY[0])
    log.append(HISTORY[0])
    log.recover("1")
    assert log.read() == [HISTORY[0]]


def test_the_page_names_the_champion_and_every_decision_newest_first(tmp_path: Path) -> None:
    records = [*HISTORY, decision("kept", 4, 5, reasons=("The <script> is not run.",))]
    write_page(tmp_path / "page.html", records, "digits")
    page = (tmp_path / "page.html").read_text()
    assert "Champion: <strong>version 4 (l2, seed 128)</strong>, 5.00 % error" in page
    headings = ["Version 4 stays", "Version 4 is champion in the place of version 1", "Version 1 is champion again"]
    headings += [
        "New data were rejected",
        "Version 3 is champion",
        "Version 1 stays",
        "Version 1 is the first champion",
    ]
    places = [page.index(heading) for heading in headings]
    assert places == sorted(places)
    assert (
        "The &lt;script&gt; is not run." in page
        and "<script" not in page
        and "http:" not in page
        and "https:" not in page
    )


@pytest.mark.parametrize(
    ("text", "done"),
    [
        (None, 0),
        ('{"logged": 2, "last": "KEY"}', 2),
        ('{"logged": 2, "last": "of another log"}', 0),
        ('{"logged": 9, "last": "KEY"}', 0),
        ("{", 0),
        ("[]", 0),
    ],
)
def test_what_mlflow_has_is_remembered_of_this_log_alone(tmp_path: Path, text: str | None, done: int) -> None:
    from regbench.retraining.announced import logged_so_far

    if text is not None:
        (tmp_path / "receipt.json").write_text(text.replace("KEY", HISTORY[1].key))
    assert logged_so_far(tmp_path / "receipt.json", HISTORY) == done


def test_an_empty_log_has_a_page(tmp_path: Path) -> None:
    write_page(tmp_path / "page.html", [], "digits")
    assert "There is no champion yet." in (tmp_path / "page.html").read_text()


def test_words_and_numbers_for_mlflow() -> None:
    record = decision("promoted", 1, 3, difference={"mean": 1.2, "p_value": None}, images={"test": 1000})
    text = markdown(record)
    assert text.startswith("**Version 3 is champion in the place of version 1.**\n\n- Because.\n")
    assert "| test error, % (interval) | 5.00 (4.00 to 6.50) | 5.00 (4.00 to 6.50) |" in text
    found = numbers(record)
    assert found["challenger/error_percent"] == 5 and found["difference/mean"] == 1.2
    assert found["images/test"] == 1000 and "difference/p_value" not in found


def test_the_page_tells_what_the_decisions_have_spent(tmp_path: Path) -> None:
    judged = {"difference": {"mean": 0.1, "low": -0.2, "high": 0.4, "p_value": 0.4, "discordant": 9}}
    nightly = [decision("kept", 1, number, gate=Gate(horizon=365).model_dump(), **judged) for number in range(2, 75)]
    earlier = decision("kept", 1, 75, gate={"rule": "superiority", "margin": 0, "confidence": 0.95}, **judged)
    records = [HISTORY[0], *nightly, earlier]
    assert comparisons(records) == (74, pytest.approx(0.025 * (73 / 365 + 1)))
    write_page(tmp_path / "page.html", records, "digits")
    page = (tmp_path / "page.html").read_text()
    assert "compared 74 times" in page and "at most 0.03 false promotions" in page
    assert page.count("held over 365 decisions") == 73


@pytest.mark.fault
def test_the_order_of_the_log_decides_also_where_a_clock_was_turned_back(tmp_path: Path) -> None:
    """And two decisions within a second are two."""
    dates = ("2026-10-25T02:30:00", "2026-10-25T02:30:00", "2026-10-25T01:10:00", "1970-01-01T00:00:00")
    times = [f"{date}+00:00" for date in dates]
    outcomes = [("promoted", None, 1), ("promoted", 1, 2), ("kept", 2, 3), ("promoted", 2, 4)]
    log = Log(tmp_path)
    for time, (outcome, champion, challenger) in zip(times, outcomes, strict=True):
        log.append(replace(decision(outcome, champion, challenger), time=time))
    records = log.read()
    assert [record.time for record in records] == times
    assert [party.version for party in champions(records)] == ["1", "2", "4"]
    write_page(tmp_path / "page.html", records, "digits")
    page = (tmp_path / "page.html").read_text()
    shown = [page.index(f"<h2>Version {number} is") for number in (4, 2, 1)]
    assert shown == sorted(shown), "newest first"
