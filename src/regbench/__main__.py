"""Lets `python -m regbench` do what the command `regbench` does."""

from regbench.cli.main import main

main()
