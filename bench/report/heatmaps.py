"""Heat maps that were measured against known lesions, as sections of a table."""

from __future__ import annotations

from collections.abc import Sequence

from bench.evaluate.heatmaps import ALL, EVEN, NETWORK, RANDOM, HeatMaps
from bench.evaluate.results import Row, Table
from bench.report.columns import Column, Section, column, counts, difference, measured, texts
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
        Section(id="heat-map-findings", title="Hits by finding", columns=_by_finding(found)),
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
        column("hit", "hits", [measured(each.figures["hit"]) for each in of_networks]),
        column(
            "above_random",
            "above random weights",
            [difference(each.figures["above_random"]) for each in of_networks],
        ),
        column(
            "above_frame",
            "above the frame",
            [difference(each.figures["above_frame"]) for each in of_networks],
        ),
        column("chance", "chance", [measured(maps.of(EVEN).figures["hit"]) for _, maps in found]),
        column("energy", "energy", [measured(each.figures["energy"]) for each in of_networks]),
        column("iou", "IoU", [measured(each.figures["iou"]) for each in of_networks]),
    ]


def _by_finding(found: Measured) -> list[Column]:
    lines = [
        (row, maps, each)
        for row, maps in found
        for each in maps.measured
        if each.maker == NETWORK and each.finding != ALL
    ]
    return [
        texts("finding", "finding", [each.finding for _, _, each in lines], kind="name"),
        texts("row", "row", [row.label for row, _, _ in lines], kind="name"),
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
