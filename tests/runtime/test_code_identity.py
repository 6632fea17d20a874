"""The identity of code follows all that a module loads, and nothing in it that only people read."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from regbench.errors import IntegrityError
from regbench.runtime import code_identity as code_identity_module
from regbench.runtime.code_identity import code_identity, identity_of, import_closure

SRC = Path(__file__).parents[2] / "src"
ENTRIES = (
    "regbench.engine.training_run",
    "regbench.augmentation.writing",
    "regbench.evaluation.predicted_split",
    "regbench.search.objective",
    "regbench.search.study",
    "regbench.search.winner",
)
"""Modules whose identity the project stores beside results."""

CODE = '''"""Module."""

import os

LIMIT = 3
"""Attribute."""


class Shape:
    """Class."""

    side: int = 1
    """Attribute of a class."""


@property
def area(side, factor=2):
    """Function."""
    unit = "cm"  # comment
    if side:
        return f"{side * factor} {unit}"
    return None


def empty():
    """Nothing else."""
'''
SAME = {
    "comment removed": ("  # comment", ""),
    "comment added": ("import os", "# why\nimport os  # what"),
    "module docstring reworded": ('"""Module."""', '"""Other."""'),
    "module docstring removed": ('"""Module."""\n', ""),
    "class docstring reworded": ('"""Class."""', "'Other.'"),
    "attribute docstring reworded": ('"""Attribute."""', '"""Other."""'),
    "attribute docstring removed": ('"""Attribute."""\n', ""),
    "attribute docstring of a class removed": ('    """Attribute of a class."""\n', ""),
    "function docstring removed": ('    """Function."""\n', ""),
    "the only statement is a docstring": ('"""Nothing else."""', "pass"),
    "blank lines": ("LIMIT = 3\n", "\n\n\nLIMIT = 3\n\n"),
    "spaces and brackets": ("side * factor", "(side   *factor)"),
    "quotes": ('"cm"', "'cm'"),
    "one string in two pieces": ('"cm"', '("c" "m")'),
    "line break in a signature": ("(side, factor=2)", "(\n    side,\n    factor=2,\n)"),
}
OTHER = {
    "variable renamed": ("unit", "measure"),
    "constant": ("LIMIT = 3", "LIMIT = 4"),
    "type of a constant": ("LIMIT = 3", "LIMIT = 3.0"),
    "default": ("factor=2", "factor=3"),
    "string that is used": ('"cm"', '"mm"'),
    "text of an f-string": ("} {", "}{"),
    "decorator removed": ("@property\n", ""),
    "decorator": ("@property", "@staticmethod"),
    "annotation": ("side: int", "side: float"),
    "operator": ("side * factor", "side + factor"),
    "order": ("(side, factor=2)", "(factor, side=2)"),
    "None returned or nothing": ("return None", "return"),
    "import": ("import os", "import sys"),
    "statement added": ('"""Nothing else."""', "print()"),
    "bytes are no docstring": ('"""Nothing else."""', 'b"x"'),
}
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes files, content by name, and returns their folder."""

    def write(files: dict[str, str]) -> Path:
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)
        return tmp_path

    return write


def _identity(folder: Path, entry: str = "a.py") -> str:
    return code_identity([folder / entry], [folder], folder)


def _names(folder: Path, entry: str, *roots: str) -> set[str]:
    found = import_closure(folder / entry, [folder / root for root in roots or (".",)])
    return {path.relative_to(folder).as_posix() for path in found}


def _edited(old: str, new: str) -> str:
    assert old in CODE
    return CODE.replace(old, new)


@pytest.mark.parametrize("change", SAME)
def test_what_only_people_read_changes_nothing(change: str, write: Write) -> None:
    before = _identity(write({"a.py": CODE}))
    assert _identity(write({"a.py": _edited(*SAME[change])})) == before
    assert re.fullmatch(r"[0-9a-f]{64}", before)


@pytest.mark.parametrize("change", OTHER)
def test_everything_else_changes_it(change: str, write: Write) -> None:
    before = _identity(write({"a.py": CODE}))
    assert _identity(write({"a.py": _edited(*OTHER[change])})) != before


def test_a_used_string_that_becomes_a_docstring_changes_it(write: Write) -> None:
    before = _identity(write({"a.py": "def f():\n    return 'x'\n"}))
    assert _identity(write({"a.py": "def f():\n    'x'\n"})) != before


