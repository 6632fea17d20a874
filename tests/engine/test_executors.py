"""No executor changes a result: threads, processes, fresh interpreters, and workers that die."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.small_engine import CPU, runs, small_engine, train_all, trainings_of, write_data
from support.small_study import small_params

from regbench.config.params import Params
from regbench.config.tuned import with_tuned
from regbench.config.variants import SearchableVariant
from regbench.engine.augment import write_augmentations
from regbench.engine.executor import Executor
from regbench.engine.local import local_executor
from regbench.engine.pipeline import train_variants
from regbench.engine.run import open_engine, train
from regbench.errors import WorkerDiedError
from regbench.evaluation.evaluate import evaluate_all
from regbench.search.tune import tune


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


@contextmanager
def executor_of(kind: str) -> Iterator[Executor | None]:
    if kind == "inline":
        yield None
    else:
        with local_executor(2, "spawn" if kind == "spawn" else "forkserver") as pool:
            yield pool


def test_fresh_interpreters_forked_workers_and_this_process_give_the_same_bytes(data: Path, tmp_path: Path) -> None:
    found = []
    for kind in ("inline", "forkserver", "spawn"):
        with executor_of(kind) as executor:
            train_all(small_engine(tmp_path / kind, executor), small_params(), data)
        found.append(runs(tmp_path / kind))
    assert len(found[0]) == 5 * 4 * 2, "five files per run, four variants, two seeds"
    assert found[0] == found[1] == found[2]


def test_workers_share_what_their_server_imported_without_a_thread_of_its_own() -> None:
    with local_executor(1) as pool:
        server = pool.submit(os.getppid).result()
        assert pool.submit(eval, "'torch' in __import__('sys').modules").result()
        names = [path.read_text().strip() for path in Path(f"/proc/{server}/task").glob("*/comm")]
    # Those of OpenBLAS end before a fork; the one of pyarrow's allocator, jemalloc, knows about forks.
    assert len([name for name in names if name != "jemalloc_bg_thd"]) == 1


def test_ctrl_c_does_not_reach_the_server_even_while_it_imports() -> None:
    with local_executor(1) as pool:
        status = Path(f"/proc/{pool.submit(os.getppid).result()}/status").read_text()
    blocked = next(line.split()[1] for line in status.splitlines() if line.startswith("SigBlk"))
    assert int(blocked, 16) & 1 << signal.SIGINT - 1
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


class Deadly:
    """Kills the worker that gets the training of a variant."""

    def __init__(self, executor: Executor, label: str) -> None:
        self.executor, self.label = executor, label

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> "Future[Any]":
        if getattr(arguments[0], "label", "") == self.label:
            return self.executor.submit(signal.raise_signal, signal.SIGKILL)
        return self.executor.submit(function, *arguments)


@pytest.mark.fault
def test_a_killed_worker_is_one_line_and_only_the_rest_is_trained_next(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, params = tmp_path / "store", small_params()
    compute = params.compute.model_copy(update={"device": "cpu", "workers": 1})
    trainings = trainings_of(small_engine(store), params, data)
    with pytest.raises(WorkerDiedError) as error, open_engine(compute, store) as engine:
        deadly = replace(engine, executor=Deadly(engine.executor, "zca"))
        train(deadly, trainings, (1,), data, tmp_path / "live")
    assert str(error.value) == (
        "a worker process was killed; perhaps memory ran out: lower compute.workers = 1, then start again: what was "
        "finished is kept"
    )
    train(small_engine(store), trainings, (1,), data, tmp_path / "live")
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("train: ")]
    assert lines == [
        "train: 4 runs needed, 0 of 4 different ones found, 4 to train",
        "train: 4 runs needed, 2 of 4 different ones found, 2 to train",
    ]


def with_two_threads() -> Params:
    params = small_params()
    ranged = SearchableVariant.model_validate({"recipe": "affine", "l2": {"low": 1e-5, "high": 1e-3, "log": True}})
    compute = params.compute.model_copy(update={"device": "cpu", "threads": 2, "workers": 2})
    search = params.search.model_copy(update={"trials": 2, "epochs": 1})
    variants = {"zca": params.variants["zca"], "searched": ranged}
    return params.model_copy(update={"compute": compute, "search": search, "seeds": (1,), "variants": variants})


@pytest.mark.fault
def test_every_step_works_with_two_threads(data: Path, tmp_path: Path) -> None:
    params = with_two_threads()
    augmented, tuned, out = tmp_path / "augmented", tmp_path / "tuned", tmp_path / "runs"
    with open_engine(params.compute, tmp_path / "store") as engine:
        assert engine.hardware == replace(CPU, threads=2)
        write_augmentations(engine, params.recipes, params.augment, data, augmented)
        tune(engine, params, data, augmented, tuned, tmp_path / "studies", tmp_path / "studies.journal")
        resolved = with_tuned(params, tuned)
        train_variants(engine, resolved, data, augmented, out, tmp_path / "timings", tmp_path / "live")
        evaluate_all(engine, resolved, data, out, tmp_path / "evaluation", tmp_path / "metrics")
    assert {path.name for path in (tmp_path / "metrics").iterdir()} == {
        f"{variant}.json" for variant in params.variants
    }
