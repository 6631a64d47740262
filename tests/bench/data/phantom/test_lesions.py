"""Known places of the phantom's findings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.data.boxes import box_mask
from bench.data.phantom import draw_cohort, render
from bench.data.phantom.lesions import SIDE, lesion_boxes, lesion_mask

VISITS = [visit for visit in draw_cohort(images=300, seed=0) if visit.shown]


def test_a_nodules_box_is_where_the_image_changes() -> None:
    """The image with a lone finding and without it differ most inside the box."""
    chosen = [visit for visit in VISITS if visit.shown == ("Nodule",)][:3]
    assert len(chosen) == 3
    for visit in chosen:
        boxes = lesion_boxes(visit, seed=0)
        assert list(boxes) == ["Nodule"]
        inside = box_mask(boxes["Nodule"], SIDE)
        assert 0.001 < inside.mean() < 0.05
        pair = [render(each, seed=0, size=SIDE) for each in (visit, replace(visit, shown=()))]
        change = np.abs(pair[0].astype(float) - pair[1])
        assert change[inside].mean() > 4 * change[~inside].mean()


@pytest.mark.parametrize("visit", VISITS[:12], ids=lambda visit: visit.image)
def test_each_finding_that_is_shown_has_boxes_around_its_pixels(visit: object) -> None:
    from bench.data.phantom import Visit

    assert isinstance(visit, Visit)
    boxes = lesion_boxes(visit, seed=0)
    assert set(boxes) == set(visit.shown)
    for finding, found in boxes.items():
        mask = lesion_mask(visit, finding, seed=0)
        assert mask.any()
        assert not (mask & ~box_mask(found, SIDE)).any()


def test_the_boxes_of_a_normal_image_are_none() -> None:
    normal = next(visit for visit in draw_cohort(images=20, seed=0) if not visit.shown)
    assert lesion_boxes(normal, seed=0) == {}