def test_name_and_place_of_a_file_count_but_not_that_of_the_project(write: Write) -> None:
    folder = write({"a.py": "", "b.py": "", "one/a.py": "", "two/a.py": ""})
    assert len({_identity(folder, name) for name in ("a.py", "b.py", "one/a.py")}) == 3
    assert _identity(folder / "one") == _identity(folder / "two") == _identity(folder)


def test_bytes_of_other_files_count(write: Write) -> None:
    folder = write({"a.py": "", "t.j2": "x", "u.j2": "x"})

    def identity(*also: str) -> str:
        return code_identity([folder / "a.py"], [folder], folder, [folder / name for name in also])

    before = identity("t.j2")
    assert len({before, identity(), identity("u.j2"), identity("t.j2", "u.j2")}) == 4
    write({"t.j2": "x "})
    assert identity("t.j2") != before


def test_several_modules_have_one_identity_whatever_their_order(write: Write) -> None:
    folder = write({"a.py": "import c", "b.py": "import c", "c.py": ""})
    files = [folder / "a.py", folder / "b.py"]
    assert code_identity(files, [folder], folder) == code_identity(reversed(files), [folder], folder)
    assert code_identity(files, [folder], folder) != _identity(folder)


PACKAGE = {
    "p/__init__.py": "",
    "p/q/__init__.py": "",
    "p/q/r/__init__.py": "",
    "p/q/r/m.py": "",
    "p/q/n.py": "",
    "p/q/r/same.py": "",
    "p/o.py": "",
    "p/unused.py": "",
    "p/unused/__init__.py": "",
}
INSIDE = {"p/__init__.py", "p/q/__init__.py", "p/q/r/__init__.py"}
"""What is loaded before any module in p/q/r."""


@pytest.mark.parametrize(
    ("statement", "loaded"),
    [
        ("import p.o", {"p/o.py"}),
        ("import p.o as other, p.q.n", {"p/o.py", "p/q/n.py"}),
        ("import p.q.r", set()),
        ("from p import o", {"p/o.py"}),
        ("from p import q, o", {"p/o.py"}),
        ("from p.q.n import value", {"p/q/n.py"}),
        ("from p.q import (\n    n,\n    value,\n)", {"p/q/n.py"}),
        ("from . import same", {"p/q/r/same.py"}),
        ("from . import value", set()),
        ("from .same import value", {"p/q/r/same.py"}),
        ("from .. import n", {"p/q/n.py"}),
        ("from ..n import value", {"p/q/n.py"}),
        ("from ... import o", {"p/o.py"}),
        ("from ...q.n import *", {"p/q/n.py"}),
        ("def f():\n    from ...o import value", {"p/o.py"}),
        ("class C:\n    async def f(self):\n        try:\n            import p.o\n        except E: pass", {"p/o.py"}),
        ("if True:\n    import p.o", {"p/o.py"}),
        ("import json, torch.nn, o, same, m", set()),
        ("TYPE_CHECKING = 1\nif TYPE_CHECKING:\n    import p.o\nelse:\n    import p.q.n", {"p/q/n.py"}),
        ("import typing\nif typing.TYPE_CHECKING:\n    import p.o", set()),
    ],
)
def test_every_form_of_import_is_followed(statement: str, loaded: set[str], write: Write) -> None:
    folder = write(PACKAGE | {"p/q/r/m.py": statement})
    assert _names(folder, "p/q/r/m.py") == {"p/q/r/m.py"} | INSIDE | loaded


def test_a_relative_import_in_a_package_starts_at_the_package(write: Write) -> None:
    folder = write(PACKAGE | {"p/q/__init__.py": "from .n import value\nfrom .. import o", "a.py": "import p.q.r.m"})
    assert _names(folder, "a.py") == {"a.py", "p/q/r/m.py", "p/q/n.py", "p/o.py"} | INSIDE


def test_what_an_init_imports_is_loaded_with_every_module_of_the_package(write: Write) -> None:
    folder = write({"p/__init__.py": "import helper", "p/m.py": "", "helper.py": "import deeper", "deeper.py": ""})
    assert _names(folder, "p/m.py") == {"p/__init__.py", "p/m.py", "helper.py", "deeper.py"}


