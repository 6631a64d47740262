"""Agreement of maps as a table."""

from __future__ import annotations

from bench.evaluate.estimate import Interval
from bench.evaluate.heatmaps import MeasuredMaps
from bench.explain.tables import agreement_json, agreement_markdown

ONE = Interval(value=0.5, low=0.25, high=0.75)
UNKNOWN = Interval(value=0.012, reason="one patient alone")


def measured(maker: str, finding: str, **differences: Interval) -> MeasuredMaps:
    figures = {"hit": ONE, "energy": ONE, "iou": UNKNOWN, **differences}
    return MeasuredMaps(finding=finding, maker=maker, images=1200, patients=1, figures=figures)


def test_a_figure_without_an_interval_has_no_brackets() -> None:
    above = {"above_random": UNKNOWN, "above_frame": ONE}
    rows = [
        row
        for finding in ("Mass", "all findings")
        for row in (
            measured("network", finding, **above),
            measured("random weights", finding),
            measured("even", finding),
        )
    ]
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in agreement_markdown(rows, ["about"]).splitlines()
        if line.startswith("| ")
    ]
    hit = "0.500 (0.250–0.750)"
    assert lines == [
        [
            *("maps of", "hits", "energy in the boxes", "IoU"),
            *("hits above random weights", "hits above frame"),
        ],
        ["network", hit, hit, "0.012", "+0.012", "+0.500 (+0.250 to +0.750)"],
        ["random weights", hit, hit, "0.012", "–", "–"],
        ["even", hit, hit, "0.012", "–", "–"],
        [
            *("finding", "images", "patients", "network", "random weights", "chance"),
            "above random weights",
        ],
        ["Mass", "1,200", "1", hit, hit, "0.500", "+0.012"],
    ]
    assert '"iou_low": null' in agreement_json(rows, {})
