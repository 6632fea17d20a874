"""Notifies a webhook and a command of how a job ended; a failed notification prints one line and raises no error."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from regbench.config.notify import NotifySettings
from regbench.runtime.redaction import redact

WEBHOOK = "REGBENCH_WEBHOOK"
"""Environment variable that overrides `retrain.notify.webhook`: use it for an address with a secret."""
RETRIES = 2
"""Further attempts if the address cannot be reached, does not answer, or says that it is busy."""
BUSY = (429, 500, 502, 503, 504)


class UndeliveredError(Exception):
    """A notification was not accepted; the message holds nothing that could be a secret."""


def notify(settings: NotifySettings, record: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> bool:
    """Post `record` to the webhook and feed it to the command, as JSON; return whether all configured ones accepted it.

    Slack, Mattermost and Teams show the key `text`, a sentence for people. Nothing is raised: a failure prints one line
    to stderr. That line shows only the scheme and the host of an address, since the rest is a secret in many webhooks.
    The webhook may get the same record twice, if its first answer was lost.
    """
    webhook = environment.get(WEBHOOK) or settings.webhook
    ways: dict[str, Callable[[], None]] = {}
    if webhook:
        ways[f"webhook {_shown(webhook)}"] = lambda: post(webhook, record, settings.timeout)
    if settings.command:
        ways[f"command {settings.command[0]}"] = lambda: feed(settings.command, record, settings.timeout)
    return all([_attempt(name, way) for name, way in ways.items()])


def _attempt(name: str, way: Callable[[], None]) -> bool:
    try:
        way()
    except UndeliveredError as error:
        print(f"not notified: {name}: {error}", file=sys.stderr)
    except Exception as error:  # A notification never fails the job; a message could hold the address.
        print(f"not notified: {name}: {type(error).__name__}", file=sys.stderr)
    else:
        return True
    return False


def post(address: str, record: Mapping[str, Any], timeout: float) -> None:
    """Send a record as JSON; redirections are not followed.

    Raises:
        UndeliveredError: no answer, or a status other than 2xx, after `RETRIES` more attempts.
    """
    import requests  # Takes a third of a second to import.
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    # `Retry-After` is ignored: it may be hours.
    retry = Retry(RETRIES, backoff_factor=0.5, status_forcelist=BUSY, allowed_methods=None, raise_on_status=False)
    retry.respect_retry_after_header = False
    with requests.Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=retry))
        try:
            # The body of the answer is not read: a slow server could send it without end.
            answer = session.post(address, json=record, timeout=timeout, allow_redirects=False, stream=True)
        except requests.Timeout:
            raise UndeliveredError(f"no answer within {timeout:g} s") from None
        except (requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema, ValueError):
            raise UndeliveredError("is not an address: it must begin with https:// or http://") from None
        except requests.ConnectionError:
            raise UndeliveredError(f"cannot be reached, or does not answer within {timeout:g} s") from None
        answer.close()
    if not 200 <= answer.status_code < 300:
        raise UndeliveredError(f"answered {answer.status_code}")


def feed(command: tuple[str, ...], record: Mapping[str, Any], timeout: float) -> None:
    """Run a command with a record as JSON on its standard input; what it prints goes to stderr.

    Raises:
        UndeliveredError: the command cannot be started, exits with a code other than 0, or does not end in time. In the
            last case it is killed, with all processes that it started.
    """
    try:
        # A new session, so that the whole process group can be killed.
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=sys.stderr.fileno(), start_new_session=True)
    except OSError as error:
        raise UndeliveredError(f"cannot be started: {error.strerror}") from None
    try:
        process.communicate(json.dumps(record).encode(), timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise UndeliveredError(f"did not end within {timeout:g} s and was killed") from None
    if process.returncode:
        raise UndeliveredError(f"ended with code {process.returncode}")


def _shown(address: str) -> str:
    """Return scheme and host of an address: its path may be a secret too."""
    try:
        parts = urlsplit(redact(address))
        return f"{parts.scheme}://{parts.hostname}" if parts.hostname else "(not an address)"
    except ValueError:
        return "(not an address)"
