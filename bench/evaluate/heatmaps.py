"""Heat maps that were measured against known lesions, at the rows that they are of."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.evaluate.estimate import Interval
from bench.runs.predictions import PREDICTIONS
from bench.runs.records import MapAgreement, MapsRecord
from bench.runs.run import Run

if TYPE_CHECKING:
    from bench.evaluate.results import Row

ALL = "all findings"
NETWORK, RANDOM, FRAME, EVEN = "network", "random weights", "frame", "even"
"""Makers of maps: the network, its twin before training, one that marks the image's border, and one
that knows nothing: chance."""
DIFFERENCES = {"above_random": RANDOM, "above_frame": FRAME}
"""Differences of the network's hits from those of others on the same images, by name."""


@dataclass(frozen=True, kw_only=True)
class HeatMaps:
    """Heat maps of one row, with the controls of the same images.

    Attributes:
        boxes: ``phantom``, or the name of the file of boxes.
        measured: all makers for each finding, then for all findings.
    """

    boxes: str
    method: str
    seeds: tuple[int, ...]
    measured: tuple[MapAgreement, ...]

    @classmethod
    def of_record(cls, record: MapsRecord, *, seeds: Iterable[int]) -> HeatMaps:
        """The maps that are recorded of runs with some seeds."""
        return cls(
            boxes=record.boxes,
            method=record.method,
            seeds=tuple(sorted(seeds)),
            measured=record.rows,
        )

    def of(self, maker: str, finding: str = ALL) -> MapAgreement:
        """Agreement of a maker's maps, which were measured."""
        return next(
            each for each in self.measured if (each.maker, each.finding) == (maker, finding)
        )


def heat_maps(row: Row, records: Sequence[MapsRecord]) -> tuple[HeatMaps, ...]:
    """Measured maps of a row, one for each file of boxes: those of the most seeds.

    Args:
        records: of the store; those of other rows, and of trainings that are gone, are left out.
    """
    runs = {run.name: run for run in row.runs}
    own = [record for record in records if all(_is_of(record, name, runs) for name in record.runs)]
    largest = {record.boxes: record for record in sorted(own, key=lambda each: len(each.runs))}
    return tuple(
        HeatMaps.of_record(record, seeds=[runs[name].seed for name in record.runs])
        for _, record in sorted(largest.items())
    )


def stale_maps(records: Sequence[MapsRecord], stored: Sequence[Run]) -> tuple[str, ...]:
    """Names of the runs that were trained anew, or taken away, since their maps were measured."""
    runs = {run.name: run for run in stored}
    return tuple(
        sorted(
            {name for record in records for name in record.runs if not _is_of(record, name, runs)}
        )
    )


def _is_of(record: MapsRecord, name: str, runs: Mapping[str, Run]) -> bool:
    """Whether a run of a record is there, with the predictions that it had then."""
    return name in runs and runs[name].checksums.get(PREDICTIONS) == record.runs[name]


def interval(maps: MapAgreement, name: str) -> Interval:
    """A figure of maps that have it, with NaN for ends that are not known."""
    figure = maps.figures[name]
    return Interval(
        value=figure.value,
        low=math.nan if figure.low is None else figure.low,
        high=math.nan if figure.high is None else figure.high,
        reason=figure.reason,
    )
