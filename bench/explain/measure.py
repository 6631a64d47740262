"""Agreement of a run's maps with known lesions, beside controls, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from bench.data.boxes import box_mask
from bench.data.study import patient_clusters
from bench.evaluate.bootstrap import Resampling
from bench.evaluate.estimate import Estimate, Interval
from bench.evaluate.heatmaps import DIFFERENCES, EVEN, FRAME, NETWORK, RANDOM
from bench.evaluate.resamples import Resamples
from bench.explain.cases import ANY, Case, Cases
from bench.explain.images import BATCH, mapper_of
from bench.explain.maps import Mapper
from bench.explain.pointing import (
    FIGURES,
    SIDE,
    centre_map,
    even_map,
    frame_map,
    ideal_maps,
    measure_agreement,
)
from bench.model import LoadedModel
from bench.randomness import derive_seed
from bench.registry import find_model
from bench.runs.predictions import PREDICTIONS
from bench.runs.records import MapAgreement, MapFigure, MapsRecord
from bench.train.device import random_state_kept

CENTRE, IDEAL = "centre", "boxes on the grid"
ROWS = (NETWORK, RANDOM, CENTRE, FRAME, EVEN, IDEAL)
"""Makers of maps, in the order of the table."""


def measure_maps(
    models: Sequence[LoadedModel],
    cases: Cases,
    *,
    boxes: str,
    progress: Callable[[int, int], None],
) -> MapsRecord:
    """Agreement of the maps of one network, trained from some seeds, and of the controls.

    The boxes are ``phantom``, or the name of a file. The progress is called with maps made and maps
    in all.
    """
    found: dict[str, list[pd.DataFrame]] = {NETWORK: [], RANDOM: []}
    total = 2 * len(models) * len(cases.cases)
    for done, model in enumerate(models):
        mapper = mapper_of(model)
        twin = mapper_of(with_random_weights(model))
        for step, (maker, maps_of) in enumerate(((NETWORK, mapper), (RANDOM, twin))):
            agreement, grid = _of_network(model, maps_of, cases)
            found[maker].append(agreement)
            progress((2 * done + step + 1) * len(cases.cases), total)
    makers = found | _controls(cases, grid)
    findings = [*sorted({case.finding for case in cases.cases} - {ANY}), ANY]
    return MapsRecord(
        boxes=boxes,
        method=mapper.method,
        runs={model.name: model.run.checksums[PREDICTIONS] for model in models},
        rows=tuple(row for finding in findings for row in _rows(makers, cases.cases, finding)),
    )


def with_random_weights(model: LoadedModel) -> LoadedModel:
    """The run's network with its initial weights, of the run's own seed and not pretrained.

    It is the sanity check of what a map says (Adebayo et al., "Sanity Checks for Saliency Maps",
    NeurIPS 2018): a map that looks the same for a network with random weights says nothing about
    what the network has learned.
    """
    with random_state_kept(model.device):
        torch.manual_seed(derive_seed(model.run.cell.seed, "initialisation"))
        network = find_model(model.run.cell.model).build(model.shape)
    other = copy(model)
    other.network = network.to(model.device).eval()
    return other


def _of_network(model: LoadedModel, mapper: Mapper, cases: Cases) -> tuple[pd.DataFrame, int]:
    """Agreement of a network's maps with all cases, and the side of the maps' grid."""
    parts = []
    for start in range(0, len(cases.cases), BATCH):
        some = cases.cases[start : start + BATCH]
        x = model.to_input(cases.squares[[case.row for case in some]])
        outputs = torch.tensor([case.output for case in some], device=model.device)
        maps = mapper(x, outputs).cpu().numpy()
        parts.append(measure_agreement(maps, _regions(some)))
    return pd.concat(parts, ignore_index=True), maps.shape[1]


def _controls(cases: Cases, grid: int) -> dict[str, list[pd.DataFrame]]:
    """Agreement of the maps that no network makes, which are the same for every seed."""
    parts: dict[str, list[pd.DataFrame]] = {CENTRE: [], FRAME: [], EVEN: [], IDEAL: []}
    same = {CENTRE: centre_map(), FRAME: frame_map(), EVEN: even_map()}
    for start in range(0, len(cases.cases), BATCH):
        regions = _regions(cases.cases[start : start + BATCH])
        for maker, made in same.items():
            maps = np.repeat(made[None], len(regions), axis=0)
            parts[maker].append(measure_agreement(maps, regions))
        parts[IDEAL].append(measure_agreement(ideal_maps(regions, grid), regions))
    return {maker: [pd.concat(of_maker, ignore_index=True)] for maker, of_maker in parts.items()}


def _regions(cases: Sequence[Case]) -> NDArray[np.bool_]:
    return np.stack([box_mask(case.boxes, SIDE) for case in cases])


def _rows(
    found: dict[str, list[pd.DataFrame]], cases: Sequence[Case], finding: str
) -> list[MapAgreement]:
    """The rows of a finding.

    All findings together are those cases that stand for an image's, where the network has two
    classes; otherwise every pair of an image and a finding.
    """
    chosen = [k for k, case in enumerate(cases) if case.finding == finding]
    chosen = chosen or list(range(len(cases)))
    some = [cases[k] for k in chosen]
    resampling = Resampling()
    resamples = resampling.resample(
        images=[f"{case.image}\t{case.finding}" for case in some],
        patients=patient_clusters([c.image for c in some], [c.patient for c in some]),
    )
    order = np.asarray(chosen)[resamples.order]
    estimates = {
        maker: [_estimates(each, order, resamples) for each in of_maker]
        for maker, of_maker in found.items()
    }

    def interval(of_seeds: Sequence[Estimate]) -> MapFigure:
        return _stored(Interval.of(resampling.over_seeds(of_seeds)))

    def above(other: str) -> MapFigure:
        own, others = estimates[NETWORK], estimates[other]
        if len(others) == 1:
            others = others * len(own)
        return interval([_difference(a["hit"], b["hit"]) for a, b in zip(own, others, strict=True)])

    differences = {name: above(other) for name, other in DIFFERENCES.items()}
    return [
        MapAgreement(
            maker=maker,
            finding=finding,
            images=len({case.image for case in some}),
            patients=len(np.unique(resamples.groups)),
            figures={name: interval([each[name] for each in estimates[maker]]) for name in FIGURES}
            | (differences if maker == NETWORK else {}),
        )
        for maker in ROWS
    ]


def _stored(measured: Interval) -> MapFigure:
    known = not measured.reason
    return MapFigure(
        value=measured.value,
        low=measured.low if known else None,
        high=measured.high if known else None,
        reason=measured.reason,
    )


def _estimates(
    agreement: pd.DataFrame, order: NDArray[np.int64], resamples: Resamples
) -> dict[str, Estimate]:
    ones = np.ones(len(order))
    hit, energy, iou = (agreement[name].to_numpy()[order] for name in FIGURES)
    return {
        "hit": resamples.share(hit, ones),
        "energy": resamples.ratio(energy, ones),
        "iou": resamples.ratio(iou, ones),
    }


def _difference(first: Estimate, second: Estimate) -> Estimate:
    """The difference of two figures on the same resamples."""
    return Estimate(
        value=first.value - second.value,
        draws=first.draws - second.draws,
        bounds=(-1.0, 1.0),
        reason=first.reason or second.reason,
    )
