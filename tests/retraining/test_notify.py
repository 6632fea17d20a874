"""Notifications: a real server and real commands; whatever they do, the job goes on and no secret is printed."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from support.webhook import SECRET, Hook

from regbench.config.notify import NotifySettings
from regbench.retraining.notify import RETRIES, WEBHOOK, notify

RECORD = {"text": "Version 3 is champion.", "outcome": "promoted", "version": 3, "score": 0.9876}


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook.serve() as server:
        yield server


def test_a_webhook_gets_the_record_as_json(hook: Hook, capfd: pytest.CaptureFixture[str]) -> None:
    assert notify(NotifySettings(webhook=hook.address), RECORD, {})
    assert hook.posted == [(f"/services/{SECRET}?key={SECRET}", "application/json", RECORD)]
    assert capfd.readouterr() == ("", "")


def test_the_environment_goes_before_the_parameter(hook: Hook) -> None:
    assert notify(NotifySettings(webhook="http://127.0.0.1:1/"), RECORD, {WEBHOOK: hook.address})
    assert len(hook.posted) == 1


def test_nothing_set_tells_nobody(capfd: pytest.CaptureFixture[str]) -> None:
    assert notify(NotifySettings(), RECORD, {})
    assert capfd.readouterr() == ("", "")


@pytest.mark.fault
def test_a_busy_server_is_asked_again_and_its_wish_to_wait_for_an_hour_is_not_obeyed(hook: Hook) -> None:
    hook.answers = [503, 429, 204]
    assert notify(NotifySettings(webhook=hook.address), RECORD, {})
    assert len(hook.posted) == 3 == 1 + RETRIES


@pytest.mark.fault
@pytest.mark.parametrize(("answer", "attempts"), [(500, 1 + RETRIES), (404, 1), (302, 1)])
def test_a_refusal_is_one_line_without_the_secret(
    hook: Hook, capfd: pytest.CaptureFixture[str], answer: int, attempts: int
) -> None:
    hook.answers = [answer]
    assert not notify(NotifySettings(webhook=hook.address), RECORD, {})
    assert capfd.readouterr() == ("", f"not notified: webhook http://127.0.0.1: answered {answer}\n")
    assert [path for path, _, _ in hook.posted] == [f"/services/{SECRET}?key={SECRET}"] * attempts


@pytest.mark.fault
def test_a_server_that_is_silent_takes_a_bounded_time(hook: Hook, capfd: pytest.CaptureFixture[str]) -> None:
    hook.answers = [0]
    assert not notify(NotifySettings(webhook=hook.address, timeout=0.2), RECORD, {})
    assert "not notified: webhook http://127.0.0.1: " in (printed := capfd.readouterr().err)
    assert "within 0.2 s" in printed and SECRET not in printed and printed.count("\n") == 1


@pytest.mark.fault
@pytest.mark.parametrize(
    ("address", "reason"),
    [
        (f"http://user:{SECRET}@127.0.0.1:1/{SECRET}", "http://127.0.0.1: cannot be reached"),
        (f"hooks.example/{SECRET}", "(not an address): is not an address: it must begin with https:// or http://"),
        (f"ftp://127.0.0.1/{SECRET}", "ftp://127.0.0.1: is not an address"),
        (f"http://[::1/{SECRET}", "(not an address): "),
        (f"http://127.0.0.1:port/{SECRET}", "http://127.0.0.1: "),
    ],
)
def test_a_wrong_address_is_one_line_without_the_secret(
    capfd: pytest.CaptureFixture[str], address: str, reason: str
) -> None:
    assert not notify(NotifySettings(webhook=address), RECORD, {})
    printed = capfd.readouterr().err
    assert printed.startswith(f"not notified: webhook {reason}")
    assert SECRET not in printed and printed.count("\n") == 1


def test_a_command_gets_the_record_on_its_input(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "with a blank"
    assert notify(NotifySettings(command=("tee", str(out))), RECORD, {})
    assert json.loads(out.read_text()) == RECORD
    assert capfd.readouterr().out == ""  # what a command prints is no result of the job


@pytest.mark.fault
@pytest.mark.parametrize(
    ("command", "line"),
    [
        (("no-such-program",), "not notified: command no-such-program: cannot be started: No such file or directory"),
        (("sh", "-c", "exit 3"), "not notified: command sh: ended with code 3"),
        (("true",), ""),  # it reads nothing, which is its own affair
    ],
)
def test_a_command_that_fails_is_one_line(
    capfd: pytest.CaptureFixture[str], command: tuple[str, ...], line: str
) -> None:
    assert notify(NotifySettings(command=command), {**RECORD, "long": "x" * 200_000}, {}) == (line == "")
    assert capfd.readouterr().err.strip() == line


@pytest.mark.fault
def test_a_command_that_hangs_is_killed_with_all_that_it_started(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    child = tmp_path / "child"
    settings = NotifySettings(command=("sh", "-c", f'sleep 1000 & echo $! > "{child}"; wait'), timeout=2)
    assert not notify(settings, RECORD, {})
    assert capfd.readouterr().err == "not notified: command sh: did not end within 2 s and was killed\n"
    number = int(child.read_text())
    deadline = time.monotonic() + 60
    while psutil.pid_exists(number) and psutil.Process(number).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "what it started is still there"
        time.sleep(0.01)


def test_both_ways_are_tried_although_the_first_one_fails(
    tmp_path: Path, hook: Hook, capfd: pytest.CaptureFixture[str]
) -> None:
    hook.answers = [404]
    out = tmp_path / "record"
    assert not notify(NotifySettings(webhook=hook.address, command=("tee", str(out))), RECORD, {})
    assert json.loads(out.read_text()) == RECORD


def test_a_record_that_is_no_json_does_not_fail_the_job_either(hook: Hook, capfd: pytest.CaptureFixture[str]) -> None:
    settings = NotifySettings(webhook=hook.address, command=("cat",))
    assert not notify(settings, {"text": SECRET, "bad": object()}, {})
    printed = capfd.readouterr().err
    assert printed.count("not notified: ") == 2 and SECRET not in printed
