"""The keys `retrain.notify` of `params.yaml`: who is notified when a job ends."""

from regbench.config.section import Positive, Section


class NotifySettings(Section):
    """Both ways may be used together; none is used by default."""

    webhook: str = ""
    """Address that the record is posted to as JSON. One with a secret in it does not belong in a file under git: set
    the environment variable REGBENCH_WEBHOOK instead, which goes before this key."""
    command: tuple[str, ...] = ()
    """Program and arguments, started without a shell; it gets the record as JSON on standard input."""
    timeout: Positive = 10
    """Seconds that one attempt at the webhook, and the command, may take."""
