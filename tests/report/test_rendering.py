"""Templates of pages, and the script in them that draws charts."""

from pathlib import Path

import pytest
import vl_convert

from regbench.report.rendering import ENTRY_POINT, SCRIPTS, library


def test_the_script_is_bundled_once_for_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundled = vl_convert.javascript_bundle(ENTRY_POINT)
    assert library(tmp_path) == bundled and "vegaEmbed" in bundled
    library.cache_clear()
    monkeypatch.setattr(vl_convert, "javascript_bundle", lambda snippet: pytest.fail("bundled again"))
    assert library(tmp_path) == bundled
    assert len(list((tmp_path / SCRIPTS).iterdir())) == 1
