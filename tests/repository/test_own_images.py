"""docs/own-images.md: every command on a terminal prints what the page shows."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support import layouts
from support.project import REGBENCH, ROOT, environment

PAGE = (ROOT / "docs/own-images.md").read_text()
EXAMPLES = re.findall(r"^\$ (regbench .*)\n((?:(?!```).*\n)*)```", PAGE, re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's images, all 8 x 8."""
    root = tmp_path_factory.mktemp("own-images")
    layouts.class_folders(root / "pets")
    layouts.split_folders(root / "pets-with-splits")
    layouts.other_columns(root / "leaves")
    layouts.pixel_table(root / "digits")
    layouts.gzipped_idx(root / "mnist")
    shutil.move(layouts.npz(root / "arrays"), root / "mnist.npz")
    layouts.parquet(root / "insects")
    layouts.with_groups(root / "clinic", "patient")
    params = (ROOT / "params.yaml").read_text().replace("image_size: [28, 28]", "image_size: [8, 8]")
    (root / "params.yaml").write_text(params)
    (root / "clinic.yaml").write_text(params.replace("  channels: 1", "  group: patient\n  channels: 1"))
    return root


@pytest.mark.parametrize(("command", "output"), EXAMPLES, ids=[command for command, _ in EXAMPLES])
def test_each_example_prints_what_the_page_shows(folder: Path, command: str, output: str) -> None:
    done = subprocess.run(
        [*REGBENCH, *command.split()[1:]],
        cwd=folder,
        env=environment(ROOT),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == output


def test_every_layout_has_its_example() -> None:
    assert len(EXAMPLES) == 8 and EXAMPLES[0][0] == "regbench inspect pets"
    for name in (
        "one folder per class",
        "a table with images beside it",
        "a table of pixels",
        "idx files",
        "an .npz of arrays",
    ):
        assert any(f"found: {name}" in output for _, output in EXAMPLES)
