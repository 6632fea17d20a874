"""Measures regbench against what a user would pick instead, and against the machine's own limit."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
