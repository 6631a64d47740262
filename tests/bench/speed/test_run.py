"""Several networks, each in a process of its own: what becomes of one that cannot be measured."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.config import load_experiment
from bench.errors import InputError
from bench.progress import QuietProgress
from bench.speed import run
from bench.speed.against import compare
from bench.speed.case import Case
from bench.speed.machine import describe_machine
from bench.speed.measure import measure
from bench.speed.run import Failed, in_child, measure_all

CASE = Case(model="cxnet_m1", image_size=32, batch_size=8, device="cpu")
ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
]


def test_a_result_comes_back_from_another_process_and_so_do_errors() -> None:
    assert in_child(os.getpid) != os.getpid()
    with pytest.raises(InputError, match=r"^unknown config 'nowhere'"):
        in_child(load_experiment, "nowhere")
    with pytest.raises(InputError, match=r"^its process ended without a result"):
        in_child(signal.raise_signal, signal.SIGKILL)


def test_a_plugins_failure_is_told_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "in_child", lambda do, *args, **more: do(*args, **more))
    case = replace(CASE, plugins=(tmp_path / "gone.py",))
    with pytest.raises(InputError, match=r"^plugin '.*gone\.py' is not there$"):
        measure_all([case], measure, flops_repeats=0, progress=QuietProgress())


@pytest.mark.parametrize("error", ERRORS, ids=["cuda", "cpu"])
@pytest.mark.parametrize(
    "take", [partial(measure, repeats=1), partial(compare, rival="bare", rounds=1)]
)
def test_too_little_memory_is_a_row_that_says_what_to_try(
    take: Any, error: RuntimeError, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(run, "in_child", lambda do, *args, **more: do(*args, **more))
    monkeypatch.setattr("bench.speed.machine.measure_flops", lambda *_, **__: 1e9)
    monkeypatch.setattr("bench.speed.case.Workbench.__init__", no_memory)
    figures = measure_all([CASE], take, flops_repeats=1, progress=QuietProgress())
    reason = (
        "memory does not suffice for batches of 8 images of 32 px: try a smaller --batch-size or "
        "--image-size"
    )
    assert figures.rows == (Failed(model="cxnet_m1", reason=reason),)


def test_the_memory_format_is_that_of_the_device() -> None:
    found = describe_machine(CASE, repeats=0)
    assert (found.memory_format, found.flops) == ("contiguous", None)
