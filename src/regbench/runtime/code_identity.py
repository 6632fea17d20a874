"""Which modules a module loads, directly or not: DVC does not follow imports, so a stage depends on their hash."""

import ast
import hashlib
from collections.abc import Sequence
from pathlib import Path


def closure(module: Path, roots: Sequence[Path]) -> set[Path]:
    """Return a module's file and those of all modules below `roots` that it loads, also those inside functions."""
    seen: set[Path] = set()
    waiting = [module.resolve()]
    while waiting:
        file = waiting.pop()
        if file not in seen:
            seen.add(file)
            waiting += _imported(file, roots)
    return seen


def code_hash(files: set[Path], project: Path) -> str:
    """Return the SHA-256 of the names below `project` and the contents of files."""
    found = hashlib.sha256()
    for name, file in sorted((str(file.relative_to(project.resolve())), file) for file in files):
        found.update(f"{name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return found.hexdigest()


def _imported(file: Path, roots: Sequence[Path]) -> set[Path]:
    names = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    # A package counts by its __init__.py, which runs when a module in it is loaded.
    parts = [name.split(".")[:length] for name in names for length in range(1, name.count(".") + 2)]
    files = [root.joinpath(*part) for root in roots for part in parts]
    found = [path for file in files for path in (file.with_suffix(".py"), file / "__init__.py")]
    return {path.resolve() for path in found if path.is_file()}
