"""Signals to stop: raised, deferred, ignored, and kept from children."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from bench import signals


@pytest.fixture(autouse=True)
def _not_ignored() -> Iterator[None]:
    """Signals as in a terminal: a shell ignores some for what it runs in the background."""
    before = {number: signal.getsignal(number) for number in signals.STOPPING}
    for number in before:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def strike(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_is_raised_and_named(number: signal.Signals, code: int) -> None:
    before = signal.getsignal(number)
    with pytest.raises(signals.Stopped, match=f"^{number.name}$") as stopped, signals.handled():
        strike(number)
    assert isinstance(stopped.value, KeyboardInterrupt)
    assert stopped.value.exit_code == code
    assert signal.getsignal(number) == before
    signals.check()  # what comes later in this process was not asked to stop


def stopped(action: Callable[[], None], *, waits: bool = True) -> None:
    """Do something where a stop waits, or not."""
    with signals.handled(), signals.deferred(lambda: waits):
        action()


def test_a_stop_waits_for_a_check_or_the_end() -> None:
    def check() -> None:
        signals.check()
        assert not signals.is_asked()
        strike(signal.SIGTERM)
        assert signals.is_asked()
        reached.append("strike")
        signals.check()
        reached.append("check")

    def end() -> None:
        strike(signal.SIGTERM)
        reached.append("end")

    for action in (check, end):
        reached: list[str] = []
        with pytest.raises(signals.Stopped):
            stopped(action)
        assert reached == ["strike" if action == check else "end"]


def test_a_stop_does_not_wait_where_nothing_would_be_lost() -> None:
    def work() -> None:
        strike(signal.SIGTERM)
        pytest.fail("it did not stop")

    with pytest.raises(signals.Stopped):
        stopped(work, waits=False)


def test_an_error_is_told_before_a_stop_that_waits() -> None:
    def fail() -> None:
        strike(signal.SIGTERM)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        stopped(fail)

    def fail_and_work() -> None:
        with suppress(ZeroDivisionError), signals.deferred():
            fail()
        with signals.deferred():
            pytest.fail("it did not stop")

    with pytest.raises(signals.Stopped):
        stopped(fail_and_work)


def test_a_second_signal_ends_at_once_but_not_the_echo_of_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def strike_often() -> None:
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGHUP):
            strike(number)
        assert ended == []
        monkeypatch.setattr(signals, "SAME_REQUEST_SECONDS", 0.0)
        strike(signal.SIGINT)
        assert ended == [130]

    ended: list[int] = []
    monkeypatch.setattr("os._exit", ended.append)
    with pytest.raises(signals.Stopped, match="SIGTERM"):
        stopped(strike_often)


def test_what_is_ignored_stays_ignored() -> None:
    """``nohup bench run`` outlives its terminal."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals.handled():
            strike(signal.SIGHUP)
            assert not signals.is_asked()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_another_thread_changes_no_handler() -> None:
    found: list[object] = []

    def look() -> None:
        with signals.handled():
            found.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [before]


def test_children_do_not_hear_what_is_for_the_command() -> None:
    with signals.blocked():
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & set(signals.STOPPING)
    for number in signals.STOPPING:
        child.send_signal(number)
    child.communicate(b"\n", timeout=60)
    assert child.returncode == 0
