"""What a process runs on: device, machine, processes, randomness, the identity of its code."""
