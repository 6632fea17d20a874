"""Imported once by the server that worker processes are forked from: all that trainings need, mainly torch."""

import gc

import regbench.engine.tasks  # noqa: F401
from regbench.runtime.processes import follow_parent

# Workers are the server's children and die with it; it would outlive a process that is killed, since they hold the pipe
# whose end it waits for.
follow_parent()

# Objects that live on are not looked through for garbage, and their memory stays shared between the workers.
gc.collect()
gc.freeze()
