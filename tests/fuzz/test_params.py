"""Whatever stands in params.yaml: parameters that satisfy their rules, or one line per mistake."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.fuzzing import Tally, edited, limited
from support.params import SHIPPED

from regbench.config.checking import load_params
from regbench.config.loading import load_sections
from regbench.config.params import Params
from regbench.config.stages import STAGES, stage_params
from regbench.errors import InputError
from regbench.files import digest

WORDS = (
    *("1e-3", "-1", "0", "1e400", "-.inf", ".nan", "9" * 30, "9" * 5000, "0x1F", "0o17", "010", "1_0", "1:30:20", "1."),
    *(
        "true",
        "no",
        "~",
        "null",
        "''",
        '"',
        "'",
        "2001-99-99",
        "2001-01-01",
        "=",
        "<<: *a",
        "&a",
        "*a",
        "!!int",
        "!!set",
    ),
    *("!!python/object:os.system", "[", "]", "{", "}", ":", "- ", "? ", "|", ">", "#", "%YAML 1.1", "---", "...", "\t"),
    *("low", "high", "choices", "start", "step", "log", "seeds", "variants", "train", "recipe", "plain", "gp", "cmaes"),
    *("\x00", "\x1b", "\u2028", "\ud7ff", "\U0001f600", "é"),
)
NESTED = {
    f"{open_}{close}": f"a: {open_ * depth}{close * depth}" for open_, close in ("[]", "{}") for depth in (10_000,)
}
LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))
BOMBS = {
    "laughs": LAUGHS,
    "laughs in merge keys": "a0: &a0 {x: 1}\n"
    + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}], b{n}: 1}}\n" for n in range(1, 40)),
    "itself": "a: &a [*a]",
    "itself as key": "&a {*a : 1}",
    **{f"nested {what}": text for what, text in NESTED.items()},
    "nested blocks": "".join(f"{' ' * depth}a:\n" for depth in range(3_000)),
    "nested sequences": "a:\n" + "- " * 5_000 + "1",
    "5,000,000 items": f"seeds: [{'1, ' * 5_000_000}]",
    "a million variants": "variants:\n" + "".join(f"  v{n}: {{recipe: plain}}\n" for n in range(100_000)),
    "a number of 5,000 digits": f"train: {{epochs: {'9' * 5_000}}}",
    "a number of 4,000 digits": f"train: {{epochs: {'9' * 4_000}}}",
    "a long key": f"{'a' * 5_000_000}: 1",
    "an anchor that is used": SHIPPED.read_text().replace("plain: {}", "plain: &p {}\n  other: *p"),
    "not closed": 'a: "' + "x" * 1_000_000,
}


def load(path: Path) -> Params:
    """Check the file as the stage `check` does, and its parts as each other stage does."""
    params = load_params(path)
    for stage, sections in STAGES.items():
        load_sections(path, sections)
        digest(stage_params(params, stage))
    return params


@given(text=edited([SHIPPED.read_text()], WORDS) | st.text())
@example(text="")
@example(text="- a")
@example(text="9: 1")
@example(text="!!int")
@example(text="seeds: [!!float '']")
@example(text="seeds: !!set [1]")
@example(text="a: !!timestamp x")
@example(text="variants: {baseline: {recipe: plain, train: {learning_rate: {low: 1, high: 2, startx: 1}}}}")
def test_params(text: str, tmp_path: Path, tally: Tally) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    tally.attempt(lambda: load(path))


@pytest.mark.parametrize("what", BOMBS)
def test_a_bomb_is_refused_in_one_line(what: str, tmp_path: Path) -> None:
    """In no more than a second and little memory."""
    path = tmp_path / "params.yaml"
    path.write_text(BOMBS[what])
    with limited(seconds=5, megabytes=100), pytest.raises(InputError) as caught:
        load_params(path)
    text = str(caught.value)
    assert text.count("\n") < 20 and text.startswith(f"{path}: ")
