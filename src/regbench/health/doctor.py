"""Check a project for all known problems in seconds, without heavy libraries and without changing anything."""

from collections.abc import Iterator
from pathlib import Path

from regbench.health import installation, leftovers, results
from regbench.health.finding import Finding
from regbench.retraining.paths import JobPaths


def examine(place: JobPaths) -> Iterator[Finding]:
    """Yield what was found of installation, parameters, disk, leftovers, results, and version control, a line each."""
    project = Path.cwd()
    for look in (
        installation.packages,
        installation.disk,
        lambda _: leftovers.locks(place),
        lambda _: leftovers.torn_files(place),
        lambda _: leftovers.temporary_files(place),
        lambda _: leftovers.unfinished(place),
        lambda _: results.parameters(place),
        lambda _: results.pipeline(place),
        lambda _: results.tracking(place),
        results.version_control,
    ):
        try:
            yield from look(project)
        except OSError as error:
            yield Finding(f"{error.filename}: {error.strerror}", "give this user access to it")