def test_several_roots_are_searched_and_nothing_outside_them(write: Write) -> None:
    folder = write({"src/p/m.py": "import outside", "jobs/a.py": "from p import m\nimport jobs.b", "jobs/b.py": ""})
    write({"outside.py": "", "src/__init__.py": ""})
    assert _names(folder, "jobs/a.py", "src") == {"jobs/a.py", "src/p/m.py"}
    assert _names(folder, "jobs/a.py", "src", ".") >= {"jobs/a.py", "jobs/b.py", "src/p/m.py", "outside.py"}


def test_only_files_within_a_folder_are_followed(write: Write) -> None:
    folder = write({"own/a.py": "import own.b, library", "own/b.py": "", "library/__init__.py": ""})
    found = import_closure(folder / "own/a.py", [folder], within=folder / "own")
    assert found == {folder / "own/a.py", folder / "own/b.py"}


def test_circles_end(write: Write) -> None:
    folder = write({"a.py": "import b", "b.py": "def f():\n    import c", "c.py": "import a, c"})
    assert _names(folder, "b.py") == {"a.py", "b.py", "c.py"}


def test_an_edit_of_the_same_length_at_the_same_moment_is_seen(write: Write) -> None:
    identities = {_identity(write({"a.py": f"x = {number}"})) for number in range(10)}
    assert len(identities) == 10


@pytest.mark.parametrize("content", ["x = 1\ndef f(:\n", "x = '\x00'"])
def test_wrong_syntax_is_one_line_with_its_place(content: str, write: Write) -> None:
    folder = write({"a.py": "import b", "b.py": content})
    with pytest.raises(IntegrityError) as error:
        _identity(folder)
    assert re.fullmatch(
        rf"{re.escape(str(folder))}/b\.py(, line 2)?: is not valid Python: .+: correct it", str(error.value)
    )


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match=r"^\S+/a\.py: cannot be read: No such file or directory: restore it"):
        _identity(tmp_path)


@pytest.mark.parametrize("entry", ENTRIES)
def test_each_module_that_the_project_loads_changes_its_identity_and_no_other(entry: str, tmp_path: Path) -> None:
    source = shutil.copytree(SRC, tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    module = source.joinpath(*entry.split(".")).with_suffix(".py")
    closure = import_closure(module, [source])
    files = set(source.rglob("*.py"))
    assert closure < files
    before = code_identity([module], [source], tmp_path)
    for file in closure:
        content = file.read_text()
        file.write_text(f"{content}\n_edited = 1\n")
        assert code_identity([module], [source], tmp_path) != before, file
        file.write_text(content)
    for file in files - closure:
        file.write_text(f"{file.read_text()}\n_edited = 1\n")
    assert code_identity([module], [source], tmp_path) == before


@pytest.mark.parametrize("entry", ENTRIES)
def test_the_closure_holds_all_that_python_loads(entry: str) -> None:
    code = f"import sys, {entry}; print(*[m.__file__ for n, m in sys.modules.items() if n.split('.')[0] == 'regbench'])"
    done = subprocess.run([sys.executable, "-c", code], cwd=SRC, capture_output=True, text=True, check=True)
    closure = import_closure(SRC.joinpath(*entry.split(".")).with_suffix(".py"), [SRC])
    assert {Path(name) for name in done.stdout.split()} <= closure


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_installed_module_is_identified_by_its_name(entry: str) -> None:
    file = SRC.joinpath(*entry.split(".")).with_suffix(".py")
    assert identity_of(entry) == code_identity([file], [SRC], SRC)
    assert identity_of(entry) != identity_of("regbench.files") != identity_of("regbench")


def test_libraries_beside_the_installed_package_do_not_count(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write({"own/__init__.py": "", "own/a.py": "import library", "library.py": "x = 1"})
    monkeypatch.setattr(code_identity_module, "PACKAGE", folder / "own")
    before = identity_of.__wrapped__("own.a")
    write({"library.py": "x = 2"})
    assert identity_of.__wrapped__("own.a") == before
    write({"own/__init__.py": "x = 2"})
    assert identity_of.__wrapped__("own.a") != before


def test_an_unknown_name_of_a_module_is_refused() -> None:
    with pytest.raises(IntegrityError, match=r"regbench/nothing\.py: cannot be read"):
        identity_of("regbench.nothing")
