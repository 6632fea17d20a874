"""Identifies the code that a module imports: results depend on it, and DVC does not see imports.

Comments, docstrings and formatting are no part of it, so that rewording one does not train a network again.
"""

import ast
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from regbench.errors import IntegrityError

PACKAGE = Path(__file__).resolve().parents[1]
"""The folder of the package regbench, from which this process has loaded its code."""


class Import(NamedTuple):
    """A module, or a name in one, that code imports."""

    level: int
    """Dots before the name: 0 for an absolute import."""
    parts: tuple[str, ...]


class Code(NamedTuple):
    """Hash and imports of a source file."""

    digest: str
    """SHA-256 of the code without comments, docstrings and formatting."""
    imports: frozenset[Import]


def import_closure(module: Path, roots: Sequence[Path], within: Path | None = None) -> frozenset[Path]:
    """Return the file of a module and those of all modules below `roots` that it loads, directly or not.

    Imports inside functions count, those under `if TYPE_CHECKING:` do not. A module is loaded after the `__init__.py`
    of the packages around it. Only import statements are followed, and only files below `within` where it is given.

    Raises:
        IntegrityError: a file is missing or is not valid Python.
    """
    folders = [root.resolve() for root in roots]
    limits = folders if within is None else [within.resolve()]
    # Most imports are of libraries: no file is looked for where nothing has the name of the first part.
    own = {folder: {path.stem for path in folder.iterdir()} for folder in folders}

    @cache  # Many modules import the same ones.
    def find(folder: Path, parts: tuple[str, ...]) -> Path | None:
        file = module_file(folder, parts)
        return file.resolve() if file.is_file() else None

    seen: set[Path] = set()
    waiting = [module.resolve()]
    while waiting:
        file = waiting.pop()
        if file not in seen:
            seen.add(file)
            found = {find(*name) for name in _loaded_with(file, own)}
            waiting += [path for path in found if path is not None and any(map(path.is_relative_to, limits))]
    return frozenset(seen)


def code_identity(
    modules: Iterable[Path],
    roots: Sequence[Path],
    project: Path,
    also: Iterable[Path] = (),
    within: Path | None = None,
) -> str:
    """Return the SHA-256 of the names below `project` and the code of all files in the import closures of modules.

    `also` names files whose bytes count, such as templates.

    Raises:
        IntegrityError: a file is missing or is not valid Python.
        ValueError: a file is not below `project`.
    """
    files = {file for module in modules for file in import_closure(module, roots, within)}
    digests = [(file, _code(file).digest) for file in files]
    digests += [(file, hashlib.sha256(_read(file)).hexdigest()) for file in {path.resolve() for path in also}]
    top = project.resolve()
    lines = sorted(f"{file.relative_to(top).as_posix()} {digest}\n" for file, digest in digests)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@cache
def identity_of(*modules: str) -> str:
    """Return the identity of modules of the installed regbench by dotted name, such as `regbench.training.fit`.

    It does not depend on where the package is installed.

    Raises:
        IntegrityError: there is no such module, or a file that it loads is not valid Python.
    """
    parent = PACKAGE.parent
    # The parent may be site-packages, with all libraries in it.
    return code_identity([module_file(parent, name.split(".")) for name in modules], [parent], parent, within=PACKAGE)


def module_file(folder: Path, parts: Sequence[str]) -> Path:
    """Return the file of a module, or of a package, by the parts of its name below a folder; it may not be there."""
    package = folder.joinpath(*parts, "__init__.py")
    return package if package.is_file() or not parts else folder.joinpath(*parts).with_suffix(".py")


def _loaded_with(file: Path, roots: Mapping[Path, Collection[str]]) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Yield folder and name of what may be a module that Python loads for this one; some names are no modules.

    `roots` has the names of what is in each of them, without suffix.
    """
    around = [root for root in roots if file.is_relative_to(root)]
    if around:
        root = max(around, key=lambda path: len(path.parts))
        packages = file.relative_to(root).parents
        yield from ((root, (*package.parts, "__init__")) for package in packages if package.parts)
    for level, parts in _code(file).imports:
        folders = [file.parents[level - 1]] if level else [root for root, own in roots.items() if parts[0] in own]
        yield from ((folder, parts) for folder in folders)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise IntegrityError(f"{file}: cannot be read: {error.strerror}: restore it from version control") from None


def _code(file: Path) -> Code:
    try:
        return _parsed(_read(file))
    except (SyntaxError, ValueError) as error:  # a zero byte is a ValueError in Python 3.11
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise IntegrityError(f"{file}{line}: is not valid Python: {reason}: correct it") from None


@cache
def _parsed(source: bytes) -> Code:
    """Parse code; the key is the content, since an edit within a clock tick leaves time and size as they were."""
    tree = ast.parse(source)
    return Code(hashlib.sha256(_outline(tree).encode()).hexdigest(), frozenset(_imports(tree)))


def _imports(tree: ast.AST) -> Iterator[Import]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (Import(0, tuple(alias.name.split("."))) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = tuple(node.module.split(".")) if node.module else ()
            yield Import(node.level, parts)
            # A name is a module of the package, or something in it: then there is no such file.
            yield from (Import(node.level, (*parts, alias.name)) for alias in node.names)
        if isinstance(node, ast.If) and _is_type_checking(node.test):
            waiting += node.orelse
        else:
            waiting += ast.iter_child_nodes(node)


def _is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else test.id if isinstance(test, ast.Name) else ""
    return name == "TYPE_CHECKING"


def _outline(value: Any) -> str:
    """Return a syntax tree as text, as `ast.dump` does, but without docstrings.

    Fields without a value are left out, so that one that a later Python adds changes nothing.
    """
    if isinstance(value, list):
        return f"[{','.join(map(_outline, value))}]"
    if not isinstance(value, ast.AST):
        return repr(value)
    fields = []
    for name, content in ast.iter_fields(value):
        kept = content
        if isinstance(content, list) and any(map(_is_bare_string, content)):
            kept = [item for item in content if not _is_bare_string(item)]
            if name == "body" and not kept and not isinstance(value, ast.Module):
                kept = [ast.Pass()]
        if kept is not None and kept != []:
            fields.append(f"{name}={_outline(kept)}")
    return f"{type(value).__name__}({','.join(fields)})"


def _is_bare_string(node: Any) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
