"""Too little memory, really met."""

from __future__ import annotations

import pytest
import torch

from bench.train import TrainingFailedError
from bench.train.memory import halve, unless_out_of_memory


def too_much() -> torch.Tensor:
    return torch.empty(2**48)


def test_the_hosts_refusal_is_known() -> None:
    with pytest.raises(RuntimeError) as caught:
        too_much()
    assert type(caught.value) is RuntimeError
    assert unless_out_of_memory(too_much) is None


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("Tried to allocate 2.00 GiB."),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    ],
    ids=str,
)
def test_the_devices_refusals_are_known(error: RuntimeError) -> None:
    def fail() -> None:
        raise error

    assert unless_out_of_memory(fail) is None


def test_every_other_error_goes_up_and_every_answer_comes_back() -> None:
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        unless_out_of_memory(lambda: torch.ones(2, 3) @ torch.ones(2, 3))
    assert unless_out_of_memory(lambda: 0.0) == 0.0


def test_half_as_many_down_to_one() -> None:
    assert [halve(n, side=64) for n in (32, 5, 3, 2)] == [16, 2, 1, 1]
    with pytest.raises(
        TrainingFailedError,
        match=r"^memory does not suffice for one image of 64 px at once: try a smaller "
        r"data.image_size, a smaller network, or a device with more memory$",
    ):
        halve(1, side=64)
