"""A future of a call elsewhere: messages come in any order, and once it is cancelled nothing comes."""

from concurrent.futures import CancelledError

import pytest

from regbench.engine.cluster.carried import CarriedFuture


def test_begin_and_end_in_any_order_and_more_than_once() -> None:
    future = CarriedFuture()
    assert not future.running() and future.begin() and future.begin() and future.running()
    future.end(1)
    future.end(2)
    future.end(error=ValueError())
    assert future.result() == 1
    late = CarriedFuture()
    late.end(error=ValueError("reason"))
    with pytest.raises(ValueError, match="reason"):
        late.result()
    assert not late.running()


def test_what_has_not_begun_can_be_cancelled_there_too() -> None:
    cancelled: list[str] = []
    future = CarriedFuture(lambda: cancelled.append("there"))
    assert future.cancel() and cancelled == ["there"]
    assert not future.begin()
    future.end(1)
    with pytest.raises(CancelledError):
        future.result()


def test_what_has_begun_cannot() -> None:
    cancelled: list[str] = []
    future = CarriedFuture(lambda: cancelled.append("there"))
    future.begin()
    assert not future.cancel() and cancelled == []


def test_a_cluster_that_is_gone_cancels_nothing() -> None:
    def gone() -> None:
        raise OSError

    assert CarriedFuture(gone).cancel()
