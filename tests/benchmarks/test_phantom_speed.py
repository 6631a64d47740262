"""Synthetic radiographs a second; 1,000 at 64 px on one core are wanted."""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.data.phantom import draw_cohort, render

COHORT = draw_cohort(images=100, seed=0)


@pytest.mark.parametrize("size", [32, 64])
def test_render_100_images(benchmark: BenchmarkFixture, size: int) -> None:
    render(COHORT[0], seed=0, size=size)  # the shared textures are made once per size

    def render_all() -> int:
        return sum(len(render(visit, seed=0, size=size)) for visit in COHORT)

    assert benchmark(render_all) == len(COHORT) * size


def test_draw_a_cohort_of_2000(benchmark: BenchmarkFixture) -> None:
    assert len(benchmark(draw_cohort, images=2000, seed=0)) == 2000
