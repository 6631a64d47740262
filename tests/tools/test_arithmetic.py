"""What ``tools/arithmetic.py`` makes of its measurements."""

from __future__ import annotations

import pytest

from bench.speed.case import Case
from tools.arithmetic import break_even, compare_ways

CASE = Case(model="mobilenetv3_small_100", image_size=32, batch_size=2, device="cpu")


def test_each_way_is_held_against_the_plain_one() -> None:
    ways = ("plain", "channels_last", "fused", "bfloat16")
    facts = compare_ways(CASE, ways=ways, rounds=1, seconds=0.01)
    assert tuple(facts) == ways
    assert facts["plain"]["ratio"]["repeats"] == [1.0]
    (plain,) = facts["plain"]["images_per_second"]["repeats"]
    for each in facts.values():
        (rate,) = each["images_per_second"]["repeats"]
        assert each["ratio"]["repeats"] == [rate / plain]
        assert each["first_step_seconds"] > 0
        assert "break_even_steps" not in each


def test_a_way_that_fails_says_why_and_the_others_are_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_: object) -> object:
        raise RuntimeError("no compiler here")

    monkeypatch.setattr("torch.compile", refuse)
    facts = compare_ways(CASE, ways=("plain", "compile"), rounds=1, seconds=0.01)
    assert facts["compile"] == {"failed": "RuntimeError: no compiler here"}
    assert facts["plain"]["ratio"]["median"] == 1.0


def test_without_the_plain_way_there_is_nothing_to_compare() -> None:
    case = Case(model="no_such_network", image_size=32, batch_size=2, device="cpu")
    facts = compare_ways(case, ways=("plain", "fused"), rounds=1, seconds=0.01)
    assert [list(each) for each in facts.values()] == [["failed"], ["failed"]]
    assert "no_such_network" in facts["plain"]["failed"]


@pytest.mark.parametrize(
    ("seconds", "gain", "steps"),
    [(3.0, 0.5, 6), (3.1, 0.5, 7), (3.0, 0.0, None), (3.0, -0.5, None), (-1.0, 0.5, 0)],
)
def test_break_even(seconds: float, gain: float, steps: int | None) -> None:
    assert break_even(seconds, gain=gain) == steps
