"""Finds what is wrong with a project: `regbench verify` reads all bytes, `regbench doctor` checks states in seconds."""
