"""Imported once by the server that worker processes are forked from: all that a training needs, torch above all."""

import gc

import regbench.engine.tasks  # noqa: F401

# Objects that live on are not looked through for garbage, and their memory stays shared between the workers.
gc.collect()
gc.freeze()
