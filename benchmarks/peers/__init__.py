"""Peers: each file runs in the environment of benchmarks/requirements.txt."""
