"""Imported once by the server that worker processes are forked from: all that trainings need, mainly torch.

Workers share these modules: one import instead of one in each worker. None of them may start a thread when it is
imported: after a fork, a worker would wait for a lock that such a thread held.
"""

import gc

from regbench.runtime.processes import follow_parent

# Workers are the server's children and die with it; it would outlive a process that is killed, since they hold the pipe
# whose end it waits for.
follow_parent()

import regbench.engine.stored_training  # noqa: E402, F401

# Objects that live on are not looked through for garbage, and their memory stays shared between the workers.
gc.collect()
gc.freeze()
