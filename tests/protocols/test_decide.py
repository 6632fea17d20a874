"""Racing: settled comparisons train no more, time is kept, and what goes on ends like what never stopped."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.small_study import COCKTAIL, files, small_data, small_params, trained

from regbench.config.params import Params
from regbench.config.variants import Variant
from regbench.errors import InputError
from regbench.layout import STORE
from regbench.protocols.decide import write_decisions

MOST = 4


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_data(tmp_path_factory.mktemp("images"))


@pytest.fixture
def params() -> Params:
    """Three variants; `broken` cannot learn, which two seeds show."""
    variants = {
        "baseline": Variant(recipe="plain", train={"epochs": 12, "learning_rate": 0.02}),
        "broken": Variant(recipe="plain", l2=100.0, train={"epochs": 1, "learning_rate": 1e-6}),
        "cocktail": COCKTAIL.model_copy(update={"train": {"epochs": 12, "learning_rate": 0.02}}),
    }
    return small_params().model_copy(update={"variants": variants})


def test_undecided_comparisons_alone_get_more_seeds(params: Params, data: Path, tmp_path: Path) -> None:
    text = write_decisions(params, data, tmp_path / "out", 60, MOST)
    table = pd.read_csv(tmp_path / "out/decide.csv").set_index("variant")
    looks = pd.read_csv(tmp_path / "out/looks.csv")
    assert set(looks["seeds"]) <= {2, 3, 4} and set(table["status"]) <= {"settled", "given up", "last look"}
    for name, last in table["seeds"].items():
        assert looks[looks["variant"] == name]["seeds"].tolist() == [2, 3, 4][: last - 1]
    runs = len(trained(STORE))
    assert runs == table["seeds"].sum() + table["seeds"].max(), "each its own, and the baseline as many as any"
    assert f"{runs} networks were trained; 4 seeds for every variant would be 12." in text
    assert (tmp_path / "out/decide.md").read_text() == text
    page = (tmp_path / "out/decide.html").read_text()
    assert "How each comparison settled" in page and "vegaEmbed" in page and "broken" in page


def test_the_same_call_trains_nothing_and_writes_the_same_bytes(params: Params, data: Path, tmp_path: Path) -> None:
    write_decisions(params, data, tmp_path / "out", 60, MOST)
    before, runs = files(tmp_path / "out"), trained(STORE)
    write_decisions(params, data, tmp_path / "out", 0, MOST)
    assert (files(tmp_path / "out"), trained(STORE)) == (before, runs)


def test_what_goes_on_ends_like_what_never_stopped(params: Params, data: Path, tmp_path: Path) -> None:
    write_decisions(params, data, tmp_path / "whole", 60, MOST, store=tmp_path / "first")
    write_decisions(params, data, tmp_path / "parts", 60, 2, store=tmp_path / "second")
    write_decisions(params, data, tmp_path / "parts", 60, MOST, store=tmp_path / "second")
    assert files(tmp_path / "parts") == files(tmp_path / "whole")


def test_no_time_for_the_first_look_is_told(params: Params, data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"minutes = 0: time is up before all variants have 2 seeds: 0 of 12 networks"):
        write_decisions(params, data, tmp_path / "out", 0, MOST)
    assert not (tmp_path / "out").exists() and not trained(STORE)


def test_time_that_is_up_leaves_the_looks_so_far(
    params: Params, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regbench.statistics.race.HOPELESS", 0.0)
    write_decisions(params, data, tmp_path / "first", 60, 2)
    runs = trained(STORE)
    text = write_decisions(params, data, tmp_path / "out", 0, MOST)
    table = pd.read_csv(tmp_path / "out/decide.csv")
    assert trained(STORE) == runs and (table["seeds"] == 2).all()
    left = table[table["status"] == "open"]["variant"]
    assert len(left) and f"Time is up for {', '.join(left)}: the same command goes on from here." in text


def test_log_loss_is_compared_in_nats(params: Params, data: Path, tmp_path: Path) -> None:
    text = write_decisions(params, data, tmp_path / "out", 60, 2, "log-loss")
    table = pd.read_csv(tmp_path / "out/decide.csv").set_index("variant")
    assert "gain, nats" in text and np.isfinite(table["gain"]).all() and table["gain"]["broken"] < 0
