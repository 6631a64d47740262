"""Rates: how long a block is, and what is told of several."""

from __future__ import annotations

import time

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.speed.repeats import Repeats, long_enough, seconds_of

CPU = torch.device("cpu")


def test_what_is_told() -> None:
    assert Repeats((3.0, 1.0, 2.0, 10.0)).describe() == {
        "median": 2.5,
        "min": 1.0,
        "max": 10.0,
        "repeats": [3.0, 1.0, 2.0, 10.0],
    }


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(each=st.floats(1e-6, 20.0), first=st.floats(0.0, 20.0))
def test_a_block_is_long_enough_and_not_much_longer(
    each: float, first: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    calls = []

    def run(times: int) -> None:
        nonlocal now
        now += times * each + (first if not calls else 0.0)
        calls.append(times)

    with monkeypatch.context() as patch:
        patch.setattr(time, "perf_counter", lambda: now)
        count = long_enough(run, device=CPU, seconds=1.0)
    assert calls[0] == 1
    assert calls[-1] == count
    assert count * each >= 1.0 - 1e-6
    assert count == 1 or count * each <= 1.1 + 2 * each
    # To find that out takes little more than the block itself.
    assert sum(calls[1:-1]) * each <= 2.0


def test_seconds_are_those_of_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [5.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    assert seconds_of(lambda: now.__setitem__(0, 7.5), device=CPU) == 2.5
