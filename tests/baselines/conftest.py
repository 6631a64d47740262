"""Networks without memory draw no initial weights, which takes longer than all else of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import timm.layers.weight_init
import torch.nn.init
from torch import Tensor


@pytest.fixture(autouse=True, scope="package")
def _nothing_drawn_without_memory() -> Iterator[None]:
    def unless_meta(draw: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def drawn(tensor: Tensor, *arguments: Any, **options: Any) -> Tensor:
            return tensor if tensor.is_meta else draw(tensor, *arguments, **options)

        return drawn

    with pytest.MonkeyPatch.context() as patch:
        for module, names in (
            (timm.layers.weight_init, ["_trunc_normal_"]),
            (torch.nn.init, ["kaiming_normal_", "kaiming_uniform_", "normal_", "uniform_"]),
        ):
            for name in names:
                patch.setattr(module, name, unless_meta(getattr(module, name)))
        yield
