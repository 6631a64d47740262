"""Heat maps that were measured against known lesions, as sections of a table."""

from __future__ import annotations

from collections.abc import Sequence

from bench.evaluate.heatmaps import ALL, DIFFERENCES, EVEN, NETWORK, RANDOM, HeatMaps, MeasuredMaps
from bench.evaluate.results import Row, Table
from bench.report.columns import NONE, Column, Section, column, counts, difference, measured, texts
from bench.report.notes import notes

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
        column("chance", "chance", [measured(maps.of(EVEN).figures["hit"]) for _, maps in found]),
    ]


def _figures(lines: Sequence[MeasuredMaps]) -> list[Column]:
    """Hits, their differences from those of others, which a network alone has, and overlap."""
    differences = {name: [each.figures.get(name) for each in lines] for name in DIFFERENCES}
    return [
        column("hit", "hits", [measured(each.figures["hit"]) for each in lines]),
        *(
            column(
                name,
                f"above {DIFFERENCES[name]}",
                [difference(gap) if gap else NONE for gap in gaps],
            )
            for name, gaps in differences.items()
        ),
        column("energy", "energy", [measured(each.figures["energy"]) for each in lines]),
        column("iou", "IoU", [measured(each.figures["iou"]) for each in lines]),
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
        column("hit", "hits", [measured(each.figures["hit"]) for _, _, each in lines]),
        column(
            "random",
            RANDOM,
            [measured(maps.of(RANDOM, each.finding).figures["hit"]) for _, maps, each in lines],
        ),
        column(
            "above_random",
            "difference",
            [difference(each.figures["above_random"]) for _, _, each in lines],
        ),
    ]
    return Section(id="heat-map-findings", title="Hits by finding", columns=columns)
