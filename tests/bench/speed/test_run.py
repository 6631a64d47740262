"""Many networks, each in a process of its own: what becomes of one that cannot be measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.errors import InputError
from bench.progress import QuietProgress
from bench.speed import run
from bench.speed.case import Case
from bench.speed.run import Failed, compare_all, measure_all
from bench.speed.work import Ceilings

CASE = Case(model="cxnet_m1", image_size=32, batch_size=8, device="cpu")
CEILINGS = Ceilings(flops=1e12, bandwidth=1e12)
ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
]


def here(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Instead of in a process of its own."""
    return function(*args, **kwargs)


def test_a_plugins_failure_is_told_as_it_is(tmp_path: Path) -> None:
    case = replace(CASE, plugins=(tmp_path / "gone.py",))
    with pytest.raises(InputError, match=r"^plugin '.*gone\.py' is not there$"):
        measure_all(
            [case], repeats=1, block_seconds=1e-3, ceilings=CEILINGS, progress=QuietProgress()
        )


def test_a_device_that_cannot_be_looked_at_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("driver too old")

    monkeypatch.setattr(run, "describe_environment", broken)
    monkeypatch.setattr(run, "in_child", as_child)
    with pytest.raises(InputError, match=r"^device cpu: RuntimeError: driver too old$"):
        compare_all([CASE], rival="bare", rounds=1, block_seconds=1e-3, progress=QuietProgress())


def as_child(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Errors as a child tells them, of a function that a child cannot be sent."""
    try:
        return function(*args, **kwargs)
    except RuntimeError as error:
        raise run.ChildFailedError(f"RuntimeError: {error}") from None


@pytest.mark.parametrize("error", ERRORS, ids=["cuda", "cpu"])
@pytest.mark.parametrize("rival", [None, "bare"])
def test_too_little_memory_is_a_row_with_the_way_out(
    rival: Any, error: RuntimeError, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(run, "in_child", here)
    monkeypatch.setattr("bench.speed.case.Workbench.__init__", no_memory)
    quiet = QuietProgress()
    figures: Any = (
        compare_all([CASE], rival=rival, rounds=1, block_seconds=1e-3, progress=quiet)
        if rival
        else measure_all([CASE], repeats=1, block_seconds=1e-3, ceilings=CEILINGS, progress=quiet)
    )
    reason = (
        "memory does not suffice for batches of 8 images of 32 px: try a smaller --batch-size or "
        "--image-size"
    )
    assert figures.rows == (Failed(model="cxnet_m1", reason=reason),)


def test_too_little_memory_for_the_ceilings_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: object, **__: object) -> None:
        raise ERRORS[0]

    monkeypatch.setattr(run, "in_child", here)
    monkeypatch.setattr(run, "measure_ceilings", no_memory)
    with pytest.raises(InputError, match=r"^memory does not suffice to measure .* --bandwidth$"):
        measure_all([CASE], repeats=1, block_seconds=1e-3, ceilings=None, progress=QuietProgress())


def test_the_memory_format_is_that_of_the_device() -> None:
    assert run.describe(CASE).memory_format == "contiguous"
    assert run.describe(replace(CASE, memory_format="channels_last")).memory_format == (
        "channels_last"
    )
