"""A function called in a fresh process, which has neither the memory nor the warm-up of others."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from bench.errors import InputError, first_line

Result = TypeVar("Result")


class ChildFailedError(Exception):
    """The function failed, or its process ended without an answer; one line says why."""


def in_child(function: Callable[..., Result], *args: Any, **kwargs: Any) -> Result:
    """Call a function in a process of its own and wait for it; to be used in the main thread.

    Args:
        function: of a module that the child can import.
        args, kwargs: pickled on their way.

    Returns:
        What it returned, pickled on its way.

    Raises:
        InputError: the function raised one.
        ChildFailedError: it did not return for another reason.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_call, args=(sender, function, args, kwargs), daemon=True)
    # The child inherits that it ignores it: a terminal interrupts the parent too, which ends it.
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    process.start()
    signal.signal(signal.SIGINT, handler)
    sender.close()  # ours; with the child's gone too, receiving ends
    try:
        result, error = receiver.recv()
        process.join()
    except EOFError:
        process.join()
        raise ChildFailedError(_ended(process.exitcode)) from None
    finally:
        process.kill()  # where this process was interrupted; otherwise it has ended
    if error is not None:
        raise error
    answer: Result = result
    return answer


def _call(
    sender: Connection,
    function: Callable[..., object],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> None:
    answer: tuple[object, Exception | None]
    try:
        answer = (function(*args, **kwargs), None)
    except InputError as error:
        answer = (None, InputError(str(error)))
    except Exception as error:
        answer = (None, ChildFailedError(first_line(error)))
    sender.send(answer)


def _ended(code: int | None) -> str:
    """A process's end for people."""
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        memory = ", perhaps for want of memory" if -code == signal.SIGKILL else ""
        return f"its process was ended by {name}{memory}"
    return f"its process ended with exit code {code}"
