"""The process: device, machine, child processes, randomness, and the identity of its code."""
