"""Predictions of several classes, and of findings that do not exclude each other."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

import bench
from bench.data.load import open_study
from bench.predict.formats import FORMATS, summary_lines, table
from bench.predict.images import list_images
from bench.predict.predict import predict_images
from bench.predict.records import PredictionReport
from bench.predict.row import NetworkRow
from bench.progress import QuietProgress
from bench.runs.store import Store
from tests.bench.predict.conftest import SHORT


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """The report on six phantoms, and the probabilities of the network itself."""

    report: PredictionReport
    expected: NDArray[np.float64]


def predicted(task: str, plugin: Path, folder: Path) -> Predicted:
    """Predictions of a small network for six phantoms, as files."""
    changes = {**SHORT, "task": task, "data.options.images": 500, "seeds": [0], "controls": []}
    config = bench.load_config("demo", **changes)
    bench.run(config, out=folder / "runs", device="cpu", plugins=[plugin])
    study = open_study(config.data)
    assert study.reader is not None
    for image in study.rows["image"][:6]:
        pixels = study.reader.read(image)
        Image.fromarray(pixels).save(folder / f"{Path(image).stem}.png")
    row = NetworkRow.load(Store(folder / "runs").runs(), device=torch.device("cpu"))
    files = sorted(folder.glob("*.png"))
    report = predict_images(row, list_images(files), progress=QuietProgress())
    return Predicted(report=report, expected=row.first(files))


@pytest.fixture(scope="module")
def findings(plugin: Path, tmp_path_factory: pytest.TempPathFactory) -> Predicted:
    """Predictions of findings that do not exclude each other."""
    return predicted("findings14", plugin, tmp_path_factory.mktemp("findings"))


def test_findings_are_called_each_at_its_own_threshold(findings: Predicted) -> None:
    report = findings.report
    classes = report.classes
    assert [*report.thresholds] == [*report.temperatures] == [*classes]
    thresholds = np.array([report.thresholds[name] for name in classes])
    for image, p in zip(report.images, findings.expected, strict=True):
        assert image.probabilities == dict(zip(classes, p.tolist(), strict=True))
        assert image.decision == tuple(np.array(classes)[p >= thresholds])
        specific = report.specific_thresholds
        assert image.decision_specific == tuple(
            name for name, q in zip(classes, p, strict=True)
            if (at := specific[name]) is not None and q >= at
        )  # fmt: skip
    frame = pd.read_csv(io.StringIO(FORMATS[".csv"](report)), keep_default_na=False)
    assert [f"probability_{name}" for name in classes] == [*frame.columns[1 : 1 + len(classes)]]
    assert frame["decision"].tolist() == ["|".join(i.decision or ()) for i in report.images]
    assert "most probable" in table(report)
    assert not any("threshold" in line for line in summary_lines(report))


def test_of_several_classes_the_most_probable_is_called(plugin: Path, tmp_path: Path) -> None:
    found = predicted("m4", plugin, tmp_path)
    report = found.report
    assert (report.thresholds, [*report.temperatures]) == ({}, ["all"])
    assert [image.decision for image in report.images] == [
        (report.classes[n],) for n in found.expected.argmax(axis=1)
    ]
    assert {image.decision_specific for image in report.images} == {None}
    frame = pd.read_csv(io.StringIO(FORMATS[".csv"](report)), keep_default_na=False)
    assert set(frame["decision_at_95_specificity"]) == {""}


@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_names_with_signs_of_the_formats_are_kept(suffix: str, findings: Predicted) -> None:
    report = findings.report
    odd = report.images[0].model_copy(update={"image": 'a,"b"\n.png'})
    text = FORMATS[suffix](report.model_copy(update={"images": (odd,)}))
    if suffix == ".csv":
        assert pd.read_csv(io.StringIO(text))["image"].tolist() == [odd.image]
    else:
        assert PredictionReport.model_validate_json(text).images[0].image == odd.image
    assert table(report.model_copy(update={"images": (odd,)})).count("\n") == 2
