"""Operating points against every threshold there is, and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.evaluate.operating import OperatingPoint, fewest_spared, sensitivity_at_specificity

IMAGES = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from([-1.0, 0.0, 0.25, 0.5, 2.0])), min_size=1
)
SPECIFICITY = st.one_of(st.sampled_from([0.05, 0.9, 0.95, 1.0]), st.floats(0.001, 1.0))


@given(IMAGES, SPECIFICITY)
def test_no_lower_threshold_has_the_specificity(
    images: list[tuple[int, float]], specificity: float
) -> None:
    t, s = (np.array(each) for each in zip(*images, strict=True))
    found = sensitivity_at_specificity(t, s, specificity=specificity)
    if t.all() or not t.any():
        assert math.isnan(found.sensitivity)
        return
    allowed = [
        threshold
        for threshold in (*np.unique(s), math.inf)
        if (s[t == 0] < threshold).mean() >= specificity
    ]
    called = s >= found.threshold
    assert found.threshold == min(allowed)
    assert found.sensitivity == called[t == 1].mean()
    assert found.specificity == pytest.approx((~called)[t == 0].mean(), abs=1e-15)
    hits = (called & (t == 1)).sum()
    expected = called.sum() / hits if hits else math.nan
    assert found.needed_to_read == pytest.approx(expected, nan_ok=True)


def test_by_hand() -> None:
    targets = [0] * 10 + [1] * 4
    scores = [*np.arange(10) / 10, 0.35, 0.85, 0.95, 0.95]
    # Nine of ten negatives are below 0.85, and one of the three positives' company is a negative.
    assert sensitivity_at_specificity(targets, scores, specificity=0.9) == OperatingPoint(
        threshold=0.85, sensitivity=0.75, specificity=0.9, needed_to_read=4 / 3
    )
    # 19 of 20 are asked for, and there are ten: so all ten.
    assert sensitivity_at_specificity(targets, scores, specificity=0.95) == OperatingPoint(
        threshold=0.95, sensitivity=0.5, specificity=1.0, needed_to_read=1.0
    )


def test_where_the_highest_score_is_a_negative_s_nothing_is_found() -> None:
    found = sensitivity_at_specificity([1, 0], [0.2, 0.8], specificity=0.95)
    assert (found.threshold, found.sensitivity, found.specificity) == (math.inf, 0.0, 1.0)
    assert math.isnan(found.needed_to_read)


def test_a_share_in_decimals_is_meant_exactly() -> None:
    """However its product with the number of images is rounded: 0.07 * 100 is above 7."""
    whole = np.arange(1, 1001)
    for hundredths in range(1, 101):
        expected = -(-hundredths * whole // 100)
        found = fewest_spared(whole, specificity=hundredths / 100)
        np.testing.assert_array_equal(found, expected, err_msg=str(hundredths))


@pytest.mark.parametrize("specificity", [0.0, -0.1, 1.01, math.nan])
def test_a_specificity_that_is_none_is_refused(specificity: float) -> None:
    with pytest.raises(ValueError, match=r"not in \(0, 1\]"):
        sensitivity_at_specificity([0, 1], [0.1, 0.9], specificity=specificity)


def test_scores_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        sensitivity_at_specificity([0, 1], [0.1, math.nan], specificity=0.9)
