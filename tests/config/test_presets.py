"""Parameter files that ship beside `params.yaml`."""

from pathlib import Path

import pytest

from regbench.config.checking import load_params

PRESETS = sorted((Path(__file__).parents[2] / "presets").glob("*.yaml"))


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.name)
def test_presets_are_valid_and_have_no_ranges_and_a_baseline(path: Path) -> None:
    params = load_params(path)
    assert "baseline" in params.variants
    assert not [name for name, variant in params.variants.items() if variant.ranges]
