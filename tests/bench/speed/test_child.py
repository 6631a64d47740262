"""A function in a process of its own: its answer, its error, its end."""

from __future__ import annotations

import os
import signal

import pytest

from bench.config import load_experiment
from bench.errors import InputError
from bench.speed.child import ChildFailedError, in_child


def test_an_answer_comes_back_from_another_process() -> None:
    assert in_child(os.getpid) != os.getpid()
    assert in_child(int, "ff", base=16) == 255


def test_an_error_is_one_line() -> None:
    with pytest.raises(ChildFailedError, match=r"^ValueError: invalid literal for int.*'x'$"):
        in_child(int, "x")


def test_a_users_mistake_is_told_as_it_is() -> None:
    with pytest.raises(InputError, match=r"^unknown config 'nowhere'"):
        in_child(load_experiment, "nowhere")


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (signal.SIGKILL, "its process was ended by SIGKILL, perhaps for want of memory"),
        (signal.SIGTERM, "its process was ended by SIGTERM"),
    ],
)
def test_a_killed_process_is_told(number: signal.Signals, reason: str) -> None:
    with pytest.raises(ChildFailedError) as failed:
        in_child(signal.raise_signal, number)
    assert str(failed.value) == reason


def test_an_interruption_is_left_to_the_parent() -> None:
    assert in_child(signal.raise_signal, signal.SIGINT) is None


def test_a_process_that_leaves_is_told() -> None:
    with pytest.raises(ChildFailedError, match=r"^its process ended with exit code 3$"):
        in_child(os._exit, 3)
