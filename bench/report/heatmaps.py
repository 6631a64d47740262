"""Heat maps that were measured against known lesions, as sections of a table."""

from __future__ import annotations

from collections.abc import Sequence

from bench.evaluate.heatmaps import ALL, DIFFERENCES, EVEN, NETWORK, RANDOM, HeatMaps, interval
from bench.evaluate.results import Row, Table
from bench.report.columns import NONE, Column, Section, column, counts, difference, measured, texts
from bench.report.notes import notes
from bench.runs.records import MapAgreement

Measured = Sequence[tuple[Row, HeatMaps]]


def heat_map_sections(table: Table) -> list[Section]:
    """All findings, a line for each network, and a line for each finding; none without maps."""
    found = [(row, maps) for row in table.rows for maps in row.heat_maps]
    if not found:
        return []
    rows = [row for row, _ in found]
    return [
        Section(
            id="heat-maps",
            title="Heat maps",
            columns=_of_all(found),
            rows=rows,
            notes=notes(table, "heat-maps"),
        ),
        _by_finding([(row.label, maps) for row, maps in found]),
    ]


def pointing_sections(row: str, maps: HeatMaps) -> list[Section]:
    """The maps of one row, named so: all findings, a line for each maker, and each finding."""
    makers = [each for each in maps.measured if each.finding == ALL]
    names = texts("maker", "maps of", [each.maker for each in makers], kind="name")
    return [
        Section(id="makers", title=ALL.capitalize(), columns=[names, *_figures(makers)]),
        _by_finding([(row, maps)]),
    ]


def _of_all(found: Measured) -> list[Column]:
    settings = [row.settings for row, _ in found]
    of_networks = [maps.of(NETWORK) for _, maps in found]
    return [
        texts("model", "model", [row.model for row, _ in found], kind="name"),
        texts("loss", "loss", [row.loss for row, _ in found], kind="name"),
        *([texts("settings", "settings", settings, kind="name")] if any(settings) else []),
        texts("method", "map", [maps.method for _, maps in found]),
        texts("boxes", "lesions", [maps.boxes for _, maps in found]),
        counts("seeds", [len(maps.seeds) for _, maps in found]),
        counts("images", [each.images for each in of_networks]),
        *_figures(of_networks),
        column("chance", "chance", [measured(interval(maps.of(EVEN), "hit")) for _, maps in found]),
    ]


def _figures(lines: Sequence[MapAgreement]) -> list[Column]:
    """Hits, their differences from those of others, which a network alone has, and overlap."""
    return [
        column("hit", "hits", [measured(interval(each, "hit")) for each in lines]),
        *(
            column(
                name,
                f"above {other}",
                [
                    difference(interval(each, name)) if name in each.figures else NONE
                    for each in lines
                ],
            )
            for name, other in DIFFERENCES.items()
        ),
        column("energy", "energy", [measured(interval(each, "energy")) for each in lines]),
        column("iou", "IoU", [measured(interval(each, "iou")) for each in lines]),
    ]


def _by_finding(found: Sequence[tuple[str, HeatMaps]]) -> Section:
    """The hits of rows, named so, by finding."""
    lines = [
        (row, maps, each)
        for row, maps in found
        for each in maps.measured
        if each.maker == NETWORK and each.finding != ALL
    ]
    columns = [
        texts("finding", "finding", [each.finding for _, _, each in lines], kind="name"),
        texts("row", "row", [row for row, _, _ in lines], kind="name"),
        counts("images", [each.images for _, _, each in lines]),
        column("hit", "hits", [measured(interval(each, "hit")) for _, _, each in lines]),
        column(
            "random",
            RANDOM,
            [measured(interval(maps.of(RANDOM, each.finding), "hit")) for _, maps, each in lines],
        ),
        column(
            "above_random",
            "difference",
            [difference(interval(each, "above_random")) for _, _, each in lines],
        ),
    ]
    return Section(id="heat-map-findings", title="Hits by finding", columns=columns)
