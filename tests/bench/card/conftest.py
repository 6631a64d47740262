"""The network that these tests train is forgotten after them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bench.export.real_runs import forget_small


@pytest.fixture(autouse=True, scope="package")
def _small_forgotten() -> Iterator[None]:
    yield
    forget_small()
